import { JuteError, type JuteReader, type JuteType, type JuteWriter } from './jute';
import {
  CheckVersionRequest,
  Create2Response,
  CreateRequest,
  CreateResponse,
  CreateTTLRequest,
  DeleteRequest,
  ErrorResponse,
  GetChildrenRequest,
  GetChildrenResponse,
  GetDataRequest,
  GetDataResponse,
  MultiHeader,
  OpCode,
  SetDataRequest,
  SetDataResponse,
} from './requests';

/** An operation of a multi: one that writes, or a check. */
export type MultiOp =
  | { readonly type: typeof OpCode.create; readonly request: CreateRequest }
  | { readonly type: typeof OpCode.create2; readonly request: CreateRequest }
  | { readonly type: typeof OpCode.createContainer; readonly request: CreateRequest }
  | { readonly type: typeof OpCode.createTTL; readonly request: CreateTTLRequest }
  | { readonly type: typeof OpCode.delete; readonly request: DeleteRequest }
  | { readonly type: typeof OpCode.setData; readonly request: SetDataRequest }
  | { readonly type: typeof OpCode.check; readonly request: CheckVersionRequest };

/** An operation of a multiRead. */
export type MultiReadOp =
  | { readonly type: typeof OpCode.getData; readonly request: GetDataRequest }
  | { readonly type: typeof OpCode.getChildren; readonly request: GetChildrenRequest };

/** The result of an operation, in the order of the operations. */
export type MultiOpResult =
  | { readonly type: typeof OpCode.create; readonly response: CreateResponse }
  | { readonly type: typeof OpCode.create2; readonly response: Create2Response }
  | { readonly type: typeof OpCode.createContainer; readonly response: Create2Response }
  | { readonly type: typeof OpCode.createTTL; readonly response: Create2Response }
  | { readonly type: typeof OpCode.delete; readonly response: null }
  | { readonly type: typeof OpCode.check; readonly response: null }
  | { readonly type: typeof OpCode.setData; readonly response: SetDataResponse }
  | { readonly type: typeof OpCode.getData; readonly response: GetDataResponse }
  | { readonly type: typeof OpCode.getChildren; readonly response: GetChildrenResponse }
  | { readonly type: typeof OpCode.error; readonly response: ErrorResponse };

const nothing: JuteType<null> = { minBytes: 0, write() {}, read: () => null };

const writeRequests: ReadonlyMap<number, JuteType<unknown>> = new Map<number, JuteType<unknown>>([
  [OpCode.create, CreateRequest],
  [OpCode.create2, CreateRequest],
  [OpCode.createContainer, CreateRequest],
  [OpCode.createTTL, CreateTTLRequest],
  [OpCode.delete, DeleteRequest],
  [OpCode.setData, SetDataRequest],
  [OpCode.check, CheckVersionRequest],
]);

const readRequests: ReadonlyMap<number, JuteType<unknown>> = new Map<number, JuteType<unknown>>([
  [OpCode.getData, GetDataRequest],
  [OpCode.getChildren, GetChildrenRequest],
]);

const responses: ReadonlyMap<number, JuteType<unknown>> = new Map<number, JuteType<unknown>>([
  [OpCode.create, CreateResponse],
  [OpCode.create2, Create2Response],
  [OpCode.createContainer, Create2Response],
  [OpCode.createTTL, Create2Response],
  [OpCode.delete, nothing],
  [OpCode.check, nothing],
  [OpCode.setData, SetDataResponse],
  [OpCode.getData, GetDataResponse],
  [OpCode.getChildren, GetChildrenResponse],
  [OpCode.error, ErrorResponse],
]);

/** The body of a multi. */
export const MultiRequest: JuteType<readonly MultiOp[]> = transaction(writeRequests, -1);

/** The body of a multiRead. */
export const MultiReadRequest: JuteType<readonly MultiReadOp[]> = transaction(readRequests, -1);

/** The body of the reply to a multi or multiRead. */
export const MultiResponse: JuteType<readonly MultiOpResult[]> = {
  minBytes: 9,
  write(to, results) {
    for (const result of results) {
      const err = result.type === OpCode.error ? result.response.err : 0;
      MultiHeader.write(to, { type: result.type, done: false, err });
      typeOf(responses, result.type).write(to, result.response);
    }
    MultiHeader.write(to, { type: -1, done: true, err: -1 });
  },
  read(from) {
    return readUntilDone(from, (type) => ({ type, response: typeOf(responses, type).read(from) }) as MultiOpResult);
  },
};

function transaction<Op extends { readonly type: number; readonly request: unknown }>(
  types: ReadonlyMap<number, JuteType<unknown>>,
  err: number,
): JuteType<readonly Op[]> {
  return {
    minBytes: 9,
    write(to: JuteWriter, ops: readonly Op[]) {
      for (const op of ops) {
        MultiHeader.write(to, { type: op.type, done: false, err });
        typeOf(types, op.type).write(to, op.request);
      }
      MultiHeader.write(to, { type: -1, done: true, err: -1 });
    },
    read(from: JuteReader) {
      return readUntilDone(from, (type) => ({ type, request: typeOf(types, type).read(from) }) as Op);
    },
  };
}

function readUntilDone<T>(from: JuteReader, read: (type: number) => T): T[] {
  const all: T[] = [];
  for (;;) {
    const header = MultiHeader.read(from);
    if (header.done) return all;
    all.push(read(header.type));
  }
}

function typeOf(types: ReadonlyMap<number, JuteType<unknown>>, type: number): JuteType<unknown> {
  const found = types.get(type);
  if (found === undefined) {
    throw new JuteError(`operation ${type} in a multi: one of ${[...types.keys()].join(', ')} is valid`);
  }
  return found;
}
