import { expect, test } from 'vitest';
import type { Io } from '../../broker/src/io/io';
import { defaultCleanerConfig } from '../../broker/src/log/cleaner-config';
import { defaultLogConfig } from '../../broker/src/log/log-config';
import type { Log } from '../../broker/src/log/log';
import { LogManager } from '../../broker/src/log/log-manager';
import type { Logger } from '../../broker/src/logging/logger';
import { buildBatch, type RecordInput } from '../../broker/src/records/build-batch';
import { CompressionType } from '../../broker/src/records/compression-type';
import { readRecordSet } from '../../broker/src/records/read-records';
import type { FileRange } from '../../broker/src/io/files';
import { Scheduler } from './io/scheduler';
import type { SeededRandom } from './io/seeded-random';
import { SimulatedHost } from './io/simulated-host';
import { SimulatedNetwork } from './io/simulated-network';

const partition = { topic: 't', partition: 0 };
const keys = 12;

const config = {
  ...defaultLogConfig,
  cleanupCompact: true,
  cleanupDelete: false,
  segmentBytes: 1500,
  indexIntervalBytes: 200,
  deleteRetentionMs: 40,
  minCleanableDirtyRatio: 0.1,
  fileDeleteDelayMs: 30,
};

interface Entry {
  readonly offset: number;
  readonly key: string;
  /** null: a tombstone. */
  readonly value: string | null;
}

/** Everything that was ever appended, and how much of it a crash may not take. */
class Model {
  /** `undefined`: it was not flushed, and a loss of power has taken it. */
  entries: (Entry | undefined)[] = [];
  /** First offsets of batches. */
  batches: number[] = [];
  promised = 0;

  get end(): number {
    return this.entries.length;
  }

  truncateTo(offset: number): void {
    this.entries.length = Math.min(this.entries.length, offset);
    this.batches = this.batches.filter((base) => base < offset);
    this.promised = Math.min(this.promised, offset);
  }

  /** Power was lost: what was not flushed may be gone, also from the middle, as in Apache Kafka. */
  lose(found: readonly Entry[]): void {
    const there = new Set(found.map(({ offset }) => offset));
    for (let offset = this.promised; offset < this.end; offset++) {
      if (!there.has(offset)) this.entries[offset] = undefined;
    }
  }

  /**
   * What is wrong with the records that a log of `end` holds: none may be there that was not appended, none may have
   * another content, and of each key the last has to be there, unless it is a tombstone.
   */
  faults(found: readonly Entry[], end: number): string[] {
    const faults: string[] = [];
    let last = -1;
    for (const { offset, key, value } of found) {
      const entry = this.entries.at(offset);
      if (offset <= last) faults.push(`offset ${offset} comes after ${last}`);
      if (entry?.key !== key || entry.value !== value) faults.push(`at offset ${offset} is ${key}=${value}`);
      last = offset;
    }
    const there = new Set(found.map(({ offset }) => offset));
    const latest = new Map<string, Entry>();
    for (const entry of this.entries.slice(0, end)) if (entry !== undefined) latest.set(entry.key, entry);
    for (const { offset, key, value } of latest.values()) {
      if (value !== null && !there.has(offset)) faults.push(`${key}=${value} at offset ${offset} is gone`);
      if (value === null) {
        const older = found.filter((entry) => entry.key === key && entry.offset < offset && entry.value !== null);
        if (older.length > 0 && !there.has(offset)) faults.push(`${key} is back: its tombstone at ${offset} is gone`);
      }
    }
    return faults;
  }
}

async function bytesOf(ranges: readonly FileRange[]): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (const range of ranges) {
    const bytes = Buffer.alloc(range.length);
    for (let done = 0; done < range.length;) {
      done += await range.file.read(bytes, done, range.length - done, range.position + done);
    }
    range.release();
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}

async function contentOf(log: Log): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let next = log.logStartOffset; next < log.logEndOffset;) {
    const bytes = await bytesOf((await log.read(next, 700, 'logEnd', true)).ranges);
    if (bytes.length === 0) break;
    const before = next;
    for (const { offset, key, value } of readRecordSet(bytes)) {
      if (offset < next) continue;
      entries.push({ offset, key: key!.toString(), value: value === null ? null : value.toString() });
      next = offset + 1;
    }
    // Batches may be empty, or end with holes.
    if (next === before) next++;
  }
  return entries;
}

function append(log: Log, records: readonly RecordInput[], compression: CompressionType): Promise<void> {
  return new Promise((resolve, reject) => {
    log.append(buildBatch({ records, compression }), { origin: 'client', leaderEpoch: 0 }, (error) =>
      error === undefined ? resolve() : reject(error),
    );
  });
}

interface Life {
  /** How it ends, and how the one before has ended. */
  readonly losesPower: boolean;
  readonly lines: string[];
  cleanings: number;
}

/** One life of a log under random operations, with its cleaner at work all the time. */
async function live(io: Io, model: Model, random: SeededRandom, life: Life, operations: number): Promise<void> {
  const info = (message: string) => void (life.cleanings += message.startsWith('Cleaned ') ? 1 : 0);
  const line = (message: string) => void life.lines.push(message);
  const logger: Logger = { debug: () => {}, info, warn: line, error: line, child: () => logger };
  const manager = await LogManager.open(io, logger, {
    logDirs: ['/data/logs'],
    defaultConfig: config,
    flushRecoveryOffsetCheckpointMs: 50,
    cleaner: { ...defaultCleanerConfig, backoffMs: 5, ioBufferSize: 0, dedupeBufferSize: 24 * 40 },
  });
  await manager.load();
  const log = await manager.getOrCreate(partition);
  // What a crash took is not there any more; nothing that was flushed may be among it.
  expect(log.logEndOffset).toBeGreaterThanOrEqual(model.promised);
  expect(log.logEndOffset).toBeLessThanOrEqual(model.end);
  model.truncateTo(log.logEndOffset);
  log.updateHighWatermark(log.logEndOffset);
  const found = await contentOf(log);
  if (life.losesPower) model.lose(found);
  expect(model.faults(found, log.logEndOffset)).toEqual([]);
  for (let i = 0; i < operations; i++) {
    model.promised = Math.max(model.promised, log.recoveryPoint);
    const what = random.below(20);
    if (what < 14) {
      const count = 1 + random.below(5);
      const entries = Array.from({ length: count }, (_, index) => ({
        offset: model.end + index,
        key: `key ${random.below(keys)}`,
        value: random.chance(0.2) ? null : `${model.end + index}:${'x'.repeat(random.below(60))}`,
      }));
      model.batches.push(model.end);
      model.entries.push(...entries);
      const records = entries.map(({ key, value }) => ({ key, value, timestamp: io.clock.wallMs() }));
      await append(log, records, random.chance(0.3) ? CompressionType.GZIP : CompressionType.NONE);
      if (random.chance(0.5)) log.updateHighWatermark(log.logEndOffset);
    } else if (what < 15) {
      await log.roll();
    } else if (what < 16) {
      await log.flush();
    } else if (what < 17) {
      // Nothing that is replicated is ever cut.
      const ends = [...model.batches.filter((base) => base >= log.highWatermark), model.end];
      const to = ends[random.below(ends.length)];
      // Until it is done, either is right after a crash: what is cut was not promised.
      model.promised = Math.min(model.promised, to);
      await log.truncateTo(to);
      model.truncateTo(log.logEndOffset);
    } else if (what < 19) {
      expect(model.faults(await contentOf(log), log.logEndOffset)).toEqual([]);
    } else {
      await new Promise<void>((resolve) => io.clock.timer(random.below(30), resolve));
    }
  }
  expect(model.faults(await contentOf(log), log.logEndOffset)).toEqual([]);
  if (random.chance(0.5)) await manager.shutdown();
}

/**
 * Lives that end in the middle of a change of a file, by SIGKILL or with the power; then one that is whole. Returns how
 * often was cleaned.
 */
async function lives(seed: number): Promise<number> {
  const scheduler = new Scheduler(seed);
  const host = new SimulatedHost(scheduler, new SimulatedNetwork(scheduler), '10.0.0.1');
  const { random } = scheduler;
  const model = new Model();
  const withPower = seed % 2 === 0;
  let cleanings = 0;
  for (let number = 0; number < 6; number++) {
    const process = host.start(`life ${number}`);
    const life: Life = { losesPower: withPower, lines: [], cleanings: 0 };
    let outcome: unknown = 'running';
    const isLast = number === 5;
    if (!isLast) {
      const end = () => (withPower ? host.losePower() : process.kill());
      process.files.plannedEnd = { changesLeft: random.below(600), end };
    }
    live(process.io, model, random.fork(), life, 80).then(
      () => (outcome = 'done'),
      (error: unknown) => (outcome = error),
    );
    await scheduler.run(scheduler.nowMs + 1e5, () => outcome !== 'running' || process.ended);
    if (!process.ended) {
      expect([seed, number, outcome, life.lines]).toEqual([seed, number, 'done', life.lines]);
      const alarms = life.lines.filter((line) => /cannot be cleaned|failed|offline/.test(line));
      expect([seed, number, alarms]).toEqual([seed, number, []]);
    }
    cleanings += life.cleanings;
    process.kill();
    if (withPower) host.losePower();
    host.powerUp();
  }
  return cleanings;
}

/** With the environment's SEEDS, other seeds: `1000-2000`. */
function seeds(): number[] {
  const [first, end] = (process.env.SEEDS ?? '0-50').split('-').map(Number);
  return Array.from({ length: end - first }, (_, index) => first + index);
}

test('a log that is compacted all the time, through crashes at any change of a file, keeps what it has to', async () => {
  let cleanings = 0;
  for (const seed of seeds()) cleanings += await lives(seed);
  expect(cleanings).toBeGreaterThan(seeds().length);
}, 600_000);
