import type { Files, OpenFile } from '../../io/files';
import type { Logger } from '../../logging/logger';
import { encodeRecord, int, JuteReader, JuteWriter, long, record } from '../jute';
import { adler32 } from './adler32';
import { readTxn, writeTxn, type Txn, type TxnHeader } from './transactions';
import { hex, zxidFileName, zxidFiles } from './zxid-file-name';

const prefix = 'log';
const FileHeader = record({ magic: int, version: int, dbid: long });
const magic = Buffer.from('ZKLG').readInt32BE(0);
const headerBytes = 16;
const endOfRecord = 0x42;
// Checksum and length before an entry.
const entryHead = 12;

/**
 * ZooKeeper's transaction log (FileTxnLog): files `log.<zxid of the first transaction>`, each a header and entries of
 * Adler-32, length, bytes, 'B'. ZooKeeper fills a file up with zeros ahead of its end; so the first entry without a
 * length ends a file. A new file is begun at every start and after every snapshot.
 */
export class TransactionLog {
  private readonly pending: Buffer[] = [];
  private bytes = 0;
  private pendingZxid = 0n;
  private file: OpenFile | undefined;
  private position = 0;
  private rolled = false;

  /** `forceSync`: whether what was flushed is on stable storage, or only with the operating system. */
  constructor(
    private readonly files: Files,
    private readonly directory: string,
    private readonly forceSync: boolean,
  ) {}

  /** Bytes appended and not flushed yet. */
  get pendingBytes(): number {
    return this.bytes;
  }

  append(header: TxnHeader, txn: Txn): void {
    const to = new JuteWriter();
    to.long(0n);
    to.int(0);
    writeTxn(to, header, txn);
    to.raw(endOfRecordByte);
    const entry = to.record();
    entry.writeBigInt64BE(BigInt(adler32(entry, entryHead, entry.length - 1)), 0);
    entry.writeInt32BE(entry.length - entryHead - 1, 8);
    if (this.pending.length === 0) this.pendingZxid = header.zxid;
    this.pending.push(entry);
    this.bytes += entry.length;
  }

  /** The next transaction begins a new file. */
  roll(): void {
    this.rolled = true;
  }

  /**
   * Makes what was appended durable; appending may go on meanwhile. Returns nothing when it was done at once. Only one
   * flush at a time. When it fails nothing may be appended any more: a part of an entry may be in the file.
   */
  flush(): Promise<void> | undefined {
    if (this.pending.length === 0) return undefined;
    const entries = this.pending.splice(0);
    const bytes = this.bytes;
    this.bytes = 0;
    if (this.file === undefined || this.rolled) return this.flushToNewFile(entries, bytes);
    this.write(this.file, entries, bytes);
    return this.forceSync ? this.file.sync() : undefined;
  }

  async close(): Promise<void> {
    const file = this.file;
    this.file = undefined;
    await file?.close();
  }

  private async flushToNewFile(entries: readonly Buffer[], bytes: number): Promise<void> {
    const name = zxidFileName(prefix, this.pendingZxid);
    this.rolled = false;
    await this.close();
    const file = await this.files.open(`${this.directory}/${name}`, 'create');
    this.file = file;
    file.writeSync([encodeRecord(FileHeader, { magic, version: 2, dbid: 0n })], 0);
    this.position = headerBytes;
    this.write(file, entries, bytes);
    if (!this.forceSync) return;
    await file.sync();
    await this.files.syncDirectory(this.directory);
  }

  private write(file: OpenFile, entries: readonly Buffer[], bytes: number): void {
    file.writeSync(entries, this.position);
    this.position += bytes;
  }
}

const endOfRecordByte = Buffer.of(endOfRecord);

/**
 * Reads the transactions after `after` in order and gives them to `apply`; the end of the last file that is no entry
 * (a write cut by a crash) is cut off, and kept beside it when entries follow it. Returns how many were read.
 */
export async function replayLog(
  files: Files,
  directory: string,
  after: bigint,
  logger: Logger,
  apply: (header: TxnHeader, txn: Txn) => void,
): Promise<number> {
  const all = zxidFiles(await files.list(directory), prefix);
  let first = all.findLastIndex((file) => file.zxid <= after);
  if (first < 0) first = 0;
  let count = 0;
  let last = after;
  for (let i = first; i < all.length; i++) {
    const path = `${directory}/${all[i]!.name}`;
    const bytes = await files.readFile(path);
    const isLast = i === all.length - 1;
    if (bytes.length < headerBytes) {
      if (!isLast) throw new Error(`Transaction log ${path} has only ${bytes.length} bytes: it is no log.`);
      if (bytes.length > 0) {
        logger.warn(`Transaction log ${path} ends in its header: removing it, no transaction was written to it.`);
      }
      await files.remove(path);
      break;
    }
    const header = FileHeader.read(new JuteReader(bytes));
    if (header.magic !== magic) {
      throw new Error(
        `Transaction log ${path} begins with ${hex(BigInt(header.magic))} instead of ZKLG: it is no log.`,
      );
    }
    let at = headerBytes;
    for (;;) {
      const length = entryLength(bytes, at);
      if (length === undefined) break;
      const entry = readEntry(bytes.subarray(at + entryHead, at + entryHead + length), path, at);
      at += entryHead + length + 1;
      const { zxid } = entry.header;
      if (zxid <= after) continue;
      // The upper half is the epoch of an ensemble's leader.
      if (count === 0 && zxid > after + 1n && zxid >> 32n === after >> 32n) {
        logger.warn(`The first transaction after the snapshot at ${hex(after)} is ${hex(zxid)}: some may be missing.`);
      }
      if (zxid <= last) {
        logger.error(`Transaction ${hex(zxid)} comes after ${hex(last)} in ${path}.`);
      }
      last = zxid;
      count++;
      apply(entry.header, entry.txn);
    }
    if (!isZero(bytes, at)) await cutTail(files, path, bytes, at, isLast, logger);
    // The next transaction, which has its name, begins it anew.
    if (isLast && at === headerBytes) await files.remove(path);
    // The process that wrote it may have ended before its last flush: what is read is served, and must stay.
    else if (isLast) await flushFile(files, directory, path);
  }
  return count;
}

async function flushFile(files: Files, directory: string, path: string): Promise<void> {
  const file = await files.open(path, 'write');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await files.syncDirectory(directory);
}

function readEntry(entry: Buffer, path: string, at: number): ReturnType<typeof readTxn> {
  try {
    return readTxn(new JuteReader(entry));
  } catch (error) {
    throw new Error(`The transaction at byte ${at} of ${path} is of no known form: ${(error as Error).message}.`, {
      cause: error,
    });
  }
}

// The length of the entry at `at`, undefined when there is none or it is damaged.
function entryLength(bytes: Buffer, at: number): number | undefined {
  if (at + entryHead > bytes.length) return undefined;
  const length = bytes.readInt32BE(at + 8);
  const end = at + entryHead + length;
  if (length <= 0 || end >= bytes.length || bytes[end] !== endOfRecord) return undefined;
  return bytes.readBigInt64BE(at) === BigInt(adler32(bytes, at + entryHead, end)) ? length : undefined;
}

function isZero(bytes: Buffer, from: number): boolean {
  for (let i = from; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}

async function cutTail(
  files: Files,
  path: string,
  bytes: Buffer,
  at: number,
  isLast: boolean,
  logger: Logger,
): Promise<void> {
  const rest = bytes.length - at;
  // A damaged entry, and a whole one after it?
  const next = at + entryHead <= bytes.length ? at + entryHead + bytes.readInt32BE(at + 8) + 1 : -1;
  const wholeFollows = next > at && entryLength(bytes, next) !== undefined;
  if (!isLast) {
    if (!wholeFollows) return;
    throw new Error(
      `Transaction log ${path} is damaged at byte ${at}: transactions follow there and in later files. ` +
        `Restore the file, or remove the logs from this one on to go back to the snapshot before.`,
    );
  }
  if (wholeFollows) {
    const kept = path.replace(/[^/]*$/, (name) => `cut.${name}.${at}`);
    await files.replaceFile(kept, bytes.subarray(at));
    logger.error(
      `Transaction log ${path} is damaged at byte ${at} and has transactions after it: the last ${rest} bytes are cut ` +
        `off and kept as ${kept}. If they had been confirmed to clients, those changes are lost.`,
    );
  } else {
    logger.warn(
      `Transaction log ${path} ends in ${rest} bytes of an unfinished write at byte ${at}: cutting them off.`,
    );
  }
  const file = await files.open(path, 'write');
  try {
    await file.truncate(at);
    await file.sync();
  } finally {
    await file.close();
  }
}
