/** The log layer alone: this broker's in this process, Apache Kafka's in a broker of its own, and the bare file system. */
import fs from 'node:fs';
import path from 'node:path';
import { crc32c } from '@node-rs/crc32';
import type { nodeIo as NodeIo } from '../src/io/node';
import type { Log } from '../src/log/log';
import type * as cleanerConfig from '../src/log/cleaner-config';
import { defaultLogConfig, type LogConfig } from '../src/log/log-config';
import type { LogManager as LogManagerType } from '../src/log/log-manager';
import { silentLogger } from '../src/logging/logger';
import { setBaseOffset } from '../src/records/batch-header';
import { buildBatch } from '../src/records/build-batch';
import { ApacheLog } from './apache-log';
import { benchMemory } from './memory';
import { directory, kill, pause, root, type Running, say } from './processes';
import { createTopic, startServer, startBroker, type Kind, type Target } from './targets';
import { isWanted, median, type Flags, type Result } from './workload';

// As it is installed: jobs run in worker threads only from compiled files.
function compiled<T>(module: string): T {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  return require(path.join(root, 'broker/build', module)) as T;
}
const { nodeIo } = compiled<{ readonly nodeIo: typeof NodeIo }>('io/node/index.js');
const { LogManager } = compiled<{ readonly LogManager: typeof LogManagerType }>('log/log-manager.js');
const { defaultCleanerConfig } = compiled<typeof cleanerConfig>('log/cleaner-config.js');

const gibibyte = 1024 ** 3;
const partition = { topic: 'bench', partition: 0 };

type Measured = Partial<Record<Target['name'], () => Promise<number>>>;

/** Rounds of each in turn, the first to warm up; Apache's are given as often as `apacheRounds` says. */
async function compare(
  flags: Flags,
  name: string,
  figure: Result['figure'],
  measured: Measured,
  rounds = flags.rounds,
): Promise<Result[]> {
  if (!isWanted(flags, name)) return [];
  const values = new Map<Target['name'], number>();
  const lists = new Map<Target['name'], number[]>();
  for (let round = 0; round <= rounds; round++) {
    for (const [target, run] of Object.entries(measured) as [Target['name'], () => Promise<number>][]) {
      const value = await run();
      say(`${name}, ${target}: ${value.toFixed(0)} ${figure}`);
      if (round > 0 || rounds === 0) lists.set(target, [...(lists.get(target) ?? []), value]);
    }
  }
  for (const [target, list] of lists) values.set(target, median(list));
  return [{ name, figure, values }];
}

function open(logDir: string, config: Partial<LogConfig> = {}, hotBytes?: number): Promise<LogManagerType> {
  return LogManager.open(nodeIo(), silentLogger, {
    logDirs: [logDir],
    defaultConfig: { ...defaultLogConfig, retentionMs: -1, ...config },
    cleaner: { ...defaultCleanerConfig, threads: 0 },
    hotBytes,
  });
}

/** The same bytes again and again, each time as a producer sends them; a promise when the disk does not answer at once. */
function append(log: Log, batch: Buffer): Promise<void> | undefined {
  setBaseOffset(batch, 0, 0);
  let outcome: Error | 'done' | undefined;
  let settle: (() => void) | undefined;
  log.append(batch, { origin: 'client', leaderEpoch: 0 }, (error) => {
    outcome = error ?? 'done';
    settle?.();
  });
  const check = (): void => {
    if (outcome instanceof Error) throw outcome;
  };
  if (outcome === undefined) return new Promise<void>((resolve) => (settle = resolve)).then(check);
  check();
  return undefined;
}

/** A batch of records of about `bytes` altogether. */
function batchOf(records: number, bytes: number): Buffer {
  const value = Buffer.alloc(Math.max(1, Math.floor(bytes / records) - 10), 0x61);
  return buildBatch({ records: Array.from({ length: records }, () => ({ value, timestamp: Date.now() })) });
}

function fresh(name: string): string {
  const logDir = path.join(directory, name);
  fs.rmSync(logDir, { recursive: true, force: true });
  return logDir;
}

async function benchAppend(flags: Flags, apache: ApacheLog | undefined): Promise<Result[]> {
  const results: Result[] = [];
  for (const [name, batch, share] of [
    ['append of 1 MB batches (10,000 records)', batchOf(10_000, 1_000_000), 1],
    ['append of 100-record batches (10 kB)', batchOf(100, 10_000), 0.5],
    ['append of 10-record batches (1 kB)', batchOf(10, 1000), 0.1],
  ] as const) {
    const count = Math.ceil((gibibyte * share * flags.scale) / batch.length);
    const perSecond = (ms: number) => (count * batch.length * 1000) / ms;
    results.push(
      ...(await compare(flags, name, 'bytesPerSecond', {
        odradek: async () => {
          const manager = await open(fresh('append'), { segmentBytes: 2 ** 31 - 1 });
          await manager.load();
          const log = await manager.getOrCreate(partition);
          const began = performance.now();
          for (let i = 0; i < count; i++) {
            const later = append(log, batch);
            if (later) await later;
          }
          const ms = performance.now() - began;
          await manager.shutdown();
          return perSecond(ms);
        },
        bare: async () => {
          fs.mkdirSync(fresh('bare'));
          const file = fs.openSync(path.join(directory, 'bare', 'file'), 'w');
          const began = performance.now();
          let sum = 0;
          for (let i = 0; i < count; i++) {
            sum ^= crc32c(batch);
            fs.writeSync(file, batch);
          }
          const ms = performance.now() - began;
          fs.fsyncSync(file);
          fs.closeSync(file);
          return sum === 1 ? 0 : perSecond(ms);
        },
        ...(apache && {
          apache: async () => {
            const file = path.join(directory, 'batch');
            fs.writeFileSync(file, batch);
            return perSecond(await apache.run('append', fresh('apache-append'), file, count));
          },
        }),
      })),
    );
  }
  return results;
}

/** A log of `bytes` in batches of 16 kB; returns its segments' files. */
async function written(logDir: string, bytes: number, config: Partial<LogConfig>): Promise<string[]> {
  const manager = await open(logDir, config);
  await manager.load();
  const log = await manager.getOrCreate(partition);
  const batch = batchOf(16, 16_384);
  while (log.sizeInBytes < bytes) {
    await append(log, batch);
  }
  log.updateHighWatermark(log.logEndOffset);
  await manager.shutdown();
  return segmentsOf(logDir);
}

function segmentsOf(logDir: string): string[] {
  const of = path.join(logDir, 'bench-0');
  return fs
    .readdirSync(of)
    .filter((name) => name.endsWith('.log'))
    .map((name) => path.join(of, name))
    .sort();
}

const chunkBytes = 1024 * 1024;

function readBare(files: readonly string[], checksum: boolean): void {
  const bytes = Buffer.allocUnsafe(chunkBytes);
  for (const name of files) {
    const file = fs.openSync(name, 'r');
    for (let count; (count = fs.readSync(file, bytes, 0, bytes.length, null)) > 0;) {
      if (checksum) crc32c(bytes.subarray(0, count));
    }
    fs.closeSync(file);
  }
}

async function benchRead(flags: Flags, apache: ApacheLog | undefined): Promise<Result[]> {
  const bytes = gibibyte * 0.5 * flags.scale;
  const results: Result[] = [];
  for (const [name, hotBytes] of [
    ['read of what was just written', gibibyte],
    ['read by the cold path', 0],
  ] as const) {
    if (!isWanted(flags, name)) continue;
    const logDir = fresh('read');
    const manager = await open(logDir, {}, hotBytes);
    await manager.load();
    const log = await manager.getOrCreate(partition);
    const batch = batchOf(16, 16_384);
    while (log.sizeInBytes < bytes) await append(log, batch);
    const target = Buffer.allocUnsafe(chunkBytes);
    await log.flush();
    const copy = fresh('apache-read');
    if (apache) fs.cpSync(logDir, copy, { recursive: true });
    results.push(
      ...(await compare(flags, name, 'bytesPerSecond', {
        odradek: async () => {
          const began = performance.now();
          let done = 0;
          for (let offset = 0; offset < log.logEndOffset;) {
            const { ranges } = await log.read(offset, chunkBytes, 'logEnd', true);
            for (const { file, position, length, hot, release } of ranges) {
              const count = hot
                ? file.readSync(target, 0, length, position)
                : await file.read(target, 0, length, position);
              done += count;
              // Every batch has the same size and 16 records.
              offset += Math.floor(count / batch.length) * 16;
              release();
            }
          }
          return (done * 1000) / (performance.now() - began);
        },
        bare: async () => {
          const began = performance.now();
          readBare(segmentsOf(logDir), false);
          return (log.sizeInBytes * 1000) / (performance.now() - began);
        },
        ...(apache && {
          apache: async () => (log.sizeInBytes * 1000) / (await apache.run('read', copy, chunkBytes)),
        }),
      })),
    );
    await manager.shutdown();
  }
  return results;
}

/** How long it takes, from the first to the last, that a log directory is loaded. */
async function load(logDir: string): Promise<number> {
  const manager = await open(logDir);
  const began = performance.now();
  await manager.load();
  const ms = performance.now() - began;
  await manager.shutdown();
  return ms;
}

async function linesOf(server: Running, wanted: RegExp): Promise<RegExpExecArray> {
  for (const since = performance.now(); performance.now() - since < 300_000; await pause(50)) {
    const found = wanted.exec(server.log);
    if (found !== null) return found;
    if (server.exitCode !== null) throw new Error(`Apache Kafka ended:\n${server.log}`);
  }
  throw new Error(`Apache Kafka did not say ${String(wanted)} within five minutes:\n${server.log}`);
}

/** What Apache Kafka says that loading a copy of the directory took. */
async function loadByApache(logDir: string, zookeeperPort: number, chroot: string): Promise<number> {
  const copy = fresh('apache');
  fs.cpSync(logDir, copy, { recursive: true });
  const file = path.join(directory, 'apache.properties');
  fs.writeFileSync(
    file,
    `broker.id=0\nlisteners=PLAINTEXT://127.0.0.1:0\nlog.dirs=${copy}\nzookeeper.connect=127.0.0.1:${zookeeperPort}/${chroot}\n`,
  );
  const server = startServer('apache', file);
  const [, ms] = await linesOf(server, /Loaded \d+ logs in (\d+)ms/);
  await kill(server);
  // Its registration has to go before the next one comes.
  await pause(7000);
  return Number(ms);
}

/** As a broker leaves it that is killed: nothing was flushed, as far as it knows. */
function leaveUnclean(logDir: string): void {
  fs.rmSync(path.join(logDir, '.kafka_cleanshutdown'), { force: true });
  fs.writeFileSync(path.join(logDir, 'recovery-point-offset-checkpoint'), '0\n0\n');
  fs.rmSync(path.join(logDir, 'meta.properties'), { force: true });
}

async function benchRecovery(flags: Flags, kinds: readonly Kind[], zookeeperPort: number): Promise<Result[]> {
  const name = `recovery of ${Math.round(flags.scale * 1024)} MiB that were not flushed`;
  if (!isWanted(flags, name)) return [];
  const logDir = fresh('recovery');
  const files = await written(logDir, gibibyte * flags.scale, { segmentBytes: gibibyte / 4 });
  leaveUnclean(logDir);
  return compare(flags, name, 'ms', {
    odradek: async () => {
      leaveUnclean(logDir);
      return load(logDir);
    },
    bare: async () => {
      const began = performance.now();
      readBare(files, true);
      return performance.now() - began;
    },
    ...(kinds.includes('apache')
      ? {
          apache: () => {
            leaveUnclean(logDir);
            return loadByApache(logDir, zookeeperPort, 'recovery');
          },
        }
      : {}),
  });
}

async function benchOpening(flags: Flags, kinds: readonly Kind[], zookeeperPort: number): Promise<Result[]> {
  const partitions = Math.round(2000 * flags.scale);
  const name = `opening ${partitions} partitions after a clean stop`;
  if (!isWanted(flags, name)) return [];
  const logDir = fresh('opening');
  const manager = await open(logDir);
  await manager.load();
  for (let i = 0; i < partitions; i++) {
    const log = await manager.getOrCreate({ topic: 'bench', partition: i });
    for (let batch = 0; batch < 3; batch++) await append(log, batchOf(10, 1000));
    log.updateHighWatermark(log.logEndOffset);
  }
  await manager.shutdown();
  fs.rmSync(path.join(logDir, 'meta.properties'), { force: true });
  return compare(flags, name, 'ms', {
    odradek: () => load(logDir),
    bare: async () => {
      // A list of each directory, and the end of each log.
      const began = performance.now();
      const last = Buffer.alloc(1000);
      for (const of of fs.readdirSync(logDir)) {
        if (!of.startsWith('bench-')) continue;
        for (const file of fs.readdirSync(path.join(logDir, of))) {
          const opened = fs.openSync(path.join(logDir, of, file), 'r');
          fs.readSync(opened, last, 0, last.length, 0);
          fs.closeSync(opened);
        }
      }
      return performance.now() - began;
    },
    ...(kinds.includes('apache') ? { apache: () => loadByApache(logDir, zookeeperPort, 'opening') } : {}),
  });
}

/** Keys each of which comes twice, once in each half. */
async function fillWithDuplicates(logDir: string, bytes: number, valueBytes: number): Promise<void> {
  const manager = await open(logDir, { segmentBytes: gibibyte / 4, cleanupCompact: true });
  await manager.load();
  const log = await manager.getOrCreate(partition);
  const recordsABatch = Math.max(1, Math.round(100_000 / valueBytes));
  const keys = Math.ceil(bytes / (valueBytes + 25) / 2);
  const value = Buffer.alloc(valueBytes, 0x62);
  for (let next = 0; next < 2 * keys;) {
    const records = Array.from({ length: recordsABatch }, () => {
      return { key: `key-${((next++ % keys) * 7919) % keys}`, value, timestamp: Date.now() };
    });
    await append(log, buildBatch({ records }));
  }
  await log.roll();
  log.updateHighWatermark(log.logEndOffset);
  await manager.shutdown();
}

async function benchCompaction(flags: Flags, kinds: readonly Kind[], zookeeperPort: number): Promise<Result[]> {
  const results: Result[] = [];
  for (const valueBytes of [1000, 100]) {
    const name = `compaction of ${Math.round(flags.scale * 1024)} MiB, half of it duplicates, values of ${valueBytes} B`;
    if (!isWanted(flags, name)) continue;
    const original = fresh('compaction');
    await fillWithDuplicates(original, gibibyte * flags.scale, valueBytes);
    const measured: Measured = {
      odradek: async () => {
        const copy = fresh('ours');
        fs.cpSync(original, copy, { recursive: true });
        const manager = await open(copy, { segmentBytes: gibibyte / 4, cleanupCompact: true, cleanupDelete: false });
        await manager.load();
        for (const log of manager.all()) log.updateHighWatermark(log.logEndOffset);
        const began = performance.now();
        if (!(await manager.cleaner!.cleanFilthiest())) throw new Error('there was nothing to clean');
        const ms = performance.now() - began;
        await manager.shutdown();
        return ms;
      },
      bare: async () => {
        // Everything is read twice, and half of it written and flushed.
        const files = segmentsOf(original);
        const began = performance.now();
        readBare(files, true);
        const copy = path.join(directory, 'copy');
        fs.rmSync(copy, { force: true });
        const to = fs.openSync(copy, 'w');
        const bytes = Buffer.allocUnsafe(chunkBytes);
        for (const name of files) {
          const file = fs.openSync(name, 'r');
          for (let count; (count = fs.readSync(file, bytes, 0, bytes.length, null)) > 0;) {
            fs.writeSync(to, bytes, 0, count >>> 1);
          }
          fs.closeSync(file);
        }
        fs.fsyncSync(to);
        fs.closeSync(to);
        return performance.now() - began;
      },
      ...(kinds.includes('apache')
        ? { apache: () => cleanByApache(original, zookeeperPort, `compaction-${valueBytes}-${Date.now()}`) }
        : {}),
    };
    results.push(...(await compare(flags, name, 'ms', measured)));
  }
  return results;
}

/** What its cleaner says that the directory took; it compacts only topics that its cluster knows. */
async function cleanByApache(original: string, zookeeperPort: number, chroot: string): Promise<number> {
  const settings = {
    id: 0,
    zookeeper: `127.0.0.1:${zookeeperPort}/${chroot}`,
    properties: {
      'log.cleanup.policy': 'compact',
      'log.segment.bytes': gibibyte / 4,
      'log.cleaner.backoff.ms': 100,
      'log.cleaner.min.cleanable.ratio': 0.1,
    },
  };
  const broker = await startBroker('apache', settings);
  await createTopic({ name: 'apache', address: broker.address, brokers: [broker] }, partition.topic, 1);
  broker.process.kill('SIGTERM');
  await new Promise((resolve) => broker.process.on('exit', resolve));
  const logDir = /^log\.dirs=(.*)$/m.exec(fs.readFileSync(broker.file, 'utf8'))![1];
  const of = path.join(logDir, 'bench-0');
  const metadata = fs.readFileSync(path.join(of, 'partition.metadata'));
  fs.rmSync(of, { recursive: true });
  fs.cpSync(path.join(original, 'bench-0'), of, { recursive: true });
  fs.writeFileSync(path.join(of, 'partition.metadata'), metadata);
  const server = startServer('apache', broker.file);
  const [, seconds] = await linesOf(server, /cleaned log bench-0[\s\S]*?MB of log processed in ([\d.,]+) seconds/);
  await kill(server);
  fs.rmSync(logDir, { recursive: true });
  return Number(seconds.replace(',', '')) * 1000;
}

/** Expected: appends and reads at 0.8 of the bare limit and more, recovery, compaction and starts faster than Apache's. */
export async function benchLog(flags: Flags, kinds: readonly Kind[], zookeeperPort: number): Promise<Result[]> {
  const apache = kinds.includes('apache') ? new ApacheLog() : undefined;
  const ofLog = [...(await benchAppend(flags, apache)), ...(await benchRead(flags, apache))];
  apache?.close();
  return [
    ...ofLog,
    ...(await benchRecovery(flags, kinds, zookeeperPort)),
    ...(await benchCompaction(flags, kinds, zookeeperPort)),
    ...(await benchOpening(flags, kinds, zookeeperPort)),
    ...(await benchMemory(flags, kinds, zookeeperPort)),
  ];
}
