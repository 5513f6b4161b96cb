import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Clock } from '../../broker/src/io/clock';
import { nodeIo } from '../../broker/src/io/node';
import { defaultCleanerConfig } from '../../broker/src/log/cleaner-config';
import type { Log } from '../../broker/src/log/log';
import { LogManager } from '../../broker/src/log/log-manager';
import { silentLogger } from '../../broker/src/logging/logger';
import {
  baseOffset,
  baseSequence,
  compressionOf,
  hasDeleteHorizon,
  isControlBatch,
  isTransactional,
  lastOffset,
  magicOf,
  maxTimestamp,
  nextBatchSize,
  partitionLeaderEpoch,
  producerEpoch,
  producerId,
  timestampTypeOf,
} from '../../broker/src/records/batch-header';
import { buildBatch, type RecordInput } from '../../broker/src/records/build-batch';
import { CompressionType } from '../../broker/src/records/compression-type';
import { buildEndTransactionMarker, ControlRecordType } from '../../broker/src/records/control-records';
import { buildLegacySet } from '../../broker/src/records/legacy-records';
import { readRecords } from '../../broker/src/records/read-records';
import { noHeaders } from '../../broker/src/records/record';
import { append, ManualClock, testConfig } from '../broker/log/support';
import { installApache } from './harness';

const peers = join(__dirname, '../peers');
const codecs = Object.entries(CompressionType).map(([name, compression]) => ({
  topic: name.toLowerCase(),
  compression,
}));
const topics = [...codecs.map(({ topic }) => topic), 'transactions', 'idempotent', 'legacy', 'appendtime'];
const segmentBytes = 20_000;
const config = {
  ...testConfig,
  segmentBytes,
  indexIntervalBytes: 1000,
  cleanupCompact: true,
  cleanupDelete: false,
  deleteRetentionMs: 0,
  minCleanableDirtyRatio: 0,
};

/** `clock`: by the machine's time otherwise. */
function openManager(logDir: string, clock?: Clock): Promise<LogManager> {
  const io = nodeIo();
  return LogManager.open({ ...io, clock: clock ?? io.clock }, silentLogger, {
    logDirs: [logDir],
    defaultConfig: config,
    topicConfig: (topic) => ({
      ...config,
      messageTimestampType: topic === 'appendtime' ? 'LogAppendTime' : 'CreateTime',
    }),
    cleaner: { ...defaultCleanerConfig, threads: 0 },
  });
}

/** Numbers that look random and are the same in every run. */
function* sequence(seed: number): Generator<number, never> {
  for (let state = seed; ;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state >>> 8;
  }
}

/** Adds to a compacted topic what it can hold: few keys and many records, tombstones, headers, transactions. */
async function fill(log: Log, round: number, startMs: number): Promise<void> {
  const { topic } = log.topicPartition;
  const numbers = sequence(round * 100 + topics.indexOf(topic));
  const below = (bound: number) => numbers.next().value % bound;
  let timestamp = startMs;
  const record = (): RecordInput => ({
    key: `key ${below(60)}`,
    value: below(7) === 0 ? null : `value ${round} `.repeat(1 + below(20)),
    headers: below(5) === 0 ? [{ key: 'header', value: Buffer.from(String(below(100))) }] : [],
    timestamp: (timestamp += below(50) - 20),
  });
  const records = () => Array.from({ length: 1 + below(12) }, record);
  const compression = codecs.find((codec) => codec.topic === topic)?.compression ?? CompressionType.NONE;
  const sequences = new Map([...log.activeProducers()].map((entry) => [entry.producerId, entry.lastSequence + 1]));
  const open = new Set<number>();
  const mark = async (id: number) => {
    const type = below(3) === 0 ? ControlRecordType.ABORT : ControlRecordType.COMMIT;
    const marker = { type, producerId: id, producerEpoch: 0, coordinatorEpoch: 0, timestamp };
    await append(log, buildEndTransactionMarker(marker), { origin: 'coordinator' });
    open.delete(id);
  };
  for (let i = 0; i < 150; i++) {
    const batch = records();
    if (topic === 'legacy') {
      const magic = below(2) as 0 | 1;
      const offset = log.logEndOffset;
      const messages = batch.map(({ key, value }, index) => ({
        offset: offset + index,
        timestamp: magic === 0 ? -1 : timestamp + index,
        key: Buffer.from(key as string),
        value: value === null ? null : Buffer.from(value as string),
        headers: noHeaders,
      }));
      const codec = below(2) === 0 ? CompressionType.NONE : CompressionType.GZIP;
      const set = buildLegacySet(messages, { magic, compression: codec, timestampType: 0 });
      await append(log, set, { origin: 'replication' });
    } else if (topic === 'transactions' || topic === 'idempotent') {
      const id = 100 + below(4);
      const first = sequences.get(id) ?? 0;
      const transactional = topic === 'transactions' && below(4) > 0 && (open.has(id) || open.size < 3);
      if (!transactional && open.has(id)) await mark(id);
      const producer = { producerId: id, producerEpoch: 0, baseSequence: first, transactional };
      await append(log, buildBatch({ records: batch, ...producer }));
      sequences.set(id, first + batch.length);
      if (transactional) open.add(id);
      if (open.size > 0 && below(3) === 0) await mark([...open][below(open.size)]);
    } else {
      await append(log, buildBatch({ records: batch, compression }));
    }
  }
  for (const id of [...open]) await mark(id);
  log.updateHighWatermark(log.logEndOffset);
  await log.roll();
}

interface Content {
  /** Base offsets of the segments. */
  readonly segments: readonly number[];
  readonly batches: readonly object[];
}

/** Everything that the files of a partition say, down to headers of empty batches; no times of a cleaning. */
function contentOf(logDir: string, topic: string): Content {
  const directory = join(logDir, `${topic}-0`);
  const names = readdirSync(directory)
    .filter((name) => name.endsWith('.log'))
    .sort();
  const batches: object[] = [];
  for (const name of names) {
    const bytes = readFileSync(join(directory, name));
    for (let at = 0, size = 0; (size = nextBatchSize(bytes, at, bytes.length)) > 0; at += size) {
      batches.push({
        offsets: [baseOffset(bytes, at), lastOffset(bytes, at)],
        epochs: [partitionLeaderEpoch(bytes, at), producerEpoch(bytes, at)],
        producer: [producerId(bytes, at), baseSequence(bytes, at)],
        kind: [magicOf(bytes, at), compressionOf(bytes, at), timestampTypeOf(bytes, at)],
        flags: [isTransactional(bytes, at), isControlBatch(bytes, at), hasDeleteHorizon(bytes, at)],
        maxTimestamp: maxTimestamp(bytes, at),
        records: [...readRecords(bytes, at)].map(({ offset, timestamp, key, value, headers }) => ({
          offset,
          timestamp,
          key: key?.toString('latin1'),
          value: value?.toString('latin1'),
          headers: headers.map((header) => `${header.key}=${header.value?.toString()}`),
        })),
      });
    }
  }
  return { segments: names.map((name) => Number(name.slice(0, 20))), batches };
}

const root = mkdtempSync(join(tmpdir(), 'odradek-compaction-'));
const theirs = join(root, 'kafka1');
const ours = join(root, 'ours');
let environment: NodeJS.ProcessEnv;

function cluster(args: readonly string[], extra: readonly string[] = []): void {
  const env = { ...environment, EXTRA: extra.join('\n') };
  execFileSync(join(peers, 'cluster'), args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
}

function kafka(...args: string[]): string {
  const options = { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 } as const;
  const { status, stdout, stderr } = spawnSync(join(peers, 'kafka'), ['3.9', ...args], options);
  if (status !== 0) throw new Error(`${args.slice(0, 2).join(' ')} ended with ${status}: ${stderr}`);
  return stdout + stderr;
}

const brokerLog = () => readFileSync(join(root, 'logs', 'broker1.log'), 'utf8');

async function startBroker(extra: readonly string[]): Promise<void> {
  rmSync(join(root, 'logs', 'broker1.log'), { force: true });
  cluster(['broker', '1'], extra);
  const started = /started \(kafka\.server\.KafkaServer\)/;
  await vi.waitFor(() => expect(brokerLog()).toMatch(started), { timeout: 120_000, interval: 200 });
}

/** Offsets by topic, as cleaner-offset-checkpoint has them. */
function cleanedOffsets(logDir: string): Map<string, number> {
  const path = join(logDir, 'cleaner-offset-checkpoint');
  const lines = existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').slice(2) : [];
  return new Map(lines.map((line) => line.split(' ')).map(([topic, , offset]) => [topic, Number(offset)]));
}

/** The same records into a log directory, and up to where it is to be cleaned then. */
async function fillAll(logDir: string, round: number, startMs: number): Promise<Map<string, number>> {
  const clock = new ManualClock();
  clock.now = startMs;
  const manager = await openManager(logDir, clock);
  await manager.load();
  const ends = new Map<string, number>();
  for (const topic of topics) {
    const log = await manager.getOrCreate({ topic, partition: 0 });
    await fill(log, round, startMs);
    ends.set(topic, log.logEndOffset);
  }
  await manager.shutdown();
  return ends;
}

async function cleanByUs(logDir: string): Promise<void> {
  const manager = await openManager(logDir);
  await manager.load();
  for (const log of manager.all()) log.updateHighWatermark(log.logEndOffset);
  while (await manager.cleaner!.cleanFilthiest());
  expect(manager.cleaner!.uncleanableLogs).toEqual([]);
  await manager.shutdown();
}

async function cleanByApache(logDir: string, ends: ReadonlyMap<string, number>): Promise<void> {
  await startBroker(['log.cleaner.backoff.ms=200', 'log.cleaner.min.cleanable.ratio=0']);
  const reached = () => {
    const cleaned = cleanedOffsets(logDir);
    return topics.filter((topic) => cleaned.get(topic) !== ends.get(topic));
  };
  await vi.waitFor(() => expect(reached()).toEqual([]), { timeout: 120_000, interval: 200 });
  cluster(['term', 'broker1']);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

describe('compaction', () => {
  const startMs = Date.now() - 100_000;

  beforeAll(async () => {
    installApache('3.9');
    environment = { ...process.env, RIG_DATA: root, RF: '1', MINISR: '1' };
    environment.ZKP = String(await freePort());
    environment.BP = String((await freePort()) - 1);
    cluster(['zk']);
    await startBroker(['log.cleaner.enable=false']);
    const settings = {
      'cleanup.policy': 'compact',
      'segment.bytes': segmentBytes,
      'index.interval.bytes': 1000,
      'delete.retention.ms': 0,
      'min.cleanable.dirty.ratio': 0,
      'file.delete.delay.ms': 0,
    };
    const args = Object.entries(settings).flatMap(([key, value]) => ['--config', `${key}=${value}`]);
    const server = ['--bootstrap-server', `127.0.0.1:${Number(environment.BP) + 1}`];
    for (const topic of topics) {
      const own = topic === 'appendtime' ? ['--config', 'message.timestamp.type=LogAppendTime'] : [];
      kafka('topics', ...server, '--create', '--topic', topic, '--replication-factor', '1', ...args, ...own);
    }
    cluster(['term', 'broker1']);
  });

  afterAll(() => {
    cluster(['stop']);
    rmSync(root, { recursive: true, force: true });
  });

  it.each([1, 2, 3])("leaves batch for batch what Apache Kafka's cleaner leaves, round %i", async (round) => {
    // Of what each has cleaned before, with tombstones and markers that may go by now.
    const ends = await fillAll(theirs, round, startMs + round);
    if (round === 1) {
      cpSync(theirs, ours, { recursive: true });
    } else {
      expect(await fillAll(ours, round, startMs + round)).toEqual(ends);
    }
    const before = topics.map((topic) => contentOf(ours, topic).batches.length);
    await cleanByUs(ours);
    await cleanByApache(theirs, ends);
    for (const [index, topic] of topics.entries()) {
      const [left, expected] = [contentOf(ours, topic), contentOf(theirs, topic)];
      expect(left.batches.length, topic).toBeLessThan(before[index]);
      expect(left, topic).toEqual(expected);
    }
    expect(cleanedOffsets(ours)).toEqual(new Map([...cleanedOffsets(theirs)].filter(([topic]) => ends.has(topic))));
  });

  it("is read by Apache's dump tool without a complaint", () => {
    const files = (suffix: RegExp) =>
      readdirSync(ours, { recursive: true, encoding: 'utf8' })
        .filter((name) => suffix.test(name))
        .map((name) => join(ours, name))
        .sort();
    const dump = kafka('dump-log', '--deep-iteration', '--files', files(/\.(log|index|timeindex|txnindex)$/).join(','));
    // Holes between offsets are what compaction makes, and batches that are kept for their producer alone.
    const ofEmptyBatches = dump.match(/^ {2}Index timestamp: \d+, log timestamp: (?!-1$).*$/gm);
    expect(ofEmptyBatches ?? []).toEqual([]);
    const faults = /index offset|out of order|isvalid: false|invalid bytes|could not|warn|error|exception|not found/i;
    expect(dump.split('\n').filter((line) => faults.test(line))).toEqual([]);
    const sane = kafka('dump-log', '--index-sanity-check', '--files', files(/\.index$/).join(','));
    expect(sane.match(/passed sanity check|is empty/g)).toHaveLength(files(/\.index$/).length);
  });

  it('of ours opens in Apache Kafka, which goes on where we ended', async () => {
    const expected = topics.map((topic) => contentOf(ours, topic));
    rmSync(theirs, { recursive: true });
    cpSync(ours, theirs, { recursive: true });
    const holder = await openManager(theirs);
    cluster(['launch', '1']);
    const refused = /Failed to acquire lock on file \.lock/;
    await vi.waitFor(() => expect(brokerLog()).toMatch(refused), { timeout: 120_000, interval: 200 });
    await holder.shutdown();
    await startBroker(['log.cleaner.backoff.ms=200']);
    await expect(openManager(theirs)).rejects.toThrow(/\.lock is locked/);
    const records = kafka(
      'console-consumer',
      ...['--bootstrap-server', `127.0.0.1:${Number(environment.BP) + 1}`, '--timeout-ms', '10000'],
      ...['--topic', 'transactions', '--isolation-level', 'read_committed', '--from-beginning'],
      ...['--property', 'print.offset=true', '--property', 'print.value=false'],
    );
    cluster(['term', 'broker1']);
    const lines = brokerLog().split('\n');
    const faults = /\b(WARN|ERROR)\b.*(LogLoader|UnifiedLog|LogManager|ProducerState|LogSegment|LocalLog|Cleaner)/i;
    expect(lines.filter((line) => faults.test(line))).toEqual([]);
    expect(topics.map((topic) => contentOf(theirs, topic))).toEqual(expected);
    const readable = expected[topics.indexOf('transactions')].batches.flatMap((batch) => {
      const { flags, records } = batch as { flags: boolean[]; records: { offset: number }[] };
      return flags[1] ? [] : records.map(({ offset }) => offset);
    });
    expect([...records.matchAll(/^Offset:(\d+)/gm)].map(([, offset]) => Number(offset))).toEqual(readable);
  });
});
