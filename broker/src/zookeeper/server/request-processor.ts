import type { Clock } from '../../io/clock';
import type { Logger } from '../../logging/logger';
import { JuteError, JuteWriter, type JuteReader, type JuteType } from '../jute';
import { KeeperException } from '../keeper-exception';
import { MultiReadRequest, MultiRequest, MultiResponse, type MultiOpResult, type MultiReadOp } from '../multi';
import {
  AddWatchMode,
  AddWatchRequest,
  CheckVersionRequest,
  CheckWatchesRequest,
  Create2Response,
  CreateRequest,
  CreateResponse,
  CreateTTLRequest,
  DeleteContainerRequest,
  DeleteRequest,
  ErrorResponse,
  ExistsRequest,
  ExistsResponse,
  GetACLRequest,
  GetACLResponse,
  GetAllChildrenNumberRequest,
  GetAllChildrenNumberResponse,
  GetChildren2Response,
  GetChildrenRequest,
  GetChildrenResponse,
  GetDataRequest,
  GetDataResponse,
  GetEphemeralsRequest,
  GetEphemeralsResponse,
  KeeperCode,
  OpCode,
  Perms,
  RemoveWatchesRequest,
  ReplyHeader,
  SetACLRequest,
  SetACLResponse,
  SetDataRequest,
  SetDataResponse,
  SetWatches2Request,
  SetWatchesRequest,
  SyncRequest,
  SyncResponse,
  WatcherType,
  WhoAmIResponse,
} from '../requests';
import { checkAcl, mayAdminister, withoutHashes } from './authorization';
import type { DataNode } from './data-node';
import type { Database } from './database';
import type { TxnResult } from './data-tree';
import { PendingChanges } from './pending-changes';
import { checkCreateModes, prepare, prepareDeleteContainer, type Client, type WriteOp } from './prepare';
import type { Txn } from './transactions';
import { WatcherMode, type Watcher } from './watch-manager';

/** A client's connection, as requests see it. */
export type ClientConnection = Client & Watcher;

// All modes: what removing "data" or "children" watches takes in ZooKeeper 3.8, which keeps one mode for a path.
const anyMode = WatcherMode.standard | WatcherMode.persistent | WatcherMode.persistentRecursive;

/** What a request is answered with: an error, or a body and what it holds. */
interface Answer {
  readonly err: number;
  readonly write?: (to: JuteWriter) => void;
}

const done: Answer = { err: KeeperCode.OK };

function body<T>(type: JuteType<T>, value: T): Answer {
  return { err: KeeperCode.OK, write: (to) => type.write(to, value) };
}

/** Names of operations as `cons` shows them. */
export const operationNames: ReadonlyMap<number, string> = new Map([
  [OpCode.create, 'CREA'],
  [OpCode.create2, 'CREA'],
  [OpCode.createTTL, 'CREA'],
  [OpCode.createContainer, 'CREA'],
  [OpCode.delete, 'DELE'],
  [OpCode.deleteContainer, 'DELE'],
  [OpCode.exists, 'EXIS'],
  [OpCode.getData, 'GETD'],
  [OpCode.setData, 'SETD'],
  [OpCode.getACL, 'GETA'],
  [OpCode.setACL, 'SETA'],
  [OpCode.getChildren, 'GETC'],
  [OpCode.getChildren2, 'GETC'],
  [OpCode.getAllChildrenNumber, 'GETACN'],
  [OpCode.getEphemerals, 'GETE'],
  [OpCode.sync, 'SYNC'],
  [OpCode.ping, 'PING'],
  [OpCode.check, 'CHEC'],
  [OpCode.multi, 'MULT'],
  [OpCode.multiRead, 'MLTR'],
  [OpCode.reconfig, 'RECO'],
  [OpCode.setWatches, 'SETW'],
  [OpCode.setWatches2, 'STW2'],
  [OpCode.addWatch, 'ADDW'],
  [OpCode.checkWatches, 'CHKW'],
  [OpCode.removeWatches, 'REMW'],
  [OpCode.whoAmI, 'HOMI'],
  [OpCode.closeSession, 'CLOS'],
]);

/** Does what requests ask for, at once and in order; what it answers may be sent when the log is flushed. */
export class RequestProcessor {
  /** `maxResponseBytes`: what a multiRead may gather. */
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly maxResponseBytes: number,
  ) {}

  /**
   * The reply to a request of a known type, as a frame; watch events that it causes have been given to their
   * connections. A body that cannot be read gives MARSHALLINGERROR, as in ZooKeeper.
   */
  process(client: ClientConnection, xid: number, type: number, request: JuteReader): Buffer {
    let answer: Answer;
    try {
      answer = this.answer(client, xid, type, request);
    } catch (error) {
      answer = { err: this.codeOf(error, client, type) };
    }
    try {
      return this.reply(xid, answer);
    } catch (error) {
      return this.reply(xid, { err: this.codeOf(error, client, type) });
    }
  }

  /** Opens a session: durable with the next flush. */
  createSession(sessionId: bigint, timeOut: number): void {
    this.commit(sessionId, 0, { type: OpCode.createSession, timeOut });
  }

  /** Ends a session and removes its ephemerals. */
  closeSession(sessionId: bigint, xid: number): void {
    const paths2Delete = [...this.database.tree.ephemeralsOf(sessionId)];
    this.commit(sessionId, xid, { type: OpCode.closeSession, paths2Delete });
  }

  /**
   * Removes containers whose children are gone and znodes whose time to live is over (ContainerManager), at most
   * `limit` of them. A container that never had a child stays.
   */
  reapContainers(limit: number): void {
    const { tree } = this.database;
    const due: string[] = [];
    for (const path of tree.containers) {
      const node = tree.node(path)!;
      if (node.childCount === 0 && node.cversion > 0) due.push(path);
    }
    const now = this.clock.wallMs();
    for (const path of tree.ttls) {
      const node = tree.node(path)!;
      if (node.childCount === 0 && now - node.mtime > node.ttl) due.push(path);
    }
    for (const path of due.slice(0, limit)) {
      this.logger.info(`Removing ${path}: ${tree.containers.has(path) ? 'an empty container' : 'its time is over'}.`);
      this.commit(0n, 0, prepareDeleteContainer(path, undefined, new PendingChanges(tree)));
    }
  }

  private answer(client: ClientConnection, xid: number, type: number, request: JuteReader): Answer {
    const { tree } = this.database;
    switch (type) {
      case OpCode.ping:
        return done;
      case OpCode.create:
      case OpCode.create2:
      case OpCode.createContainer:
      case OpCode.createTTL: {
        const op =
          type === OpCode.createTTL
            ? { type, request: CreateTTLRequest.read(request) }
            : { type, request: CreateRequest.read(request) };
        const result = this.write(client, xid, op);
        return type === OpCode.create
          ? body(CreateResponse, { path: result.path! })
          : body(Create2Response, { path: result.path!, stat: result.stat! });
      }
      case OpCode.delete:
        this.write(client, xid, { type, request: DeleteRequest.read(request) });
        return done;
      case OpCode.deleteContainer: {
        const { path } = DeleteContainerRequest.read(request);
        this.commit(client.sessionId, xid, prepareDeleteContainer(path, client, new PendingChanges(tree)));
        return done;
      }
      case OpCode.setData:
        return body(SetDataResponse, {
          stat: this.write(client, xid, { type, request: SetDataRequest.read(request) }).stat!,
        });
      case OpCode.setACL:
        return body(SetACLResponse, {
          stat: this.write(client, xid, { type, request: SetACLRequest.read(request) }).stat!,
        });
      case OpCode.check: {
        const op = { type, request: CheckVersionRequest.read(request) };
        prepare(op, client, new PendingChanges(tree));
        return body(SetDataResponse, { stat: tree.node(op.request.path)!.stat() });
      }
      case OpCode.multi:
        return this.multi(client, xid, request);
      case OpCode.multiRead:
        return this.multiRead(client, request);
      case OpCode.exists: {
        const { path, watch } = ExistsRequest.read(request);
        if (path.includes('\0')) throw new KeeperException(KeeperCode.BADARGUMENTS, path);
        const node = tree.node(path);
        if (node !== undefined) checkAcl(node.acl.acl, Perms.read, client.ids, path);
        if (watch) tree.dataWatches.add(path, client, WatcherMode.standard);
        if (node === undefined) throw new KeeperException(KeeperCode.NONODE, path);
        return body(ExistsResponse, { stat: node.stat() });
      }
      case OpCode.getData: {
        const { path, watch } = GetDataRequest.read(request);
        const node = this.readable(client, path);
        if (watch) tree.dataWatches.add(path, client, WatcherMode.standard);
        return body(GetDataResponse, { data: node.data, stat: node.stat() });
      }
      case OpCode.getChildren:
      case OpCode.getChildren2: {
        const { path, watch } = GetChildrenRequest.read(request);
        const node = this.readable(client, path);
        if (watch) tree.childWatches.add(path, client, WatcherMode.standard);
        const children = [...node.children];
        return type === OpCode.getChildren
          ? body(GetChildrenResponse, { children })
          : body(GetChildren2Response, { children, stat: node.stat() });
      }
      case OpCode.getAllChildrenNumber: {
        const { path } = GetAllChildrenNumberRequest.read(request);
        this.readable(client, path);
        return body(GetAllChildrenNumberResponse, { totalNumber: tree.countBelow(path) });
      }
      case OpCode.getACL: {
        const { path } = GetACLRequest.read(request);
        const node = tree.node(path);
        if (node === undefined) throw new KeeperException(KeeperCode.NONODE, path);
        const { acl } = node.acl;
        checkAcl(acl, Perms.read | Perms.admin, client.ids, path);
        return body(GetACLResponse, {
          acl: mayAdminister(acl, client.ids) ? acl : withoutHashes(acl),
          stat: node.stat(),
        });
      }
      case OpCode.getEphemerals: {
        const prefix = GetEphemeralsRequest.read(request).prefixPath;
        const all = [...tree.ephemeralsOf(client.sessionId)];
        const everything = prefix.trim() === '' || prefix.trim() === '/';
        const ephemerals = everything ? all : all.filter((path) => path.startsWith(prefix));
        return body(GetEphemeralsResponse, { ephemerals });
      }
      case OpCode.sync:
        return body(SyncResponse, { path: SyncRequest.read(request).path });
      case OpCode.setWatches: {
        const watches = SetWatchesRequest.read(request);
        tree.setWatches(watches.relativeZxid, watches, client);
        return done;
      }
      case OpCode.setWatches2: {
        const watches = SetWatches2Request.read(request);
        tree.setWatches(watches.relativeZxid, watches, client);
        return done;
      }
      case OpCode.addWatch: {
        const { path, mode } = AddWatchRequest.read(request);
        if (mode !== AddWatchMode.persistent && mode !== AddWatchMode.persistentRecursive) {
          throw new JuteError(`mode ${mode} of addWatch: 0 and 1 are valid`);
        }
        const recursive = mode === AddWatchMode.persistentRecursive;
        tree.addWatch(path, client, recursive ? WatcherMode.persistentRecursive : WatcherMode.persistent);
        return body(ErrorResponse, { err: KeeperCode.OK });
      }
      case OpCode.checkWatches:
      case OpCode.removeWatches:
        return this.checkOrRemoveWatches(client, type, request);
      case OpCode.whoAmI:
        return body(WhoAmIResponse, {
          clientInfo: client.ids.map(({ scheme, id }) => ({
            authScheme: scheme,
            user: scheme === 'digest' ? id.split(':', 1)[0]! : id,
          })),
        });
      case OpCode.closeSession:
        this.closeSession(client.sessionId, xid);
        return done;
      default:
        // reconfig: a single server has no ensemble to change.
        return { err: KeeperCode.UNIMPLEMENTED };
    }
  }

  private write(client: Client, xid: number, op: WriteOp): TxnResult {
    return this.commit(client.sessionId, xid, prepare(op, client, new PendingChanges(this.database.tree)));
  }

  private multi(client: Client, xid: number, request: JuteReader): Answer {
    const ops = MultiRequest.read(request);
    checkCreateModes(ops);
    const state = new PendingChanges(this.database.tree);
    const txns: Txn[] = [];
    for (let failed = 0; failed < ops.length; failed++) {
      try {
        txns.push(prepare(ops[failed]!, client, state));
      } catch (error) {
        if (!(error instanceof KeeperException)) throw error;
        const { code } = error;
        // Those before it were fine and are not done; those after it were not looked at.
        const results = ops.map((_, i): MultiOpResult => {
          const err = i < failed ? KeeperCode.OK : i === failed ? code : KeeperCode.RUNTIMEINCONSISTENCY;
          return { type: OpCode.error, response: { err } };
        });
        return body(MultiResponse, results);
      }
    }
    const { results } = this.commit(client.sessionId, xid, { type: OpCode.multi, txns });
    return body(MultiResponse, results!.map(multiResult));
  }

  private multiRead(client: Client, request: JuteReader): Answer {
    const results: MultiOpResult[] = [];
    let bytes = 0;
    for (const op of MultiReadRequest.read(request)) {
      const result = this.readOne(client, op);
      results.push(result);
      if (result.type === OpCode.getData) bytes += result.response.data?.length ?? 0;
      if (result.type === OpCode.getChildren) {
        for (const child of result.response.children) bytes += child.length;
      }
      if (bytes > this.maxResponseBytes) {
        throw new JuteError(`the results of a multiRead have more than ${this.maxResponseBytes} bytes`);
      }
    }
    return body(MultiResponse, results);
  }

  private readOne(client: Client, { type, request: { path } }: MultiReadOp): MultiOpResult {
    try {
      const node = this.readable(client, path);
      return type === OpCode.getData
        ? { type, response: { data: node.data, stat: node.stat() } }
        : { type, response: { children: [...node.children] } };
    } catch (error) {
      if (!(error instanceof KeeperException)) throw error;
      return { type: OpCode.error, response: { err: error.code } };
    }
  }

  private checkOrRemoveWatches(
    client: ClientConnection,
    op: typeof OpCode.checkWatches | typeof OpCode.removeWatches,
    request: JuteReader,
  ): Answer {
    const { dataWatches, childWatches } = this.database.tree;
    const { path, type } = (op === OpCode.checkWatches ? CheckWatchesRequest : RemoveWatchesRequest).read(request);
    const [dataModes, childModes] = watchesOf(type);
    const act = op === OpCode.checkWatches ? 'contains' : 'remove';
    const data = dataWatches[act](path, client, dataModes);
    const children = childWatches[act](path, client, childModes);
    if (!data && !children) throw new KeeperException(KeeperCode.NOWATCHER, path);
    return done;
  }

  private readable(client: Client, path: string): DataNode {
    const node = this.database.tree.node(path);
    if (node === undefined) throw new KeeperException(KeeperCode.NONODE, path);
    checkAcl(node.acl.acl, Perms.read, client.ids, path);
    return node;
  }

  private commit(clientId: bigint, cxid: number, txn: Txn): TxnResult {
    const zxid = this.database.nextZxid();
    return this.database.commit({ clientId, cxid, zxid, time: this.clock.wallMs(), type: txn.type }, txn);
  }

  private reply(xid: number, { err, write }: Answer): Buffer {
    const to = new JuteWriter(128);
    ReplyHeader.write(to, { xid, zxid: this.database.tree.lastProcessedZxid, err });
    write?.(to);
    return to.frame();
  }

  private codeOf(error: unknown, client: Client, type: number): number {
    if (error instanceof KeeperException) return error.code;
    const message = error instanceof Error ? error.message : String(error);
    const what = `Request ${operationNames.get(type) ?? type} of session 0x${client.sessionId.toString(16)}`;
    if (error instanceof JuteError) this.logger.warn(`${what} cannot be read: ${message}.`);
    else this.logger.error(`${what} failed: ${message}`, { error });
    return KeeperCode.MARSHALLINGERROR;
  }
}

function multiResult(result: TxnResult): MultiOpResult {
  switch (result.type) {
    case OpCode.create:
      return { type: OpCode.create, response: { path: result.path! } };
    case OpCode.create2:
    case OpCode.createTTL:
    case OpCode.createContainer:
      return { type: OpCode.create2, response: { path: result.path!, stat: result.stat! } };
    case OpCode.setData:
      return { type: OpCode.setData, response: { stat: result.stat! } };
    case OpCode.delete:
      return { type: OpCode.delete, response: null };
    default:
      return { type: OpCode.check, response: null };
  }
}

// The modes of data watches and of child watches that a WatcherType means.
function watchesOf(type: number): readonly [data: number, children: number] {
  switch (type) {
    case WatcherType.data:
      return [anyMode, 0];
    case WatcherType.children:
      return [0, anyMode];
    case WatcherType.any:
      return [anyMode, anyMode];
    case WatcherType.persistent:
      return [WatcherMode.persistent, WatcherMode.persistent];
    case WatcherType.persistentRecursive:
      return [WatcherMode.persistentRecursive, WatcherMode.persistentRecursive];
    default:
      throw new JuteError(`type ${type} of watches: 1 to 5 are valid`);
  }
}
