import { makeDurableDirectory } from '../../io/durable-directory';
import type { FileLock, Files } from '../../io/files';
import type { Logger } from '../../logging/logger';
import { OpCode } from '../requests';
import { DataTree, type TxnResult } from './data-tree';
import { listSnapshots, loadNewestSnapshot, removeUnfinishedSnapshots, writeSnapshot } from './snapshot';
import { replayLog, TransactionLog } from './transaction-log';
import type { Txn, TxnHeader } from './transactions';
import { hex, zxidFiles } from './zxid-file-name';

export interface DatabaseOptions {
  /** Directory of the snapshots, and of the log if `dataLogDir` is not given; undefined: everything is in memory. */
  readonly dataDir?: string;
  readonly dataLogDir?: string;
  /** Whether a transaction is on stable storage before its reply is sent. */
  readonly forceSync: boolean;
  /** Transactions between two snapshots. */
  readonly snapCount: number;
}

/** The tree and the sessions, in memory and on disk (ZKDatabase). */
export class Database {
  readonly tree = new DataTree();
  /** Timeouts in milliseconds of all sessions. */
  readonly sessions = new Map<bigint, number>();

  private log: TransactionLog | undefined;
  private lock: FileLock | undefined;
  private zxid = 0n;
  private sinceSnapshot = 0;
  private snapshotting: Promise<void> | undefined;

  private constructor(
    private readonly files: Files,
    private readonly logger: Logger,
    private readonly options: DatabaseOptions,
  ) {}

  static async open(files: Files, logger: Logger, options: DatabaseOptions): Promise<Database> {
    const database = new Database(files, logger, options);
    if (options.dataDir !== undefined) {
      try {
        await database.load(options.dataDir);
      } catch (error) {
        await database.lock?.release();
        throw error;
      }
    }
    return database;
  }

  /** Directories with the files; undefined in memory. */
  get directories(): { readonly snapshots: string; readonly logs: string } | undefined {
    const { dataDir, dataLogDir } = this.options;
    if (dataDir === undefined) return undefined;
    return { snapshots: `${dataDir}/version-2`, logs: `${dataLogDir ?? dataDir}/version-2` };
  }

  nextZxid(): bigint {
    return ++this.zxid;
  }

  /** Applies a transaction and appends it to the log. It is durable after the next `flush`. */
  commit(header: TxnHeader, txn: Txn): TxnResult {
    this.log?.append(header, txn);
    this.sinceSnapshot++;
    return this.apply(header, txn);
  }

  get pendingBytes(): number {
    return this.log?.pendingBytes ?? 0;
  }

  /** See TransactionLog.flush. Begins a snapshot when one is due. */
  flush(): Promise<void> | undefined {
    const flushed = this.log?.flush();
    if (this.log !== undefined && this.sinceSnapshot >= this.options.snapCount && this.snapshotting === undefined) {
      this.beginSnapshot();
    }
    return flushed;
  }

  /** Resolves when no snapshot is being written. */
  async snapshotWritten(): Promise<void> {
    await this.snapshotting;
  }

  /** Bytes of the snapshots, and of the logs. */
  async sizes(): Promise<{ readonly snapshots: number; readonly logs: number }> {
    const directories = this.directories;
    if (directories === undefined) return { snapshots: 0, logs: 0 };
    return {
      snapshots: await this.sizeOf(directories.snapshots, 'snapshot'),
      logs: await this.sizeOf(directories.logs, 'log'),
    };
  }

  /** Removes all but the last `retain` snapshots, and the logs that none of those needs. */
  async purge(retain: number): Promise<void> {
    const directories = this.directories;
    if (directories === undefined) return;
    const snapshots = await listSnapshots(this.files, directories.snapshots);
    const oldest = snapshots[Math.max(0, snapshots.length - retain)];
    if (oldest === undefined) return;
    const logs = zxidFiles(await this.files.list(directories.logs), 'log');
    // The last log that begins at or before a snapshot goes on after it.
    const needed = logs.findLastIndex((log) => log.zxid <= oldest.zxid);
    const old = [
      ...snapshots.filter(({ zxid }) => zxid < oldest.zxid).map(({ name }) => `${directories.snapshots}/${name}`),
      ...logs.slice(0, Math.max(0, needed)).map(({ name }) => `${directories.logs}/${name}`),
    ];
    for (const path of old) await this.files.remove(path);
    if (old.length > 0) this.logger.info(`Purged ${old.length} old snapshots and logs.`, { files: old });
  }

  /** Waits for a snapshot under way; what was not flushed is lost. */
  async close(): Promise<void> {
    await this.snapshotWritten();
    await this.log?.close();
    await this.lock?.release();
  }

  private async load(dataDir: string): Promise<void> {
    const { files, logger } = this;
    const { snapshots, logs } = this.directories!;
    await makeDurableDirectory(files, snapshots);
    await makeDurableDirectory(files, logs);
    this.lock = await files.lock(`${dataDir}/.lock`);
    if (this.lock === undefined) {
      throw new Error(`dataDir ${dataDir} is in use by another ZooKeeper server: stop it, or give another dataDir.`);
    }
    await removeUnfinishedSnapshots(files, snapshots);
    const snapshotZxid = await loadNewestSnapshot(files, snapshots, this.tree, this.sessions, logger);
    if (snapshotZxid === undefined) {
      const [first] = zxidFiles(await files.list(logs), 'log');
      if (first !== undefined) {
        throw new Error(
          `There is a transaction log (${logs}/${first.name}) but no snapshot in ${snapshots}: the log alone does not ` +
            `hold everything. Restore the snapshots, or remove the logs to start empty.`,
        );
      }
      // ZooKeeper, too, takes a log only after a snapshot, be it of nothing.
      await this.writeSnapshot();
    }
    this.zxid = snapshotZxid ?? 0n;
    const count = await replayLog(files, logs, this.zxid, logger, (header, txn) => {
      if (header.zxid > this.zxid) this.zxid = header.zxid;
      this.apply(header, txn);
    });
    this.sinceSnapshot = count;
    this.log = new TransactionLog(files, logs, this.options.forceSync);
    this.killDeadSessions();
    logger.info(
      `Loaded ${this.tree.nodeCount} znodes and ${this.sessions.size} sessions from ${dataDir}: snapshot ` +
        `${hex(snapshotZxid ?? 0n)}, ${count} transactions after it, last zxid ${hex(this.zxid)}.`,
    );
  }

  private apply(header: TxnHeader, txn: Txn): TxnResult {
    if (txn.type === OpCode.createSession) this.sessions.set(header.clientId, txn.timeOut);
    if (txn.type === OpCode.closeSession) this.sessions.delete(header.clientId);
    return this.tree.process(header, txn);
  }

  // Ephemerals of sessions that are not known any more, as ZooKeeper does it: without a transaction.
  private killDeadSessions(): void {
    for (const clientId of this.tree.sessionsWithEphemerals()) {
      if (this.sessions.has(clientId)) continue;
      this.logger.warn(`Session ${hex(clientId)} is not known any more: removing its ephemeral znodes.`);
      this.tree.process(
        { clientId, cxid: 0, zxid: this.zxid, time: 0, type: OpCode.closeSession },
        { type: OpCode.closeSession, paths2Delete: null },
      );
    }
  }

  private beginSnapshot(): void {
    this.log!.roll();
    this.sinceSnapshot = 0;
    this.snapshotting = this.writeSnapshot()
      .catch((error: unknown) => this.logger.error('A snapshot could not be written: the log grows on.', { error }))
      .finally(() => {
        this.snapshotting = undefined;
      });
  }

  private async writeSnapshot(): Promise<void> {
    const view = this.tree.openView();
    try {
      await writeSnapshot(this.files, this.directories!.snapshots, view, new Map(this.sessions));
    } finally {
      view.close();
    }
  }

  private async sizeOf(directory: string, prefix: string): Promise<number> {
    let size = 0;
    for (const { name } of zxidFiles(await this.files.list(directory), prefix)) {
      size += (await this.files.stat(`${directory}/${name}`))?.size ?? 0;
    }
    return size;
  }
}
