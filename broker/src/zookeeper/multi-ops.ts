import { KeeperException } from './keeper-exception';
import type { MultiOp, MultiOpResult, MultiReadOp } from './multi';
import {
  anyVersion,
  CreateMode,
  KeeperCode,
  keeperCodeName,
  OpCode,
  openAcl,
  type Acl,
  type Create2Response,
  type CreateResponse,
  type GetChildrenResponse,
  type GetDataResponse,
  type SetDataResponse,
} from './requests';

export type CreateOp = Extract<MultiOp, { type: typeof OpCode.create }>;
export type DeleteOp = Extract<MultiOp, { type: typeof OpCode.delete }>;
export type SetDataOp = Extract<MultiOp, { type: typeof OpCode.setData }>;
export type CheckOp = Extract<MultiOp, { type: typeof OpCode.check }>;

export function createOp(
  path: string,
  data: Buffer | null,
  options: { readonly mode?: CreateMode; readonly acl?: readonly Acl[] } = {},
): CreateOp {
  const flags = options.mode ?? CreateMode.persistent;
  return { type: OpCode.create, request: { path, data, acl: options.acl ?? openAcl, flags } };
}

export function deleteOp(path: string, version: number = anyVersion): DeleteOp {
  return { type: OpCode.delete, request: { path, version } };
}

export function setDataOp(path: string, data: Buffer | null, version: number = anyVersion): SetDataOp {
  return { type: OpCode.setData, request: { path, data, version } };
}

/** Fails the multi unless the znode is there with this version (-1: any). */
export function checkOp(path: string, version: number): CheckOp {
  return { type: OpCode.check, request: { path, version } };
}

export function getDataOp(path: string): Extract<MultiReadOp, { type: typeof OpCode.getData }> {
  return { type: OpCode.getData, request: { path, watch: false } };
}

export function getChildrenOp(path: string): Extract<MultiReadOp, { type: typeof OpCode.getChildren }> {
  return { type: OpCode.getChildren, request: { path, watch: false } };
}

/** What an operation of a multi gives: a create its path, a setData its Stat, a delete and a check nothing. */
export type MultiResult<Op> = Op extends { readonly type: typeof OpCode.create }
  ? CreateResponse
  : Op extends {
        readonly type: typeof OpCode.create2 | typeof OpCode.createTTL | typeof OpCode.createContainer;
      }
    ? Create2Response
    : Op extends { readonly type: typeof OpCode.setData }
      ? SetDataResponse
      : Op extends { readonly type: typeof OpCode.delete | typeof OpCode.check }
        ? null
        : never;

export type MultiResults<Ops extends readonly MultiOp[]> = { readonly [K in keyof Ops]: MultiResult<Ops[K]> };

export type MultiReadResult<Op> = Op extends { readonly type: typeof OpCode.getData }
  ? GetDataResponse | KeeperException
  : Op extends { readonly type: typeof OpCode.getChildren }
    ? GetChildrenResponse | KeeperException
    : never;

const opNames = new Map<number, string>(Object.entries(OpCode).map(([name, code]) => [code, name]));

/** A multi was not done: `op` at `index` failed with `code`. */
export class MultiException extends KeeperException {
  constructor(
    code: number,
    readonly index: number,
    readonly op: MultiOp,
    count: number,
  ) {
    const version =
      'version' in op.request && op.request.version !== anyVersion ? ` at version ${op.request.version}` : '';
    super(
      code,
      op.request.path,
      `${keeperCodeName(code)} for ${op.request.path}: ${opNames.get(op.type)}${version}, operation ${index + 1} of ` +
        `${count} in a multi, of which none was done`,
    );
  }
}

/** The failure that the results of a multi tell of, if they do. */
export function multiFailure(ops: readonly MultiOp[], results: readonly MultiOpResult[]): MultiException | undefined {
  // Before the one that failed stand errors of code OK, after it RUNTIMEINCONSISTENCY: they were not done.
  for (const [index, result] of results.entries()) {
    if (result.type === OpCode.error && result.response.err !== KeeperCode.OK) {
      return new MultiException(result.response.err, index, ops[index]!, ops.length);
    }
  }
  return undefined;
}
