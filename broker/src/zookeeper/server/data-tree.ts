import { EventType, KeeperCode, OpCode, readAcl, type Acl, type Stat } from '../requests';
import { AclCache, openCachedAcl, type CachedAcl } from './acl-cache';
import { DataNode, ownData } from './data-node';
import { containerOwner, ephemeralType, ttlOwner } from './ephemeral-type';
import { childName, childPath, parentPath } from '../znode-path';
import { quotaRoot, Quotas } from './quotas';
import type { Txn, TxnHeader } from './transactions';
import { WatcherMode, WatchManager, type Watcher } from './watch-manager';

const noData = Buffer.alloc(0);
const noSessionPaths: ReadonlySet<string> = new Set<string>();

/** Znodes that are always there and cannot be deleted. */
export const specialPaths: ReadonlySet<string> = new Set(['/', '/zookeeper', quotaRoot, '/zookeeper/config']);

/** What applying a transaction gave. `err` is a KeeperCode: not 0 for a replay over a newer state, and for errors. */
export interface TxnResult {
  readonly type: number;
  readonly err: number;
  readonly path?: string;
  readonly stat?: Stat;
  readonly results?: readonly TxnResult[];
}

/** A znode as a snapshot holds it. */
export type NodeImage = Pick<
  DataNode,
  | 'data'
  | 'acl'
  | 'czxid'
  | 'mzxid'
  | 'pzxid'
  | 'ctime'
  | 'mtime'
  | 'version'
  | 'cversion'
  | 'aversion'
  | 'ephemeralOwner'
>;

/**
 * The znodes, who watches them, and whose they are (DataTree). It only applies what was checked before: see
 * RequestProcessor. The same transactions in the same order give the same tree, but for the children's order.
 */
export class DataTree {
  readonly acls = new AclCache();
  readonly dataWatches = new WatchManager();
  readonly childWatches = new WatchManager();
  /** The zxid of the last transaction that was applied. */
  lastProcessedZxid = 0n;
  /** Paths of containers, and of znodes with a time to live. */
  readonly containers = new Set<string>();
  readonly ttls = new Set<string>();
  /** Characters of paths plus bytes of data. */
  dataSize = 0;

  // Insertion order: a parent always comes before its children.
  private readonly nodes = new Map<string, DataNode>();
  private readonly ephemerals = new Map<bigint, Set<string>>();
  private readonly quotas: Quotas;
  private view: TreeView | undefined;
  private views = 0;

  constructor() {
    this.quotas = new Quotas({
      node: (path) => this.nodes.get(path),
      setQuietly: (path, data) => {
        const node = this.nodes.get(path)!;
        this.keepForView(node);
        this.dataSize += data.length - (node.data?.length ?? 0);
        node.data = data;
      },
    });
    for (const path of specialPaths) {
      this.insert(path, new DataNode(noData, path === '/zookeeper/config' ? this.acls.use(readAcl) : openCachedAcl));
    }
  }

  /** As in ZooKeeper the root has a second name, the empty one, for requests that do not check their path. */
  node(path: string): DataNode | undefined {
    return this.nodes.get(path === '' ? '/' : path);
  }

  /** Without the second name that the root has in ZooKeeper's own count. */
  get nodeCount(): number {
    return this.nodes.size;
  }

  get watchCount(): number {
    return this.dataWatches.size + this.childWatches.size;
  }

  get ephemeralCount(): number {
    let count = 0;
    for (const paths of this.ephemerals.values()) count += paths.size;
    return count;
  }

  /** Sessions that have ephemerals. */
  sessionsWithEphemerals(): bigint[] {
    return [...this.ephemerals.keys()];
  }

  /** Paths, in the order of creation. */
  ephemeralsOf(sessionId: bigint): ReadonlySet<string> {
    return this.ephemerals.get(sessionId) ?? noSessionPaths;
  }

  /** Znodes below the path. */
  countBelow(path: string): number {
    if (path === '/') return this.nodes.size - 1;
    // The first name of the root is "below" the second.
    if (path === '') return this.nodes.size;
    let count = -1;
    const pending = [path];
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      count++;
      for (const name of this.nodes.get(at)?.children ?? []) pending.push(childPath(at, name));
    }
    return count;
  }

  /** Applies a transaction and tells the watchers. Data is copied: it may lie in a buffer that is used again. */
  process(header: TxnHeader, txn: Txn): TxnResult {
    const result = this.apply(header, txn);
    if (header.zxid > this.lastProcessedZxid) this.lastProcessedZxid = header.zxid;
    return result;
  }

  private apply(header: TxnHeader, txn: Txn): TxnResult {
    switch (txn.type) {
      case OpCode.create:
      case OpCode.create2:
        return this.create(header, txn, txn.ephemeral ? header.clientId : 0n);
      case OpCode.createContainer:
        return this.create(header, txn, containerOwner);
      case OpCode.createTTL:
        return this.create(header, txn, ttlOwner(txn.ttl));
      case OpCode.delete:
      case OpCode.deleteContainer:
        return { type: txn.type, err: this.delete(txn.path, header.zxid), path: txn.path };
      case OpCode.setData:
      case OpCode.reconfig:
        return this.setData(header, txn);
      case OpCode.setACL: {
        const node = this.nodes.get(txn.path);
        if (node === undefined) return { type: txn.type, err: KeeperCode.NONODE, path: txn.path };
        this.keepForView(node);
        node.aversion = txn.version;
        this.replaceAcl(node, txn.acl);
        return { type: txn.type, err: KeeperCode.OK, path: txn.path, stat: node.stat() };
      }
      case OpCode.closeSession:
        for (const path of txn.paths2Delete ?? []) this.delete(path, header.zxid);
        for (const path of [...this.ephemeralsOf(header.clientId)]) this.delete(path, header.zxid);
        return { type: txn.type, err: KeeperCode.OK };
      case OpCode.check:
        return { type: txn.type, err: KeeperCode.OK, path: txn.path };
      case OpCode.createSession:
        return { type: txn.type, err: KeeperCode.OK };
      case OpCode.error:
        return { type: txn.type, err: txn.err };
      case OpCode.multi:
        return this.multi(header, txn.txns);
    }
  }

  private multi(header: TxnHeader, txns: readonly Txn[]): TxnResult {
    // A log of ZooKeeper's holds failed multis too: none of their operations was done.
    if (txns.some((txn) => txn.type === OpCode.error)) return { type: OpCode.multi, err: KeeperCode.OK };
    const results = txns.map((txn) => this.apply(header, txn));
    const err = results.find((result) => result.err !== KeeperCode.OK)?.err ?? KeeperCode.OK;
    return { type: OpCode.multi, err, results };
  }

  private create(
    header: TxnHeader,
    txn: Txn & { readonly path: string; readonly data: Buffer | null; readonly acl: readonly Acl[] } & {
      readonly parentCVersion: number;
    },
    owner: bigint,
  ): TxnResult {
    const { type, path, data, acl } = txn;
    const above = parentPath(path);
    const parent = this.nodes.get(above);
    if (parent === undefined) return { type, err: KeeperCode.NONODE, path };
    this.keepForView(parent);
    const parentCVersion = txn.parentCVersion === -1 ? (parent.cversion + 1) | 0 : txn.parentCVersion;
    if (parentCVersion > parent.cversion) {
      parent.cversion = parentCVersion;
      parent.pzxid = header.zxid;
    }
    const existing = this.nodes.get(path);
    if (existing !== undefined) {
      // A replay over a snapshot that was taken while transactions went on.
      this.keepForView(existing);
      this.replaceAcl(existing, acl);
      return { type, err: KeeperCode.NODEEXISTS, path };
    }
    const node = new DataNode(ownData(data), this.acls.use(acl));
    node.czxid = node.mzxid = node.pzxid = header.zxid;
    node.ctime = node.mtime = header.time;
    node.ephemeralOwner = owner;
    this.insert(path, node);
    this.quotas.created(path, data === null ? 0 : data.length);
    const stat = type === OpCode.create ? undefined : node.stat();
    this.dataWatches.trigger(EventType.nodeCreated, path, acl);
    this.childWatches.trigger(EventType.nodeChildrenChanged, above, parent.acl.acl);
    return stat === undefined ? { type, err: KeeperCode.OK, path } : { type, err: KeeperCode.OK, path, stat };
  }

  private delete(path: string, zxid: bigint): number {
    const above = parentPath(path);
    const parent = this.nodes.get(above);
    if (parent === undefined) return KeeperCode.NONODE;
    this.keepForView(parent);
    parent.removeChild(childName(path));
    if (zxid > parent.pzxid) parent.pzxid = zxid;
    const node = this.nodes.get(path);
    if (node === undefined) return KeeperCode.NONODE;
    this.view?.deleted(path, node);
    this.nodes.delete(path);
    const bytes = node.data === null ? 0 : node.data.length;
    this.dataSize -= path.length + bytes;
    this.acls.release(node.acl);
    switch (ephemeralType(node.ephemeralOwner)) {
      case 'container':
        this.containers.delete(path);
        break;
      case 'ttl':
        this.ttls.delete(path);
        break;
      case 'session': {
        const paths = this.ephemerals.get(node.ephemeralOwner);
        paths?.delete(path);
        if (paths?.size === 0) this.ephemerals.delete(node.ephemeralOwner);
        break;
      }
      case 'none':
    }
    this.quotas.deleted(path, bytes);
    const told = this.dataWatches.trigger(EventType.nodeDeleted, path, node.acl.acl);
    this.childWatches.trigger(EventType.nodeDeleted, path, node.acl.acl, told);
    this.childWatches.trigger(EventType.nodeChildrenChanged, above, parent.acl.acl);
    return KeeperCode.OK;
  }

  private setData(
    header: TxnHeader,
    { type, path, data, version }: Txn & { readonly data: Buffer | null; readonly path: string; version: number },
  ): TxnResult {
    const node = this.nodes.get(path);
    if (node === undefined) return { type, err: KeeperCode.NONODE, path };
    this.keepForView(node);
    const difference = (data === null ? 0 : data.length) - (node.data === null ? 0 : node.data.length);
    node.data = ownData(data);
    node.mtime = header.time;
    node.mzxid = header.zxid;
    node.version = version;
    this.dataSize += difference;
    this.quotas.changed(path, difference, 0);
    const stat = node.stat();
    this.dataWatches.trigger(EventType.nodeDataChanged, path, node.acl.acl);
    return { type, err: KeeperCode.OK, path, stat };
  }

  private replaceAcl(node: DataNode, acl: readonly Acl[]): void {
    const before = node.acl;
    node.acl = this.acls.use(acl);
    this.acls.release(before);
  }

  /** Puts a znode of a snapshot in; its parent must be there. Returns false when it is not. `reload` ends a load. */
  load(path: string, node: DataNode): boolean {
    if (path !== '/' && !this.nodes.has(parentPath(path))) return false;
    this.insert(path, node);
    return true;
  }

  /** Empties the tree, the special znodes too, for `load`. Watches stay. */
  clear(): void {
    for (const node of this.nodes.values()) this.acls.release(node.acl);
    this.nodes.clear();
    this.ephemerals.clear();
    this.containers.clear();
    this.ttls.clear();
    this.dataSize = 0;
  }

  /** After the last `load`: what older servers did not write is added, quotas are counted. */
  loaded(): void {
    for (const path of specialPaths) {
      if (!this.nodes.has(path)) this.insert(path, new DataNode(noData, openCachedAcl));
    }
    this.quotas.reload();
  }

  private insert(path: string, node: DataNode): void {
    this.nodes.set(path, node);
    this.dataSize += path.length + (node.data === null ? 0 : node.data.length);
    if (path !== '/') this.nodes.get(parentPath(path))!.addChild(childName(path));
    switch (ephemeralType(node.ephemeralOwner)) {
      case 'container':
        this.containers.add(path);
        break;
      case 'ttl':
        this.ttls.add(path);
        break;
      case 'session': {
        let paths = this.ephemerals.get(node.ephemeralOwner);
        if (paths === undefined) this.ephemerals.set(node.ephemeralOwner, (paths = new Set()));
        paths.add(path);
        break;
      }
      case 'none':
    }
  }

  // --- watches

  /** A persistent watch of data and children, or a recursive one of everything at and below the path. */
  addWatch(path: string, watcher: Watcher, mode: WatcherMode): void {
    this.dataWatches.add(path, watcher, mode);
    // A recursive watch is told of the znodes themselves, never of "the children changed".
    if (mode !== WatcherMode.persistentRecursive) this.childWatches.add(path, watcher, mode);
  }

  /** Re-arms the watches of a client that was away since `zxid`; what it missed it is told at once. */
  setWatches(
    zxid: bigint,
    watches: {
      readonly dataWatches: readonly string[];
      readonly existWatches: readonly string[];
      readonly childWatches: readonly string[];
      readonly persistentWatches?: readonly string[];
      readonly persistentRecursiveWatches?: readonly string[];
    },
    watcher: Watcher,
  ): void {
    for (const path of watches.dataWatches) {
      const node = this.nodes.get(path);
      if (node === undefined) watcher.process(EventType.nodeDeleted, path, []);
      else if (node.mzxid > zxid) watcher.process(EventType.nodeDataChanged, path, node.acl.acl);
      else this.dataWatches.add(path, watcher, WatcherMode.standard);
    }
    for (const path of watches.existWatches) {
      const node = this.nodes.get(path);
      if (node !== undefined) watcher.process(EventType.nodeCreated, path, node.acl.acl);
      else this.dataWatches.add(path, watcher, WatcherMode.standard);
    }
    for (const path of watches.childWatches) {
      const node = this.nodes.get(path);
      if (node === undefined) watcher.process(EventType.nodeDeleted, path, []);
      else if (node.pzxid > zxid) watcher.process(EventType.nodeChildrenChanged, path, node.acl.acl);
      else this.childWatches.add(path, watcher, WatcherMode.standard);
    }
    for (const path of watches.persistentWatches ?? []) this.addWatch(path, watcher, WatcherMode.persistent);
    for (const path of watches.persistentRecursiveWatches ?? []) {
      this.addWatch(path, watcher, WatcherMode.persistentRecursive);
    }
  }

  removeWatcher(watcher: Watcher): void {
    this.dataWatches.removeWatcher(watcher);
    this.childWatches.removeWatcher(watcher);
  }

  // --- snapshots

  /**
   * The tree as it is now, to be read while transactions go on: they cost a copy of a znode's fields when they change
   * one that was not read yet. One view at a time; `close` it.
   */
  openView(): TreeView {
    if (this.view !== undefined) throw new Error('a view of the tree is open already');
    return (this.view = new TreeView(++this.views, this.lastProcessedZxid, this.nodes, this.acls.list(), () => {
      this.view = undefined;
    }));
  }

  private keepForView(node: DataNode): void {
    this.view?.changing(node);
  }
}

/** A consistent view of a tree: see DataTree.openView. */
export class TreeView {
  // Fields of znodes that were changed before they were read.
  private readonly before = new Map<DataNode, NodeImage>();
  private readonly gone: [path: string, image: NodeImage][] = [];
  private readonly read = new Set<DataNode>();

  constructor(
    readonly id: number,
    readonly zxid: bigint,
    private readonly nodes: ReadonlyMap<string, DataNode>,
    readonly acls: readonly CachedAcl[],
    private readonly closed: () => void,
  ) {}

  /** A parent comes before its children. The caller may let transactions go on between any two. */
  *entries(): Iterable<readonly [path: string, image: NodeImage]> {
    for (const [path, node] of this.nodes) {
      this.read.add(node);
      if (node.czxid <= this.zxid) yield [path, this.before.get(node) ?? node];
      this.before.delete(node);
    }
    // Children go before their parents.
    for (let i = this.gone.length - 1; i >= 0; i--) yield this.gone[i]!;
  }

  close(): void {
    this.closed();
  }

  changing(node: DataNode): void {
    if (node.czxid <= this.zxid && !this.read.has(node) && !this.before.has(node)) this.before.set(node, image(node));
  }

  deleted(path: string, node: DataNode): void {
    if (node.czxid > this.zxid || this.read.has(node)) return;
    this.gone.push([path, this.before.get(node) ?? image(node)]);
    this.before.delete(node);
  }
}

function image(node: DataNode): NodeImage {
  const { data, acl, czxid, mzxid, pzxid, ctime, mtime, version, cversion, aversion, ephemeralOwner } = node;
  return { data, acl, czxid, mzxid, pzxid, ctime, mtime, version, cversion, aversion, ephemeralOwner };
}
