import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import type { ProducerIdAndEpoch } from '../../../broker/src/transactions/transaction-metadata';
import { TestBed } from './support';

const NONE = 'NONE';
const id = 'tx';

describe('InitProducerId', () => {
  it('gives a new id epoch 0, and a bigger one each time after', async () => {
    const bed = await TestBed.start();
    expect(await bed.init()).toEqual({ error: NONE, producerId: 100, producerEpoch: 0 });
    expect(await bed.init()).toEqual({ error: NONE, producerId: 100, producerEpoch: 1 });
    expect(await bed.init('other')).toEqual({ error: NONE, producerId: 101, producerEpoch: 0 });
    expect(bed.replicas.states()).toEqual(['tx Empty 0', 'tx Empty 1', 'other Empty 0']);
    // In all in-sync replicas, or it was not given.
    expect(bed.replicas.params[0]).toMatchObject({ origin: 'coordinator', requiredAcks: -1 });
  });

  it('gives each of two that come at once its own epoch', async () => {
    const bed = await TestBed.start();
    const both = await Promise.all([bed.init(), bed.init()]);
    expect(both.map(({ error, producerId }) => [error, producerId])).toEqual([
      [NONE, both[0].producerId],
      [NONE, both[0].producerId],
    ]);
    expect(both.map(({ producerEpoch }) => producerEpoch).sort()).toEqual([0, 1]);
  });

  it('answers without a transactional id, and refuses an empty one and timeouts that may not be', async () => {
    const bed = await TestBed.start({ transactionMaxTimeoutMs: 1000 });
    expect(await bed.coordinator.initProducerId(null, 0)).toEqual({
      errorCode: ErrorCode.NONE,
      producerId: 100,
      producerEpoch: 0,
    });
    expect((await bed.init('')).error).toBe('INVALID_REQUEST');
    for (const timeout of [0, -1, 1001]) {
      expect((await bed.init(id, undefined, timeout)).error).toBe('INVALID_TRANSACTION_TIMEOUT');
    }
    expect((await bed.init(id, undefined, 1000)).error).toBe(NONE);
  });

  it('passes on why there is no producer id', async () => {
    const bed = await TestBed.start();
    bed.producerIdError = ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
    expect(await bed.init()).toEqual({ error: 'COORDINATOR_LOAD_IN_PROGRESS', producerId: -1, producerEpoch: -1 });
    expect((await bed.coordinator.initProducerId(null, 0)).errorCode).toBe(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    bed.producerIdError = undefined;
    expect((await bed.init()).error).toBe(NONE);
  });

  it('aborts what is open under an epoch of its own, and has the producer come again', async () => {
    const bed = await TestBed.start();
    const first = await bed.begin(id, 0, 1);
    expect((await bed.init()).error).toBe('CONCURRENT_TRANSACTIONS');
    await bed.settle();
    expect(bed.state()).toBe('CompleteAbort');
    expect(bed.others.markers).toEqual(['to 1: 100 1 abort 0 data-0', 'to 2: 100 1 abort 0 data-1']);
    expect(await bed.init()).toEqual({ error: NONE, producerId: 100, producerEpoch: 2 });
    expect(await bed.add(id, first, 0)).toBe('PRODUCER_FENCED');
    expect(await bed.end(id, first)).toBe('PRODUCER_FENCED');
  });

  it('uses the epoch again with which it could not fence', async () => {
    const bed = await TestBed.start();
    await bed.begin(id, 0);
    bed.replicas.refusal = ErrorCode.NOT_ENOUGH_REPLICAS;
    for (let i = 0; i < 3; i++) expect((await bed.init()).error).toBe('COORDINATOR_NOT_AVAILABLE');
    bed.replicas.refusal = undefined;
    expect((await bed.init()).error).toBe('CONCURRENT_TRANSACTIONS');
    await bed.settle();
    expect(bed.others.markers).toEqual(['to 1: 100 1 abort 0 data-0']);
    expect(await bed.init()).toMatchObject({ error: NONE, producerEpoch: 2 });
  });

  it('uses the last epoch again with which it could not fence', async () => {
    const bed = await TestBed.start();
    let last: ProducerIdAndEpoch = await bed.begin();
    while (last.producerEpoch < 32_766) last = await bed.init();
    await bed.add(id, last, 0);
    bed.replicas.refusal = ErrorCode.NOT_ENOUGH_REPLICAS;
    expect((await bed.init()).error).toBe('COORDINATOR_NOT_AVAILABLE');
    bed.replicas.refusal = undefined;
    expect((await bed.init()).error).toBe('CONCURRENT_TRANSACTIONS');
    await bed.settle();
    expect(bed.others.markers).toEqual(['to 1: 100 32767 abort 0 data-0']);
    expect(bed.state()).toBe('CompleteAbort');
    const next = await bed.init();
    expect(next).toMatchObject({ error: NONE, producerEpoch: 0 });
    expect(next.producerId).not.toBe(100);
  });

  describe('of a producer that goes on after an error (KIP-360)', () => {
    it('bumps its own epoch, and answers the same when it is asked again', async () => {
      const bed = await TestBed.start();
      const first = await bed.begin();
      const next = { error: NONE, producerId: 100, producerEpoch: 1 };
      expect(await bed.init(id, first)).toEqual(next);
      expect(await bed.init(id, first)).toEqual(next);
      expect(await bed.init(id, next)).toMatchObject({ error: NONE, producerEpoch: 2 });
      expect((await bed.init(id, first)).error).toBe('PRODUCER_FENCED');
    });

    it('is fenced by another that has come', async () => {
      const bed = await TestBed.start();
      const first = await bed.begin();
      await bed.init();
      expect((await bed.init(id, first)).error).toBe('PRODUCER_FENCED');
      expect((await bed.init(id, { producerId: 7, producerEpoch: 1 })).error).toBe('PRODUCER_FENCED');
    });

    it('takes any producer for an id that is not known any more', async () => {
      const bed = await TestBed.start();
      expect(await bed.init(id, { producerId: 7, producerEpoch: 5 })).toMatchObject({ error: NONE, producerEpoch: 0 });
    });
  });

  it('gives another producer id when the epochs are used up, and the same when it is asked again', async () => {
    const bed = await TestBed.start();
    let last: ProducerIdAndEpoch = await bed.begin();
    while (last.producerEpoch < 32_766) last = await bed.init();
    expect(last.producerId).toBe(100);
    const next = await bed.init(id, last);
    expect(next).toMatchObject({ error: NONE, producerEpoch: 0 });
    expect(next.producerId).not.toBe(100);
    // It has not heard the answer.
    expect(await bed.init(id, last)).toEqual(next);
    expect(await bed.init()).toMatchObject({ error: NONE, producerId: next.producerId, producerEpoch: 1 });
    expect((await bed.init(id, last)).error).toBe('PRODUCER_FENCED');
  });
});

describe('AddPartitionsToTxn', () => {
  it('writes partitions down before it answers, once each', async () => {
    const bed = await TestBed.start();
    const producer = await bed.begin();
    expect(await bed.add(id, producer, 0, 1)).toBe(NONE);
    expect(await bed.add(id, producer, 1)).toBe(NONE);
    expect(await bed.add(id, producer, 1, 2)).toBe(NONE);
    expect(bed.replicas.states()).toEqual([
      'tx Empty 0',
      'tx Ongoing 0 data-0 data-1',
      'tx Ongoing 0 data-0 data-1 data-2',
    ]);
  });

  it('refuses whom it does not know, and whoever comes while something is being written', async () => {
    const bed = await TestBed.start();
    const producer = await bed.begin();
    expect(await bed.add('', producer, 0)).toBe('INVALID_REQUEST');
    expect(await bed.add('none', producer, 0)).toBe('INVALID_PRODUCER_ID_MAPPING');
    expect(await bed.add(id, { ...producer, producerId: 7 }, 0)).toBe('INVALID_PRODUCER_ID_MAPPING');
    expect(await bed.add(id, { ...producer, producerEpoch: 1 }, 0)).toBe('PRODUCER_FENCED');
    bed.replicas.isSlow = true;
    const slow = bed.add(id, producer, 0);
    expect(await bed.add(id, producer, 1)).toBe('CONCURRENT_TRANSACTIONS');
    expect(await bed.end(id, producer)).toBe('CONCURRENT_TRANSACTIONS');
    expect((await bed.init()).error).toBe('CONCURRENT_TRANSACTIONS');
    bed.replicas.replicate();
    expect(await slow).toBe(NONE);
  });

  it.each([
    ['NOT_ENOUGH_REPLICAS', 'COORDINATOR_NOT_AVAILABLE'],
    ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'COORDINATOR_NOT_AVAILABLE'],
    ['REQUEST_TIMED_OUT', 'COORDINATOR_NOT_AVAILABLE'],
    ['UNKNOWN_TOPIC_OR_PARTITION', 'COORDINATOR_NOT_AVAILABLE'],
    ['NOT_LEADER_OR_FOLLOWER', 'NOT_COORDINATOR'],
    ['KAFKA_STORAGE_ERROR', 'NOT_COORDINATOR'],
    ['MESSAGE_TOO_LARGE', 'UNKNOWN_SERVER_ERROR'],
    ['INVALID_REQUIRED_ACKS', 'INVALID_REQUIRED_ACKS'],
  ] as const)('tells a client of %s as %s, and can be tried again', async (refusal, told) => {
    const bed = await TestBed.start();
    const producer = await bed.begin();
    bed.replicas.refusal = ErrorCode[refusal];
    expect(await bed.add(id, producer, 0)).toBe(told);
    expect(bed.state()).toBe('Empty');
    bed.replicas.refusal = undefined;
    expect(await bed.add(id, producer, 0)).toBe(NONE);
  });

  it('tells leaders which partitions belong to the transaction', async () => {
    const bed = await TestBed.start();
    const producer = await bed.begin(id, 0, 1);
    expect(bed.verify(id, producer, 0, 2, 1)).toEqual([NONE, 'TRANSACTION_ABORTABLE', NONE]);
    expect(bed.verify('', producer, 0)).toEqual(['INVALID_REQUEST']);
    expect(bed.verify('none', producer, 0)).toEqual(['INVALID_PRODUCER_ID_MAPPING']);
    expect(bed.verify(id, { ...producer, producerId: 7 }, 0)).toEqual(['INVALID_PRODUCER_ID_MAPPING']);
    expect(bed.verify(id, { ...producer, producerEpoch: 1 }, 0)).toEqual(['PRODUCER_FENCED']);
    bed.others.isImmediate = false;
    await bed.end(id, producer);
    expect(bed.verify(id, producer, 0)).toEqual(['CONCURRENT_TRANSACTIONS']);
    bed.others.sent.forEach(({ answer }) => answer());
    await bed.settle();
    expect(bed.verify(id, producer, 0)).toEqual(['TRANSACTION_ABORTABLE']);
  });
});

describe('EndTxn', () => {
  it.each([
    [true, 'Commit'],
    [false, 'Abort'],
  ] as const)(
    '(commit: %s) is answered when it is decided, and again when it is asked again',
    async (isCommit, name) => {
      const bed = await TestBed.start();
      const producer = await bed.begin(id, 0);
      bed.others.isImmediate = false;
      expect(await bed.end(id, producer, isCommit)).toBe(NONE);
      expect(bed.state()).toBe(`Prepare${name}`);
      expect(await bed.end(id, producer, isCommit)).toBe('CONCURRENT_TRANSACTIONS');
      expect(await bed.add(id, producer, 1)).toBe('CONCURRENT_TRANSACTIONS');
      bed.others.sent[0].answer();
      await bed.settle();
      expect(bed.state()).toBe(`Complete${name}`);
      expect(await bed.end(id, producer, isCommit)).toBe(NONE);
      expect(await bed.end(id, producer, !isCommit)).toBe('INVALID_TXN_STATE');
      expect(bed.replicas.states().slice(2)).toEqual([`tx Prepare${name} 0 data-0`, `tx Complete${name} 0`]);
      // The next one begins.
      expect(await bed.add(id, producer, 3)).toBe(NONE);
      expect(bed.replicas.states().at(-1)).toBe('tx Ongoing 0 data-3');
    },
  );

  it('refuses whom it does not know, and what was not begun', async () => {
    const bed = await TestBed.start();
    const producer = await bed.begin();
    expect(await bed.end('', producer)).toBe('INVALID_REQUEST');
    expect(await bed.end('none', producer)).toBe('INVALID_PRODUCER_ID_MAPPING');
    expect(await bed.end(id, { ...producer, producerId: 7 })).toBe('INVALID_PRODUCER_ID_MAPPING');
    expect(await bed.end(id, { ...producer, producerEpoch: 1 })).toBe('PRODUCER_FENCED');
    expect(await bed.end(id, producer)).toBe('INVALID_TXN_STATE');
    expect(await bed.end(id, producer, false)).toBe('INVALID_TXN_STATE');
  });

  it('that cannot be written leaves the transaction open', async () => {
    const bed = await TestBed.start();
    const producer = await bed.begin(id, 0);
    bed.replicas.refusal = ErrorCode.NOT_ENOUGH_REPLICAS;
    expect(await bed.end(id, producer)).toBe('COORDINATOR_NOT_AVAILABLE');
    expect(bed.others.sent).toEqual([]);
    bed.replicas.refusal = undefined;
    expect(await bed.end(id, producer, false)).toBe(NONE);
    await bed.settle();
    expect(bed.others.markers).toEqual(['to 1: 100 0 abort 0 data-0']);
  });
});

describe('time', () => {
  it('runs out for transactions that nobody ends: they are aborted, and their producers fenced', async () => {
    const bed = await TestBed.start();
    const sleeper = await bed.begin('sleeper', 0);
    bed.clock.advance(30_000);
    const awake = await bed.begin('awake', 1);
    bed.clock.advance(40_000);
    await bed.settle();
    expect(bed.state('sleeper')).toBe('CompleteAbort');
    expect(bed.state('awake')).toBe('Ongoing');
    expect(bed.others.markers).toEqual([`to 1: ${sleeper.producerId} 1 abort 0 data-0`]);
    expect(await bed.end('sleeper', sleeper)).toBe('PRODUCER_FENCED');
    expect(await bed.end('awake', awake)).toBe(NONE);
    expect(await bed.init('sleeper')).toMatchObject({ error: NONE, producerEpoch: 2 });
  });

  it('is given again to an abort that could not be written, in the same epoch', async () => {
    const bed = await TestBed.start();
    await bed.begin(id, 0);
    bed.replicas.refusal = ErrorCode.NOT_ENOUGH_REPLICAS;
    bed.clock.advance(100_000);
    await bed.settle();
    expect(bed.state()).toBe('Ongoing');
    bed.replicas.refusal = undefined;
    bed.clock.advance(10_000);
    await bed.settle();
    expect(bed.others.markers).toEqual(['to 1: 100 1 abort 0 data-0']);
  });

  it('makes ids that nobody uses expire, with tombstones', async () => {
    const bed = await TestBed.start({ transactionalIdExpirationMs: 10 * 3_600_000 });
    const used = await bed.begin('used', 0);
    await bed.begin('unused');
    const open = await bed.begin('open', 1);
    await bed.end('used', used);
    bed.clock.advance(9 * 3_600_000);
    await bed.settle();
    await bed.init('used');
    bed.clock.advance(2 * 3_600_000);
    await bed.settle();
    expect(bed.state('unused')).toBe('TRANSACTIONAL_ID_NOT_FOUND');
    expect(bed.state('used')).toBe('Empty');
    // Its time had run out before, and that was a use.
    expect(bed.state('open')).toBe('TRANSACTIONAL_ID_NOT_FOUND');
    expect(bed.replicas.states().filter((line) => line.endsWith('gone'))).toEqual(['unused gone', 'open gone']);
    expect(await bed.end('open', open)).toBe('INVALID_PRODUCER_ID_MAPPING');
    expect(await bed.init('unused')).toMatchObject({ error: NONE, producerEpoch: 0 });
  });

  it('writes no more tombstones in a batch than the topic takes', async () => {
    const bed = await TestBed.start();
    const log = bed.replicas.log(0);
    log.config.maxMessageBytes = 1000;
    for (let i = 0; i < 100; i++) await bed.init(`id ${i} ${'x'.repeat(i)}`);
    const before = log.batches.length;
    bed.clock.advance(8 * 24 * 3_600_000);
    await bed.settle();
    const sizes = log.batches.slice(before).map(({ length }) => length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1000);
    expect(sizes.length).toBeLessThan(25);
    expect(bed.replicas.states().filter((line) => line.endsWith(' gone'))).toHaveLength(100);
  });

  it('leaves an id alone whose tombstone could not be written', async () => {
    const bed = await TestBed.start({ transactionalIdExpirationMs: 3_600_000 });
    const producer = await bed.begin();
    bed.replicas.refusal = ErrorCode.NOT_ENOUGH_REPLICAS;
    bed.clock.advance(3 * 3_600_000);
    expect(bed.state()).toBe('Empty');
    bed.replicas.refusal = undefined;
    expect(await bed.add(id, producer, 0)).toBe(NONE);
  });
});

describe('tools', () => {
  it('are told of a transaction', async () => {
    const bed = await TestBed.start();
    const producer = await bed.begin(id, 3, 0);
    expect(bed.coordinator.describeTransaction(id)).toEqual({
      errorCode: ErrorCode.NONE,
      transactionalId: id,
      transactionState: 'Ongoing',
      transactionTimeoutMs: 60_000,
      transactionStartTimeMs: bed.clock.now,
      ...producer,
      topics: [{ topic: 'data', partitions: [3, 0] }],
    });
    expect(bed.state('none')).toBe('TRANSACTIONAL_ID_NOT_FOUND');
    expect(bed.state('')).toBe('INVALID_REQUEST');
  });

  it('list transactions by state, producer and duration', async () => {
    const bed = await TestBed.start();
    await bed.begin('old', 0);
    bed.clock.advance(5000);
    const young = await bed.begin('young', 1);
    await bed.begin('idle');
    const list = (producers: number[] = [], states: string[] = [], durationMs = -1n) => {
      const listed = bed.coordinator.listTransactions(producers, states, durationMs);
      return [...listed.transactionStates.map(({ transactionalId }) => transactionalId), ...listed.unknownStateFilters];
    };
    expect(list()).toEqual(['old', 'young', 'idle']);
    expect(list([young.producerId])).toEqual(['young']);
    expect(list([], ['Ongoing'])).toEqual(['old', 'young']);
    expect(list([], ['Empty', 'Nothing'])).toEqual(['idle', 'Nothing']);
    expect(list([], ['Ongoing'], 0n)).toEqual(['old']);
    expect(list([], ['Ongoing'], 4999n)).toEqual(['old']);
    expect(list([], ['Ongoing'], 5000n)).toEqual([]);
  });

  it('count for metrics', async () => {
    const bed = await TestBed.start();
    await bed.begin('a', 0);
    await bed.begin('b');
    expect(bed.coordinator.stats()).toEqual({
      transactionalIds: new Map([
        ['Ongoing', 1],
        ['Empty', 1],
      ]),
      pendingMarkers: 0,
    });
  });
});
