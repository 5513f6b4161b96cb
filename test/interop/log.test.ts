import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeIo } from '../../broker/src/io/node';
import type { Log } from '../../broker/src/log/log';
import { LogManager } from '../../broker/src/log/log-manager';
import { partitionName } from '../../broker/src/log/topic-partition';
import { setBaseOffset, setPartitionLeaderEpoch } from '../../broker/src/records/batch-header';
import { CompressionType } from '../../broker/src/records/compression-type';
import { buildEndTransactionMarker, ControlRecordType } from '../../broker/src/records/control-records';
import { silentLogger } from '../../broker/src/logging/logger';
import { append, batchOf, readRecordsFrom, recordingLogger, testConfig } from '../broker/log/support';

const peers = join(__dirname, '../peers');
const clusterId = 'odradek-interop-test-1';
const topicId = 'L_SSrBYeR2WGwzmRaOsn_A';

/** What a command prints, to both of its outputs: the dump tool complains on the second. */
function kafka(...args: string[]): string {
  const options = { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 } as const;
  const { status, stdout, stderr } = spawnSync(join(peers, 'kafka'), ['3.9', ...args], options);
  if (status !== 0) {
    throw new Error(`${args.slice(0, 2).join(' ')} ended with ${status}: ${stderr}`);
  }
  return stdout + stderr;
}

/** Lines of the dump tool that find fault with something. */
function complaints(dump: string): string[] {
  return dump
    .split('\n')
    .filter((line) =>
      /mismatch|Non-consecutive|out of order|isvalid: false|invalid|Could not|WARN|ERROR|Found/i.test(line),
    )
    .filter((line) => !/isvalid: true/.test(line));
}

function openManager(logDir: string, logger = silentLogger): Promise<LogManager> {
  return LogManager.open(nodeIo(), logger, {
    logDirs: [logDir],
    producerIdExpirationMs: Number.MAX_SAFE_INTEGER,
    defaultConfig: { ...testConfig, segmentBytes: 40_000, indexIntervalBytes: 1000 },
    topicConfig: (topic) => ({
      ...testConfig,
      segmentBytes: 40_000,
      indexIntervalBytes: 1000,
      messageTimestampType: topic === 'appendtime' ? 'LogAppendTime' : 'CreateTime',
    }),
  });
}

/** Partitions with everything that a log can hold. */
async function fill(manager: LogManager): Promise<void> {
  const now = Date.now();
  const logOf = (topic: string) => manager.getOrCreate({ topic, partition: 0 }, topicId);
  const plain = await logOf('plain');
  for (let index = 0; index < 900; index++) {
    const values = Array.from({ length: 1 + (index % 4) }, (_, n) => `value ${index}.${n} `.repeat(index % 9));
    // Times that go up and down.
    const timestamp = now - 1_000_000 + index * 10 - (index % 7) * 1000;
    await append(plain, batchOf(values, {}, timestamp), { leaderEpoch: Math.floor(index / 300) });
  }
  for (const [name, compression] of Object.entries(CompressionType)) {
    const log = await logOf(name.toLowerCase());
    for (let index = 0; index < 60; index++) {
      const values = Array.from({ length: 50 }, (_, n) => `value ${index}.${n} `.repeat(9));
      await append(log, batchOf(values, { compression }, now + index));
    }
  }
  const appendTime = await logOf('appendtime');
  for (let index = 0; index < 50; index++) {
    await append(appendTime, batchOf(['x'.repeat(200), 'y']));
  }
  await fillTransactions(await logOf('transactions'), now);
  const follower = await logOf('follower');
  for (let index = 0; index < 40; index++) {
    const batches = [0, 1, 2].map((n) => {
      const batch = batchOf(['x'.repeat(300), 'y'], {}, now + index);
      setBaseOffset(batch, 0, index * 6 + n * 2);
      setPartitionLeaderEpoch(batch, 0, 2 + Math.floor(index / 20));
      return batch;
    });
    await append(follower, Buffer.concat(batches), { origin: 'replication' });
  }
  const cut = await logOf('cut');
  for (let index = 0; index < 300; index++) {
    await append(cut, batchOf(['x'.repeat(300)], {}, now + index));
  }
  await cut.truncateTo(222);
  cut.updateHighWatermark(222);
  cut.maybeIncrementLogStartOffset(130);
  await cut.deleteOldSegments();
  await logOf('empty');
}

async function fillTransactions(log: Log, now: number): Promise<void> {
  const sequences = new Map<number, number>();
  for (let round = 0; round < 60; round++) {
    const producerId = 100 + (round % 5);
    const sequence = sequences.get(producerId) ?? 0;
    const producer = { producerId, producerEpoch: 1, baseSequence: sequence, transactional: true };
    const values = ['a'.repeat(500), 'b'.repeat(500)];
    await append(log, batchOf(values, producer, now + round));
    sequences.set(producerId, sequence + 2);
    if (round < 55) {
      const type = round % 3 === 0 ? ControlRecordType.ABORT : ControlRecordType.COMMIT;
      const marker = { type, producerId, producerEpoch: 1, coordinatorEpoch: 3, timestamp: now + round };
      await append(log, buildEndTransactionMarker(marker), { origin: 'coordinator' });
    }
  }
}

interface Summary {
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly values: readonly string[];
}

async function summaries(manager: LogManager): Promise<Map<string, Summary>> {
  const found = new Map<string, Summary>();
  for (const log of manager.all()) {
    const { logStartOffset, logEndOffset } = log;
    const records = await readRecordsFrom(log);
    const values = records.map(({ offset, timestamp, value }) => `${offset} ${timestamp} ${value?.toString()}`);
    found.set(partitionName(log.topicPartition), { logStartOffset, logEndOffset, values });
  }
  return found;
}

describe('a log directory that we wrote', () => {
  const root = mkdtempSync(join(tmpdir(), 'odradek-log-interop-'));
  const clean = join(root, 'kafka1');
  const killed = join(root, 'kafka2');
  let expected: Map<string, Summary>;

  beforeAll(async () => {
    mkdirSync(clean);
    const manager = await openManager(clean);
    await manager.writeMetaProperties(1, clusterId);
    await manager.load();
    await fill(manager);
    // What kill -9 at this moment leaves.
    for (const log of manager.all()) {
      await log.flush();
    }
    await manager.checkpointLogStartOffsets();
    cpSync(clean, killed, { recursive: true });
    rmSync(join(killed, 'meta.properties'));
    expected = await summaries(manager);
    await manager.shutdown();
  });

  afterAll(() => rmSync(root, { recursive: true, force: true }));

  const filesOf = (suffix: RegExp) =>
    readdirSync(clean, { recursive: true, encoding: 'utf8' })
      .filter((name) => suffix.test(name))
      .map((name) => join(clean, name))
      .sort();

  it('has segments and indexes to speak of', () => {
    expect(filesOf(/\.log$/).length).toBeGreaterThan(15);
    expect(filesOf(/\.txnindex$/).length).toBeGreaterThan(1);
    expect(filesOf(/\.snapshot$/).length).toBeGreaterThan(10);
  });

  it("is read by Apache's dump tool without a complaint: records, offset indexes, time indexes", () => {
    const dump = kafka('dump-log', '--deep-iteration', '--files', filesOf(/\.(log|index|timeindex)$/).join(','));
    expect(complaints(dump)).toEqual([]);
    // A log that does not start with its first segment has more records in its files than can be read.
    const parts = dump.split('Dumping ').filter((part) => !part.startsWith(join(clean, 'cut-0')));
    const dumped = parts.flatMap((part) => part.match(/^\| offset: \d+ /gm) ?? []);
    const readable = [...expected].filter(([name]) => name !== 'cut-0').flatMap(([, { values }]) => values);
    expect(dumped).toHaveLength(readable.length);
    expect(dump.match(/^baseOffset: /gm)!.length).toBeGreaterThan(1000);
    expect(dump.match(/^offset: \d+ position: /gm)!.length).toBeGreaterThan(100);
    expect(dump.match(/^timestamp: \d+ offset: /gm)!.length).toBeGreaterThan(100);
  });

  it('has indexes that pass its sanity check', () => {
    const files = filesOf(/\.index$/);
    const dump = kafka('dump-log', '--index-sanity-check', '--files', files.join(','));
    expect(dump.match(/passed sanity check|is empty/g)).toHaveLength(files.length);
  });

  it('has producer snapshots and transaction indexes that it can read', () => {
    const snapshots = kafka('dump-log', '--files', filesOf(/\.snapshot$/).join(','));
    expect(complaints(snapshots)).toEqual([]);
    expect(snapshots.match(/^producerId: 10[0-4] producerEpoch: 1 coordinatorEpoch: 3 /gm)!.length).toBeGreaterThan(4);
    const aborted = kafka('dump-log', '--files', filesOf(/\.txnindex$/).join(','));
    expect(aborted.match(/^version: 0 producerId: 10\d firstOffset: \d+ lastOffset: \d+ /gm)).toHaveLength(19);
  });

  describe('opened by Apache Kafka 3.9', () => {
    let environment: NodeJS.ProcessEnv;
    const cluster = (...args: string[]) =>
      execFileSync(join(peers, 'cluster'), args, { env: environment, stdio: ['ignore', 'ignore', 'inherit'] });

    beforeAll(async () => {
      environment = {
        ...process.env,
        RIG_DATA: root,
        ZKP: String(await freePort()),
        BP: String((await freePort()) - 1),
      };
      cluster('zk');
      const zookeeper = `127.0.0.1:${environment.ZKP}`;
      kafka('zookeeper-shell', '-server', zookeeper, 'create', '/cluster', '');
      kafka('zookeeper-shell', '-server', zookeeper, 'create', '/cluster/id', `{"version":"1","id":"${clusterId}"}`);
    });

    afterAll(() => cluster('stop'));

    /** Runs a broker on its directory once; returns its log lines. */
    const runBroker = async (id: number): Promise<string> => {
      const lines = () => readFileSync(join(root, 'logs', `broker${id}.log`), 'utf8');
      cluster('broker', String(id));
      // Before that it cannot be stopped in order.
      await expect.poll(lines, { timeout: 60_000, interval: 100 }).toMatch(/started \(kafka\.server\.KafkaServer\)/);
      cluster('term', `broker${id}`);
      return lines();
    };

    const checkLoaded = (lines: string, id: number) => {
      for (const [name, { logEndOffset }] of expected) {
        const line = new RegExp(
          `partition=${name}, dir=.*kafka${id}\\].*log end offset ${logEndOffset} with |Completed load of Log\\(dir=.*/${name}, .*logEndOffset=${logEndOffset}[,)]`,
        );
        expect(lines, `${name} ends at ${logEndOffset}`).toMatch(line);
      }
      expect(
        lines
          .split('\n')
          .filter((line) =>
            /\b(WARN|ERROR)\b.*(LogLoader|UnifiedLog|LogManager|ProducerState|LogSegment|LocalLog)/i.test(line),
          ),
      ).toEqual([]);
    };

    const checkAfterwards = async (directory: string, ...saidBefore: readonly RegExp[]) => {
      expect(existsSync(join(directory, '.kafka_cleanshutdown'))).toBe(true);
      const logger = recordingLogger();
      const manager = await openManager(directory, logger);
      await manager.load();
      expect(await summaries(manager)).toEqual(expected);
      expect(logger.lines).toEqual(
        [...saidBefore, /^Loaded \d+ logs/].map((line) => expect.stringMatching(line) as string),
      );
      await manager.shutdown();
    };

    it('after our clean shutdown, and then by us again', async () => {
      const lines = await runBroker(1);
      expect(lines).not.toMatch(/Recovering unflushed segment/);
      checkLoaded(lines, 1);
      await checkAfterwards(clean);
    });

    it('after kill -9, and then by us again', async () => {
      const lines = await runBroker(2);
      expect(lines).toMatch(/Recovering unflushed segment/);
      checkLoaded(lines, 2);
      // Killed before it was first written; Apache's broker was not told of any partition.
      await checkAfterwards(killed, /^There is no .*replication-offset-checkpoint, or it is empty/);
    });
  });
});

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
