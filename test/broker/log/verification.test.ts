import { describe, expect, it } from 'vitest';
import type { Log } from '../../../broker/src/log/log';
import type { VerificationGuard } from '../../../broker/src/log/verification-state-entry';
import { buildEndTransactionMarker, ControlRecordType } from '../../../broker/src/records/control-records';
import { append, batchOf, ioWith, ManualClock, openManager, TestDirectory, topicPartition } from './support';

const producerId = 4000;
const expirationMs = 60_000;

async function withLog(work: (log: Log, clock: ManualClock, setting: { isEnabled: boolean }) => Promise<void>) {
  using directory = new TestDirectory();
  const clock = new ManualClock();
  const setting = { isEnabled: true };
  const manager = await openManager(directory.path, {
    io: ioWith(clock),
    producerIdExpirationMs: expirationMs,
    producerIdExpirationCheckMs: 1000,
    transactionVerificationEnabled: () => setting.isEnabled,
  });
  try {
    await work(await manager.getOrCreate(topicPartition), clock, setting);
  } finally {
    await manager.shutdown();
  }
}

const ask = (log: Log, sequence = 0, epoch = 0) => log.maybeStartTransactionVerification(producerId, sequence, epoch);

/** Appends a transactional batch of one record. */
function write(log: Log, sequence: number, verificationGuard?: VerificationGuard, epoch = 0) {
  const producer = { producerId, producerEpoch: epoch, baseSequence: sequence, transactional: true };
  return append(log, batchOf(['x'], producer), { verificationGuard });
}

function end(log: Log, epoch = 0) {
  const marker = { producerId, producerEpoch: epoch, coordinatorEpoch: 0, timestamp: 1_700_000_000_000 };
  const records = buildEndTransactionMarker({ ...marker, type: ControlRecordType.ABORT });
  return append(log, records, { origin: 'coordinator' });
}

const unverified = { name: 'KafkaError', message: expect.stringContaining('ongoing transaction') as string };

describe('a transaction begins in a partition (KIP-890)', () => {
  it('only with what the coordinator was asked about', async () => {
    await withLog(async (log) => {
      await expect(write(log, 0)).rejects.toMatchObject(unverified);
      const guard = ask(log);
      expect(guard).toBeDefined();
      expect(ask(log)).toBe(guard);
      await expect(write(log, 0)).rejects.toMatchObject(unverified);
      await write(log, 0, guard);
      // From here on it is known to be open.
      expect(ask(log, 1)).toBeUndefined();
      await write(log, 1);
      expect(log.logEndOffset).toBe(2);
    });
  });

  it('not with an answer about a transaction that has ended since', async () => {
    await withLog(async (log) => {
      const guard = ask(log);
      await end(log);
      await expect(write(log, 0, guard)).rejects.toMatchObject(unverified);
      const next = ask(log);
      expect(next).not.toBe(guard);
      await expect(write(log, 0, guard)).rejects.toMatchObject(unverified);
      await write(log, 0, next);
      await end(log);
      await expect(write(log, 1)).rejects.toMatchObject(unverified);
    });
  });

  it('with its first sequence, in whatever order they come', async () => {
    await withLog(async (log) => {
      const guard = ask(log, 1);
      expect(ask(log, 0)).toBe(guard);
      await expect(write(log, 1, guard)).rejects.toMatchObject({
        message: expect.stringContaining('0 was seen and is not written yet') as string,
      });
      await write(log, 0, guard);
      await write(log, 1);
      // A newer epoch begins anew.
      await end(log);
      const next = ask(log, 5, 1);
      ask(log, 0, 2);
      ask(log, 3, 1);
      await write(log, 0, next, 2);
    });
  });

  it('that a client sends twice is answered twice', async () => {
    await withLog(async (log) => {
      await write(log, 0, ask(log));
      expect((await write(log, 0)).firstOffset).toBe(0);
      await end(log);
      expect((await write(log, 0)).firstOffset).toBe(0);
      expect(log.logEndOffset).toBe(2);
    });
  });

  it('without being asked about where that is switched off, on a follower, and at its end', async () => {
    await withLog(async (log, _clock, setting) => {
      await end(log);
      const producer = { producerId, producerEpoch: 0, baseSequence: 0, transactional: true };
      const records = batchOf(['x'], producer);
      records.writeBigInt64BE(1n, 0);
      await append(log, records, { origin: 'replication' });
      await end(log);
      setting.isEnabled = false;
      await write(log, 1);
    });
  });

  it('not long after it was asked about', async () => {
    await withLog(async (log, clock) => {
      const guard = ask(log);
      for (let passed = 0; passed <= expirationMs; passed += 1000) {
        clock.advance(1000);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await expect(write(log, 0, guard)).rejects.toMatchObject(unverified);
      expect(ask(log)).not.toBe(guard);
    });
  });
});
