import { JuteError } from '../jute';
import { KeeperException } from '../keeper-exception';
import type { MultiOp } from '../multi';
import { CreateMode, KeeperCode, OpCode, Perms, type CreateRequest, type CreateTTLRequest, type Id } from '../requests';
import type { SetACLRequest } from '../requests';
import { parentPath, pathProblem } from '../znode-path';
import { checkAcl, fixupAcl } from './authorization';
import { specialPaths } from './data-tree';
import { containerOwner, ephemeralType, maxTtl, ttlOwner } from './ephemeral-type';
import type { PendingChanges } from './pending-changes';
import type { Txn } from './transactions';

/** Who asks. */
export interface Client {
  readonly sessionId: bigint;
  /** What it has authenticated as, its address among it. */
  readonly ids: readonly Id[];
  /** Its server has SASL logins, so that access may be given to them. */
  readonly saslIsKnown?: boolean;
}

export type WriteOp = MultiOp | { readonly type: typeof OpCode.setACL; readonly request: SetACLRequest };

/**
 * Checks a request against the tree and the operations before it in its multi, in ZooKeeper's order of checks
 * (PrepRequestProcessor), and says what is to be applied. Throws KeeperException.
 */
export function prepare(op: WriteOp, client: Client, state: PendingChanges): Txn {
  switch (op.type) {
    case OpCode.create:
    case OpCode.create2:
    case OpCode.createContainer:
      return prepareCreate(op.type, op.request, -1n, client, state);
    case OpCode.createTTL:
      return prepareCreate(op.type, op.request, op.request.ttl, client, state);
    case OpCode.delete: {
      const { path, version } = op.request;
      const parent = parentOf(path);
      checkAcl(state.get(parent).acl.acl, Perms.delete, client.ids, path);
      const node = state.get(path);
      checkVersion(node.version, version, path);
      return prepareDelete(OpCode.delete, path, state);
    }
    case OpCode.setData: {
      const { path, data, version } = op.request;
      checkPath(path);
      const node = state.get(path);
      checkAcl(node.acl.acl, Perms.write, client.ids, path);
      const next = checkVersion(node.version, version, path);
      state.change(path, { version: next });
      return { type: OpCode.setData, path, data, version: next };
    }
    case OpCode.setACL: {
      const { path, acl, version } = op.request;
      checkPath(path);
      const fixed = fixupAcl(acl, client, path);
      const node = state.get(path);
      checkAcl(node.acl.acl, Perms.admin, client.ids, path);
      return { type: OpCode.setACL, path, acl: fixed, version: checkVersion(node.aversion, version, path) };
    }
    case OpCode.check: {
      const { path, version } = op.request;
      checkPath(path);
      const node = state.get(path);
      checkAcl(node.acl.acl, Perms.read, client.ids, path);
      return { type: OpCode.check, path, version: checkVersion(node.version, version, path) };
    }
  }
}

/**
 * The deletion of a container or of a znode with a time to live: by the server itself (without a client), or by a
 * client that may.
 */
export function prepareDeleteContainer(path: string, client: Client | undefined, state: PendingChanges): Txn {
  const parent = parentOf(path);
  if (client !== undefined) checkAcl(state.get(parent).acl.acl, Perms.delete, client.ids, path);
  const type = ephemeralType(state.get(path).ephemeralOwner);
  if (type !== 'container' && type !== 'ttl') throw new KeeperException(KeeperCode.BADVERSION, path);
  return prepareDelete(OpCode.deleteContainer, path, state);
}

function prepareDelete(
  type: typeof OpCode.delete | typeof OpCode.deleteContainer,
  path: string,
  state: PendingChanges,
): Txn {
  if (state.get(path).childCount > 0) throw new KeeperException(KeeperCode.NOTEMPTY, path);
  const parent = parentOf(path);
  state.change(parent, { childCount: state.get(parent).childCount - 1 });
  state.delete(path);
  return { type, path };
}

/** Whether a number is a CreateMode: in a multi any other makes the whole request unreadable. */
export function isCreateMode(flags: number): flags is CreateMode {
  return flags >= CreateMode.persistent && flags <= CreateMode.persistentSequentialWithTTL;
}

/** Refuses a multi with a create of an unknown mode. */
export function checkCreateModes(ops: readonly MultiOp[]): void {
  for (const { request } of ops) {
    if ('flags' in request && !isCreateMode(request.flags)) {
      throw new JuteError(`flags ${request.flags} of a create: 0 to 6 are valid`);
    }
  }
}

function prepareCreate(
  type: typeof OpCode.create | typeof OpCode.create2 | typeof OpCode.createContainer | typeof OpCode.createTTL,
  { path: asked, data, acl, flags }: CreateRequest | CreateTTLRequest,
  ttl: bigint,
  client: Client,
  state: PendingChanges,
): Txn {
  if (!isCreateMode(flags)) throw badArguments(asked, `flags ${flags}: 0 to 6 are valid`);
  const withTtl = flags === CreateMode.persistentWithTTL || flags === CreateMode.persistentSequentialWithTTL;
  if (withTtl ? ttl < 1n || ttl > maxTtl : ttl >= 0n) {
    throw badArguments(asked, `a time to live of ${ttl} ms: 1 to ${maxTtl} are valid, with the flags 5 and 6 alone`);
  }
  if (!asked.includes('/') || asked.includes('\0')) throw badArguments(asked, 'it is not a path');
  const above = parentPath(asked);
  const fixed = fixupAcl(acl, client, asked);
  const parent = state.get(above);
  checkAcl(parent.acl.acl, Perms.create, client.ids, asked);
  const sequential =
    flags === CreateMode.persistentSequential ||
    flags === CreateMode.ephemeralSequential ||
    flags === CreateMode.persistentSequentialWithTTL;
  const path = sequential ? asked + sequenceNumber(parent.cversion) : asked;
  checkPath(path);
  if (state.find(path) !== undefined) throw new KeeperException(KeeperCode.NODEEXISTS, path);
  if (ephemeralType(parent.ephemeralOwner) === 'session') {
    throw new KeeperException(KeeperCode.NOCHILDRENFOREPHEMERALS, path);
  }
  const parentCVersion = (parent.cversion + 1) | 0;
  const ephemeral = flags === CreateMode.ephemeral || flags === CreateMode.ephemeralSequential;
  state.change(above, { cversion: parentCVersion, childCount: parent.childCount + 1 });
  switch (type) {
    case OpCode.createContainer:
      state.create(path, containerOwner, fixed);
      return { type, path, data, acl: fixed, parentCVersion };
    case OpCode.createTTL:
      if (!withTtl) break;
      state.create(path, ttlOwner(ttl), fixed);
      return { type, path, data, acl: fixed, parentCVersion, ttl };
    case OpCode.create:
    case OpCode.create2:
      state.create(path, ephemeral ? client.sessionId : 0n, fixed);
      return { type, path, data, acl: fixed, ephemeral, parentCVersion };
  }
  throw badArguments(asked, 'createTTL without a time to live');
}

// Ten digits; a count that has run over has its sign in them.
function sequenceNumber(count: number): string {
  return count < 0 ? `-${String(-count).padStart(9, '0')}` : String(count).padStart(10, '0');
}

function parentOf(path: string): string {
  if (!path.includes('/') || path.includes('\0')) throw badArguments(path, 'it is not a path');
  if (specialPaths.has(path)) throw badArguments(path, 'it belongs to ZooKeeper');
  return parentPath(path);
}

function checkPath(path: string): void {
  const why = pathProblem(path);
  if (why !== undefined) throw badArguments(path, `it ${why}`);
}

function checkVersion(current: number, expected: number, path: string): number {
  if (expected !== -1 && expected !== current) throw new KeeperException(KeeperCode.BADVERSION, path);
  return (current + 1) | 0;
}

function badArguments(path: string, why: string): KeeperException {
  return new KeeperException(KeeperCode.BADARGUMENTS, path, `BADARGUMENTS for ${path}: ${why}`);
}
