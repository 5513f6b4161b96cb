import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import type { Log } from '../../../broker/src/log/log';
import { buildEndTransactionMarker, ControlRecordType } from '../../../broker/src/records/control-records';
import { append, batchOf, ioWith, ManualClock, openManager, TestDirectory, topicPartition } from './support';

interface Send {
  readonly epoch?: number;
  readonly sequence: number;
  readonly count?: number;
  /** First offset that is answered, or the error. */
  readonly answer: number | keyof typeof ErrorCode;
}

const producerId = 4000;

function send(log: Log, { epoch = 0, sequence, count = 1 }: Omit<Send, 'answer'>, transactional = false) {
  const values = Array.from({ length: count }, (_, index) => `${sequence + index}`);
  return append(log, batchOf(values, { producerId, producerEpoch: epoch, baseSequence: sequence, transactional }));
}

async function withLog(work: (log: Log, clock: ManualClock) => Promise<void>): Promise<void> {
  using directory = new TestDirectory();
  const clock = new ManualClock();
  const manager = await openManager(directory.path, { io: ioWith(clock), producerIdExpirationMs: 60_000 });
  try {
    await work(await manager.getOrCreate(topicPartition), clock);
  } finally {
    await manager.shutdown();
  }
}

const tables: Record<string, readonly Send[]> = {
  'takes sequences one after the other': [
    { sequence: 0, count: 3, answer: 0 },
    { sequence: 3, answer: 3 },
    { sequence: 4, count: 2, answer: 4 },
  ],
  'takes any sequence from a producer that it does not know': [
    { sequence: 17, answer: 0 },
    { sequence: 18, answer: 1 },
  ],
  'refuses a gap, and goes on where it was': [
    { sequence: 0, answer: 0 },
    { sequence: 2, answer: 'OUT_OF_ORDER_SEQUENCE_NUMBER' },
    { sequence: 1, answer: 1 },
  ],
  'answers each of the last five batches as it did then': [
    ...[0, 1, 2, 3, 4, 5].map((sequence) => ({ sequence, answer: sequence })),
    ...[5, 1, 3].map((sequence) => ({ sequence, answer: sequence })),
    { sequence: 0, answer: 'OUT_OF_ORDER_SEQUENCE_NUMBER' },
    { sequence: 6, answer: 6 },
  ],
  'knows a duplicate by first and last sequence': [
    { sequence: 0, count: 4, answer: 0 },
    { sequence: 0, count: 4, answer: 0 },
    { sequence: 0, count: 3, answer: 'OUT_OF_ORDER_SEQUENCE_NUMBER' },
    { sequence: 1, count: 3, answer: 'OUT_OF_ORDER_SEQUENCE_NUMBER' },
  ],
  'wraps after 2^31 - 1': [
    { sequence: 0x7ffffffe, count: 2, answer: 0 },
    { sequence: 0, answer: 2 },
    { sequence: 0x7ffffffe, count: 2, answer: 0 },
  ],
  'takes a batch whose sequences wrap, and knows it again': [
    { sequence: 0x7fffffff, count: 3, answer: 0 },
    { sequence: 2, answer: 3 },
    { sequence: 0x7fffffff, count: 3, answer: 0 },
  ],
  'starts a new epoch at 0': [
    { sequence: 0, answer: 0 },
    { sequence: 1, answer: 1 },
    { epoch: 1, sequence: 2, answer: 'OUT_OF_ORDER_SEQUENCE_NUMBER' },
    { epoch: 1, sequence: 0, answer: 2 },
    { epoch: 1, sequence: 1, answer: 3 },
    { epoch: 1, sequence: 0, answer: 2 },
  ],
  'fences an old epoch': [
    { epoch: 3, sequence: 0, answer: 0 },
    { epoch: 2, sequence: 1, answer: 'INVALID_PRODUCER_EPOCH' },
    { epoch: 3, sequence: 1, answer: 1 },
  ],
};

describe('an idempotent producer', () => {
  it.each(Object.entries(tables))('%s', async (_, sends) => {
    await withLog(async (log) => {
      for (const { answer, ...batch } of sends) {
        const before = log.logEndOffset;
        if (typeof answer === 'string') {
          await expect(send(log, batch)).rejects.toMatchObject({ code: ErrorCode[answer] });
          expect(log.logEndOffset).toBe(before);
        } else {
          const info = await send(log, batch);
          expect(info).toMatchObject({ firstOffset: answer, lastOffset: answer + (batch.count ?? 1) - 1 });
          expect(info.duplicate).toBe(answer < before);
          expect(log.logEndOffset).toBe(before + (info.duplicate ? 0 : (batch.count ?? 1)));
        }
      }
    });
  });

  it('is forgotten when it has not written for producer.id.expiration.ms', async () => {
    await withLog(async (log, clock) => {
      await send(log, { sequence: 0 });
      clock.advance(59_999);
      log.removeExpiredProducers();
      await expect(send(log, { sequence: 5 })).rejects.toMatchObject({
        code: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
      });
      clock.advance(1);
      log.removeExpiredProducers();
      expect(log.producerIdCount).toBe(0);
      expect((await send(log, { sequence: 5 })).firstOffset).toBe(1);
    });
  });

  it('is known after a restart, from the snapshot, or from the log when that is damaged', async () => {
    using directory = new TestDirectory();
    let manager = await openManager(directory.path);
    let log = await manager.getOrCreate(topicPartition);
    await send(log, { sequence: 0, count: 3 });
    await log.roll();
    await send(log, { sequence: 3 });
    for (const damage of [false, true]) {
      await manager.shutdown();
      const snapshots = readdirSync(directory.join('topic-0')).filter((name) => name.endsWith('.snapshot'));
      expect(snapshots).toEqual(['00000000000000000003.snapshot', '00000000000000000004.snapshot']);
      if (damage) {
        writeFileSync(directory.join('topic-0', snapshots[1]), 'no snapshot');
      }
      manager = await openManager(directory.path);
      log = manager.get(topicPartition)!;
      expect(await send(log, { sequence: 3 })).toMatchObject({ firstOffset: 3, duplicate: true });
      await expect(send(log, { sequence: 9 })).rejects.toMatchObject({
        code: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
      });
    }
    await manager.shutdown();
  });

  it('goes back with a truncation', async () => {
    await withLog(async (log) => {
      for (let sequence = 0; sequence < 6; sequence++) {
        await send(log, { sequence });
        if (sequence === 2) {
          await log.roll();
        }
      }
      await log.truncateTo(4);
      expect((await send(log, { sequence: 4 })).firstOffset).toBe(4);
      await log.truncateTo(1);
      expect((await send(log, { sequence: 1 })).firstOffset).toBe(1);
    });
  });
});

describe('a transaction', () => {
  const marker = (type: ControlRecordType, epoch = 0, coordinatorEpoch = 0) =>
    buildEndTransactionMarker({
      type,
      producerId,
      producerEpoch: epoch,
      coordinatorEpoch,
      timestamp: 1_700_000_000_000,
    });
  const end = (log: Log, type: ControlRecordType) => append(log, marker(type), { origin: 'coordinator' });

  it('holds the last stable offset until its end is below the high watermark', async () => {
    await withLog(async (log) => {
      await append(log, batchOf(['plain']));
      await send(log, { sequence: 0, count: 2 }, true);
      await append(log, batchOf(['plain']));
      log.updateHighWatermark(4);
      expect(log.lastStableOffset).toBe(1);
      await end(log, ControlRecordType.COMMIT);
      expect(log.lastStableOffset).toBe(1);
      log.updateHighWatermark(4);
      expect(log.lastStableOffset).toBe(1);
      log.updateHighWatermark(5);
      expect(log.lastStableOffset).toBe(5);
    });
  });

  it('is late when nobody has written to it for long, until it has ended', async () => {
    await withLog(async (log) => {
      const lastMs = 1_700_000_000_000;
      const isLate = (afterMs: number) => log.hasLateTransaction(lastMs + afterMs, 1000);
      expect(isLate(5000)).toBe(false);
      await send(log, { sequence: 0 }, true);
      expect([isLate(1000), isLate(1001)]).toEqual([false, true]);
      await end(log, ControlRecordType.ABORT);
      expect(isLate(1001)).toBe(false);
    });
  });

  it('that is aborted is told to readers, also after restart and recovery', async () => {
    using directory = new TestDirectory();
    let manager = await openManager(directory.path);
    const log = await manager.getOrCreate(topicPartition);
    await send(log, { sequence: 0, count: 2 }, true);
    await end(log, ControlRecordType.ABORT);
    await send(log, { sequence: 2 }, true);
    await log.roll();
    await end(log, ControlRecordType.ABORT);
    await append(log, batchOf(['plain']));
    for (const how of ['at once', 'restart', 'recovery']) {
      if (how !== 'at once') {
        await manager.shutdown();
        if (how === 'recovery') {
          const names = readdirSync(directory.join('topic-0')).filter((name) => /index$/.test(name));
          names.forEach((name) => writeFileSync(directory.join('topic-0', name), ''));
          writeFileSync(directory.join('recovery-point-offset-checkpoint'), '0\n0\n');
          rmSync(directory.join('.kafka_cleanshutdown'));
        }
        manager = await openManager(directory.path);
      }
      const reader = manager.get(topicPartition)!;
      reader.updateHighWatermark(reader.logEndOffset);
      expect(reader.lastStableOffset).toBe(6);
      const abortedFrom = async (offset: number) => {
        const { ranges, abortedTransactions } = await reader.read(offset, 1024, 'txnCommitted', true);
        ranges.forEach((range) => range.release());
        return abortedTransactions;
      };
      expect(await abortedFrom(0), how).toEqual([
        { producerId, firstOffset: 0 },
        { producerId, firstOffset: 3 },
      ]);
      expect(await abortedFrom(3), how).toEqual([{ producerId, firstOffset: 3 }]);
      expect(await abortedFrom(5), how).toEqual([]);
      expect(await abortedFrom(6), how).toEqual([]);
    }
    await manager.shutdown();
  });

  it('refuses an old coordinator, and a batch outside of it', async () => {
    await withLog(async (log) => {
      await send(log, { sequence: 0 }, true);
      await expect(send(log, { sequence: 1 })).rejects.toMatchObject({ code: ErrorCode.INVALID_TXN_STATE });
      await append(log, marker(ControlRecordType.COMMIT, 0, 5), { origin: 'coordinator' });
      await expect(
        append(log, marker(ControlRecordType.COMMIT, 0, 4), { origin: 'coordinator' }),
      ).rejects.toMatchObject({ code: ErrorCode.TRANSACTION_COORDINATOR_FENCED });
      await expect(append(log, marker(ControlRecordType.COMMIT))).rejects.toMatchObject({
        code: ErrorCode.INVALID_RECORD,
      });
    });
  });
});
