import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeIo } from '../../../broker/src/io/node';
import type { LogManager } from '../../../broker/src/log/log-manager';
import { silentLogger } from '../../../broker/src/logging/logger';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import { encodeVersioned } from '../../../broker/src/protocol/internal/versioned-record';
import { TransactionLogKey } from '../../../broker/src/protocol/internal/transaction-log';
import { buildBatch } from '../../../broker/src/records/build-batch';
import { CoordinatorLoader } from '../../../broker/src/replication/coordinator-loader';
import { transactionStateTopic } from '../../../broker/src/replication/internal-topics';
import { TransactionLoad } from '../../../broker/src/transactions/transaction-loader';
import { openManager, TestDirectory, unpackGolden } from '../log/support';
import { TestBed } from './support';

/** What a coordinator has left in the log: an id in every state that stays. */
async function left(): Promise<TestBed> {
  const bed = await TestBed.start();
  await bed.begin('empty');
  await bed.begin('open', 0, 1);
  for (const [id, isCommit] of [
    ['committed', true],
    ['aborted', false],
  ] as const) {
    await bed.end(id, await bed.begin(id, 2), isCommit);
    await bed.settle();
  }
  bed.others.isImmediate = false;
  await bed.end('committing', await bed.begin('committing', 3));
  await bed.end('aborting', await bed.begin('aborting', 4), false);
  return bed;
}

/** Another broker takes over. */
async function successor(of: TestBed, epoch = 1): Promise<TestBed> {
  const bed = await TestBed.bare();
  bed.nextProducerId = 1000;
  bed.replicas.logs.set(0, of.replicas.log(0));
  bed.replicas.elect(0, epoch);
  await bed.settle();
  return bed;
}

describe('a coordinator', () => {
  it('goes on where another was', async () => {
    const before = await left();
    const bed = await successor(before);
    expect(bed.others.markers.sort()).toEqual(['to 1: 105 0 abort 1 data-4', 'to 2: 104 0 commit 1 data-3']);
    expect(['empty', 'open', 'committed', 'aborted', 'committing', 'aborting'].map((id) => bed.state(id))).toEqual([
      'Empty',
      'Ongoing',
      'CompleteCommit',
      'CompleteAbort',
      'CompleteCommit',
      'CompleteAbort',
    ]);
    expect(bed.coordinator.describeTransaction('open')).toEqual(before.coordinator.describeTransaction('open'));
    const open = { producerId: 101, producerEpoch: 0 };
    expect(bed.verify('open', open, 0, 2)).toEqual(['NONE', 'TRANSACTION_ABORTABLE']);
    expect(await bed.end('open', open)).toBe('NONE');
    expect(await bed.init('empty')).toMatchObject({ producerId: 100, producerEpoch: 1 });
  });

  it('aborts after its time what another has left open', async () => {
    const bed = await successor(await left());
    bed.clock.advance(80_000);
    await bed.settle();
    expect(bed.state('open')).toBe('CompleteAbort');
    expect(bed.others.markers.slice(2)).toEqual(['to 1: 101 1 abort 1 data-0', 'to 2: 101 1 abort 1 data-1']);
  });

  it('says that it loads, and that it is none', async () => {
    const before = await left();
    const bed = await TestBed.bare();
    bed.replicas.logs.set(0, before.replicas.log(0));
    expect(bed.state('open')).toBe('NOT_COORDINATOR');
    expect((await bed.init('open')).error).toBe('NOT_COORDINATOR');
    let open = (): void => undefined;
    bed.replicas.log(0).gate = new Promise((resolve) => (open = resolve));
    bed.replicas.elect(0, 1);
    expect(bed.state('open')).toBe('COORDINATOR_LOAD_IN_PROGRESS');
    expect((await bed.init('open')).error).toBe('COORDINATOR_LOAD_IN_PROGRESS');
    expect(bed.coordinator.listTransactions([], [], -1n).errorCode).toBe(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    open();
    await bed.settle();
    expect(bed.state('open')).toBe('Ongoing');
    bed.replicas.resign(0);
    expect(bed.state('open')).toBe('NOT_COORDINATOR');
    expect(bed.replicas.log(0).unreleased).toBe(0);
  });

  it('goes on with what was decided before it knows how many partitions there are, and has others wait', async () => {
    const before = await left();
    const bed = await TestBed.bare();
    bed.replicas.logs.set(0, before.replicas.log(0));
    bed.forgetTopic();
    bed.topicsError = new Error('ZooKeeper cannot be reached');
    bed.topics.set(transactionStateTopic, 2);
    bed.replicas.elect(0, 1);
    await bed.settle();
    expect(bed.others.markers.sort()).toEqual(['to 1: 105 0 abort 1 data-4', 'to 2: 104 0 commit 1 data-3']);
    const ids = ['committing', 'aborting', 'open'];
    expect(ids.map((id) => bed.state(id))).toEqual(ids.map(() => 'COORDINATOR_LOAD_IN_PROGRESS'));
    expect(bed.coordinator.stats().pendingMarkers).toBe(0);
    bed.clock.advance(80_000);
    await bed.settle();
    expect(bed.others.markers.slice(2)).toEqual(['to 1: 101 1 abort 1 data-0', 'to 2: 101 1 abort 1 data-1']);
    bed.topicsError = undefined;
    await bed.settle();
    expect((await bed.init('open')).error).toBe('COORDINATOR_LOAD_IN_PROGRESS');
    await bed.settle();
    // The controller has told of one partition, and the ids of the other belong to another broker all the same.
    expect(ids.map((id) => bed.coordinator.partitionFor(id))).toEqual([1, 0, 0]);
    expect(ids.map((id) => bed.state(id))).toEqual(['NOT_COORDINATOR', 'CompleteAbort', 'CompleteAbort']);
  });

  it('does nothing with what its replicas do not have yet: the next leader may be without it', async () => {
    const before = await left();
    const bed = await TestBed.bare();
    bed.replicas.logs.set(0, before.replicas.log(0));
    const log = bed.replicas.log(0);
    log.committed = log.logEndOffset - 1;
    bed.replicas.elect(0, 1);
    await bed.settle();
    const wait = async (): Promise<void> => {
      bed.clock.advance(1000);
      await bed.settle();
    };
    await wait();
    expect(bed.state('open')).toBe('COORDINATOR_LOAD_IN_PROGRESS');
    expect(bed.others.sent).toEqual([]);
    log.committed = log.logEndOffset;
    await wait();
    expect(bed.state('committing')).toBe('CompleteCommit');
    log.committed = 0;
    bed.replicas.elect(0, 2);
    await bed.settle();
    bed.replicas.resign(0);
    log.committed = undefined;
    await wait();
    expect(bed.state('open')).toBe('NOT_COORDINATOR');
  });

  it('that resigns while it loads, loads for nobody', async () => {
    const before = await left();
    const bed = await TestBed.bare();
    bed.replicas.logs.set(0, before.replicas.log(0));
    let open = (): void => undefined;
    bed.replicas.log(0).gate = new Promise((resolve) => (open = resolve));
    bed.replicas.elect(0, 1);
    await bed.settle();
    bed.replicas.resign(0, 2);
    open();
    await bed.settle();
    expect(bed.state('open')).toBe('NOT_COORDINATOR');
    expect(bed.others.sent).toEqual([]);
  });

  it('that resigns while it writes, does not say that it is written', async () => {
    const bed = await TestBed.start();
    const producer = await bed.begin();
    bed.replicas.isSlow = true;
    const adding = bed.add('tx', producer, 0);
    bed.replicas.resign(0);
    bed.replicas.replicate();
    expect(await adding).toBe('NOT_COORDINATOR');
    bed.replicas.isSlow = false;
    bed.replicas.elect(0, 2);
    await bed.settle();
    // It was, all the same.
    expect(bed.state()).toBe('Ongoing');
  });

  it('tries again, later and later, when the log cannot be read', async () => {
    const before = await left();
    const bed = await TestBed.bare();
    bed.replicas.logs.set(0, before.replicas.log(0));
    const log = bed.replicas.log(0);
    log.readError = new Error('EIO');
    bed.replicas.elect(0, 1);
    await bed.settle();
    const reads = [log.reads];
    for (const waitMs of [1000, 2000, 4000]) {
      bed.clock.advance(waitMs);
      await bed.settle();
      reads.push(log.reads);
    }
    expect(reads.map((count) => count - reads[0])).toEqual([0, 1, 2, 3]);
    expect(bed.state('open')).toBe('COORDINATOR_LOAD_IN_PROGRESS');
    log.readError = undefined;
    bed.clock.advance(8000);
    await bed.settle();
    expect(bed.state('open')).toBe('Ongoing');
  });

  it('has loaded all when there is nothing more before the end, where the last records were compacted away', async () => {
    const before = await left();
    const bed = await TestBed.bare();
    bed.replicas.logs.set(0, before.replicas.log(0));
    const log = bed.replicas.log(0);
    const end = log.logEndOffset + 5;
    Object.defineProperty(log, 'logEndOffset', { get: () => end });
    bed.replicas.elect(0, 1);
    await bed.settle();
    expect(bed.state('open')).toBe('Ongoing');
  });

  it('loads what lies in other log directories while one does not answer', async () => {
    const before = await left();
    const bed = await TestBed.bare();
    bed.replicas.logs.set(0, before.replicas.log(0));
    let open = (): void => undefined;
    Object.assign(bed.replicas.log(1), {
      logDir: '/hangs',
      gate: new Promise<void>((resolve) => (open = resolve)),
    });
    bed.replicas.log(1).append(buildBatch({ records: [{ key: null, value: null, timestamp: 0 }] }));
    bed.replicas.elect(1, 1);
    bed.replicas.elect(0, 1);
    await bed.settle();
    expect(bed.state('open')).toBe('Ongoing');
    let isDown = false;
    const shutdown = bed.coordinator.shutdown().then(() => (isDown = true));
    await bed.settle();
    // The log may not be closed before.
    expect(isDown).toBe(false);
    open();
    await shutdown;
  });

  it('passes over what it cannot read', async () => {
    const bed = await TestBed.bare();
    const log = bed.replicas.log(0);
    const key = (id: string) => encodeVersioned(TransactionLogKey, 0, { transactionalId: id });
    const foreign = [
      { key: null, value: Buffer.from('x') },
      { key: Buffer.from([0, 9, 1]), value: Buffer.from('x') },
      { key: Buffer.from([0]), value: Buffer.from('x') },
      { key: key('tx'), value: Buffer.from([0, 0, 1]) },
      { key: key('tx'), value: Buffer.alloc(0) },
      { key: key('gone'), value: null },
    ];
    for (const { key: k, value } of foreign) {
      log.append(buildBatch({ records: [{ key: k, value, timestamp: 0 }] }));
    }
    bed.replicas.elect(0);
    await bed.settle();
    expect(bed.state()).toBe('TRANSACTIONAL_ID_NOT_FOUND');
    expect((await bed.init()).error).toBe('NONE');
  });
});

describe('the __transaction_state that Apache Kafka 3.9 wrote', () => {
  const directory = new TestDirectory();
  let manager: LogManager;

  beforeAll(async () => {
    manager = await openManager(unpackGolden(directory, 'logdir-3.9.tar.gz'));
  });

  afterAll(async () => {
    await manager.shutdown();
    directory[Symbol.dispose]();
  });

  it('is loaded as it was left', async () => {
    const loaded: string[] = [];
    for (const log of manager.all()) {
      const { topic, partition } = log.topicPartition;
      if (topic !== transactionStateTopic) continue;
      const from = { topic, partition, leaderEpoch: 0, log };
      const loader = new CoordinatorLoader(nodeIo().clock, silentLogger, {
        what: 'transactions',
        bufferSize: 300,
        begin: () => new TransactionLoad(silentLogger, topic),
      });
      const take = ({ transactions }: TransactionLoad): void => {
        for (const { transactionalId, state, producerId, producerEpoch, txnTimeoutMs, topicPartitions } of [
          ...transactions.values(),
        ]) {
          loaded.push(
            [transactionalId, state, producerId, producerEpoch, txnTimeoutMs, ...topicPartitions.keys()].join(' '),
          );
        }
      };
      loader.load(from, () => true, take);
      await loader.settled;
    }
    expect(loaded.sort()).toEqual([
      'golden-tx-1 CompleteCommit 1 1 60000',
      'golden-tx-2 CompleteCommit 2 0 60000',
      'golden-tx-3 CompleteAbort 3 0 60000',
      'golden-tx-open Ongoing 4 0 900000 out-0',
    ]);
  });
});
