import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../../broker/src/io/clock';
import type { FileRange } from '../../../broker/src/io/files';
import type { Io } from '../../../broker/src/io/io';
import { nodeIo } from '../../../broker/src/io/node';
import type { FetchIsolation } from '../../../broker/src/log/fetch-data';
import type { Log } from '../../../broker/src/log/log';
import type { AppendOptions, LogAppendInfo } from '../../../broker/src/log/log-append';
import { defaultLogConfig, type LogConfig } from '../../../broker/src/log/log-config';
import { LogManager, type LogManagerOptions } from '../../../broker/src/log/log-manager';
import { silentLogger, type Logger } from '../../../broker/src/logging/logger';
import { buildBatch, type BatchInput } from '../../../broker/src/records/build-batch';
import { readRecordSet } from '../../../broker/src/records/read-records';
import type { LogRecord } from '../../../broker/src/records/record';

export const topicPartition = { topic: 'topic', partition: 0 };

/** A directory that goes when the test has ended. */
export class TestDirectory implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'odradek-log-'));

  join(...names: string[]): string {
    return join(this.path, ...names);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** The log directory of an archive in test/fixtures, unpacked; returns its path. */
export function unpackGolden(directory: TestDirectory, archive: string): string {
  mkdirSync(directory.path, { recursive: true });
  execFileSync('tar', ['-xzf', join(__dirname, '../../fixtures', archive), '-C', directory.path]);
  return directory.join('kafka1');
}

/** Time that moves when the test says so; timers fire as it passes them. */
export class ManualClock implements Clock {
  now = 1_700_000_000_000;
  #timers: { at: number; fire: () => void }[] = [];

  wallMs(): number {
    return this.now;
  }

  monotonicMs(): number {
    return this.now;
  }

  timer(delayMs: number, fire: () => void): { cancel(): void } {
    const timer = { at: this.now + Math.max(0, delayMs), fire };
    this.#timers.push(timer);
    return { cancel: () => (this.#timers = this.#timers.filter((other) => other !== timer)) };
  }

  defer(run: () => void): void {
    setImmediate(run);
  }

  advance(ms: number): void {
    this.now += ms;
    const due = this.#timers.filter(({ at }) => at <= this.now);
    this.#timers = this.#timers.filter(({ at }) => at > this.now);
    for (const { fire } of due) {
      fire();
    }
  }
}

export function ioWith(clock: Clock): Io {
  return { ...nodeIo(), clock };
}

export const testConfig: LogConfig = { ...defaultLogConfig, retentionMs: -1, fileDeleteDelayMs: 0 };

export async function openManager(
  logDir: string,
  options: Partial<LogManagerOptions> & { io?: Io; logger?: Logger; config?: Partial<LogConfig> } = {},
): Promise<LogManager> {
  const { io = nodeIo(), logger = silentLogger, config = {}, ...rest } = options;
  const manager = await LogManager.open(io, logger, {
    logDirs: [logDir],
    defaultConfig: { ...testConfig, ...config },
    producerIdExpirationMs: Number.MAX_SAFE_INTEGER,
    ...rest,
  });
  await manager.load();
  return manager;
}

/** A batch as a producer sends it. */
export function batchOf(
  values: readonly string[],
  input: Partial<BatchInput> = {},
  timestamp = 1_700_000_000_000,
): Buffer {
  return buildBatch({ records: values.map((value, index) => ({ value, timestamp: timestamp + index })), ...input });
}

export function append(log: Log, bytes: Buffer, options: Partial<AppendOptions> = {}): Promise<LogAppendInfo> {
  return new Promise((resolve, reject) => {
    log.append(bytes, { origin: 'client', leaderEpoch: 0, ...options }, (error, info) =>
      error === undefined ? resolve(info!) : reject(error),
    );
  });
}

/** What the ranges hold; they are released. */
export async function bytesOf(ranges: readonly FileRange[]): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (const range of ranges) {
    const bytes = Buffer.alloc(range.length);
    let done = 0;
    while (done < range.length) {
      const count = range.hot
        ? range.file.readSync(bytes, done, range.length - done, range.position + done)
        : await range.file.read(bytes, done, range.length - done, range.position + done);
      if (count === 0) {
        throw new Error(`${range.file.path} ends before byte ${range.position + range.length}`);
      }
      done += count;
    }
    range.release();
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}

export async function readBytes(
  log: Log,
  offset: number,
  maxBytes = 1024 * 1024,
  isolation: FetchIsolation = 'logEnd',
): Promise<Buffer> {
  return bytesOf((await log.read(offset, maxBytes, isolation, true)).ranges);
}

/** All records from `offset` on, as a consumer finds them, fetch after fetch. */
export async function readRecordsFrom(
  log: Log,
  offset = log.logStartOffset,
  isolation: FetchIsolation = 'logEnd',
  maxBytes = 1024 * 1024,
): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  let next = offset;
  for (;;) {
    const bytes = await readBytes(log, next, maxBytes, isolation);
    const before = next;
    for (const record of readRecordSet(bytes)) {
      if (record.offset >= next) {
        records.push({ ...record, value: record.value && Buffer.from(record.value) });
        next = record.offset + 1;
      }
    }
    if (next === before) {
      return records;
    }
  }
}

export function valuesOf(records: readonly LogRecord[]): string[] {
  return records.map(({ value }) => value?.toString() ?? 'null');
}

/** Keeps the lines that it is given. */
export function recordingLogger(): Logger & { readonly lines: string[] } {
  const lines: string[] = [];
  const line = (message: string) => void lines.push(message);
  const logger = { lines, debug: () => {}, info: line, warn: line, error: line, child: () => logger };
  return logger;
}
