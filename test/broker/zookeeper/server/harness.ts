import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeIo } from '../../../../broker/src/io/node/index';
import { silentLogger, type Logger } from '../../../../broker/src/logging/logger';
import { KeeperException } from '../../../../broker/src/zookeeper/keeper-exception';
import type { MultiOp } from '../../../../broker/src/zookeeper/multi';
import { KeeperCode, openAcl, OpCode, type Stat } from '../../../../broker/src/zookeeper/requests';
import type { DataTree } from '../../../../broker/src/zookeeper/server/data-tree';
import { Database, type DatabaseOptions } from '../../../../broker/src/zookeeper/server/database';
import { childPath } from '../../../../broker/src/zookeeper/znode-path';
import { PendingChanges } from '../../../../broker/src/zookeeper/server/pending-changes';
import { prepare, type WriteOp } from '../../../../broker/src/zookeeper/server/prepare';
import type { Txn } from '../../../../broker/src/zookeeper/server/transactions';

export const files = nodeIo().files;

/** A directory that goes with the test. */
export class Directories {
  private readonly root = mkdtempSync(join(tmpdir(), 'odradek-zookeeper-'));
  private count = 0;

  next(): string {
    return join(this.root, String(++this.count));
  }

  /** A copy as a crash leaves it: what was written is there, nobody holds the lock. */
  copy(of: string): string {
    const copy = this.next();
    cpSync(of, copy, { recursive: true });
    return copy;
  }

  remove(): void {
    rmSync(this.root, { recursive: true });
  }
}

/** A database, and requests without connections. */
export class Requests {
  private time = 1_700_000_000_000;

  constructor(readonly database: Database) {}

  static async open(dataDir: string, options: Partial<DatabaseOptions> = {}, logger: Logger = silentLogger) {
    const all = { dataDir, forceSync: false, snapCount: 1e9, ...options };
    return new Requests(await Database.open(files, logger, all));
  }

  commit(clientId: bigint, txn: Txn) {
    const zxid = this.database.nextZxid();
    return this.database.commit({ clientId, cxid: 0, zxid, time: ++this.time, type: txn.type }, txn);
  }

  openSession(id: bigint): void {
    this.commit(id, { type: OpCode.createSession, timeOut: 10_000 });
  }

  closeSession(id: bigint): void {
    const paths2Delete = [...this.database.tree.ephemeralsOf(id)];
    this.commit(id, { type: OpCode.closeSession, paths2Delete });
  }

  /** The result of an operation and, of a create, the path. */
  do(op: WriteOp, sessionId = 1n): { err: number; path?: string } {
    try {
      const txn = prepare(op, { sessionId, ids: [] }, new PendingChanges(this.database.tree));
      const { err, path } = this.commit(sessionId, txn);
      return path === undefined ? { err } : { err, path };
    } catch (error) {
      if (error instanceof KeeperException) return { err: error.code };
      throw error;
    }
  }

  multi(ops: readonly MultiOp[], sessionId = 1n): number {
    const state = new PendingChanges(this.database.tree);
    try {
      const txns = ops.map((op) => prepare(op, { sessionId, ids: [] }, state));
      this.commit(sessionId, { type: OpCode.multi, txns });
      return KeeperCode.OK;
    } catch (error) {
      if (error instanceof KeeperException) return error.code;
      throw error;
    }
  }
}

export const ops = {
  create: (path: string, data = '', flags = 0): MultiOp => ({
    type: OpCode.create,
    request: { path, data: Buffer.from(data), acl: openAcl, flags },
  }),
  delete: (path: string, version = -1): MultiOp => ({ type: OpCode.delete, request: { path, version } }),
  set: (path: string, data: string, version = -1): MultiOp => ({
    type: OpCode.setData,
    request: { path, data: Buffer.from(data), version },
  }),
};

export type Content = Record<string, Omit<Stat, never> & { readonly data: string | null }>;

/** Every znode with its stat and data, but for those that are always there. */
export function content(tree: DataTree): Content {
  const all: Content = {};
  const visit = (path: string): void => {
    const node = tree.node(path)!;
    all[path] = { ...node.stat(), data: node.data === null ? null : node.data.toString('latin1') };
    for (const name of node.children) visit(childPath(path, name));
  };
  visit('/');
  return all;
}
