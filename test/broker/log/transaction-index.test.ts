import { readFileSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { nodeIo } from '../../../broker/src/io/node';
import type { Log } from '../../../broker/src/log/log';
import {
  type AbortedTxn,
  collectAborted,
  formatAbortedTxn,
  txnBytesBelow,
  txnEntryBytes,
  TxnEntries,
} from '../../../broker/src/log/transaction-index';
import { setBaseOffset, setPartitionLeaderEpoch } from '../../../broker/src/records/batch-header';
import { buildEndTransactionMarker, ControlRecordType } from '../../../broker/src/records/control-records';
import { faultyFiles, type Faults } from './faulty-files';
import { append, batchOf, openManager, TestDirectory, topicPartition } from './support';

/** Transactions of three offsets, one begun before the one before it has ended. */
const txns: readonly AbortedTxn[] = Array.from({ length: 100 }, (_, index) => ({
  producerId: index % 7,
  firstOffset: 10 * index,
  lastOffset: 10 * index + 15,
  lastStableOffset: 10 * index + 10,
}));
const entries = Buffer.concat(txns.map(formatAbortedTxn));

describe('a transaction index', () => {
  it('is looked up as if it were read from its beginning', () => {
    for (let from = 0; from < 1050; from += 3) {
      expect(txnBytesBelow(entries, from)).toBe(
        txns.filter(({ lastOffset }) => lastOffset < from).length * txnEntryBytes,
      );
      for (const upperBound of [from + 1, from + 13, from + 200]) {
        const found: AbortedTxn[] = [];
        const isComplete = collectAborted(entries, from, upperBound, found);
        expect(isComplete).toBe(txns[99].lastStableOffset >= upperBound);
        expect(found).toEqual(
          txns.filter(({ firstOffset, lastOffset }) => lastOffset >= from && firstOffset < upperBound),
        );
      }
    }
  });

  it('is read on although it says that all before a later marker was stable', () => {
    const written = [
      { producerId: 1, firstOffset: 0, lastOffset: 5, lastStableOffset: 20 },
      { producerId: 1, firstOffset: 6, lastOffset: 9, lastStableOffset: 20 },
      { producerId: 2, firstOffset: 20, lastOffset: 21, lastStableOffset: 22 },
    ];
    const found: AbortedTxn[] = [];
    expect(collectAborted(Buffer.concat(written.map(formatAbortedTxn)), 3, 8, found)).toBe(true);
    expect(found).toEqual(written.slice(0, 2));
  });

  it('grows without being copied each time, and leaves alone what was given out', () => {
    const growing = new TxnEntries(Buffer.alloc(0));
    const buffers = new Set<ArrayBufferLike>();
    const given: Buffer[] = [];
    for (let i = 0; i < 50; i++) {
      const added = txns.slice(2 * i, 2 * i + 2);
      expect(growing.append(added)).toEqual(Buffer.concat(added.map(formatAbortedTxn)));
      given.push(growing.all);
      buffers.add(growing.all.buffer);
    }
    expect(growing.length).toBe(entries.length);
    given.forEach((bytes, i) => expect(bytes.equals(entries.subarray(0, 2 * (i + 1) * txnEntryBytes))).toBe(true));
    expect(buffers.size).toBeLessThan(10);
  });
});

describe('the transaction indexes of segments', () => {
  const who = { producerId: 7, producerEpoch: 0 };
  const marker = (): Buffer =>
    buildEndTransactionMarker({ ...who, type: ControlRecordType.ABORT, coordinatorEpoch: 0, timestamp: 1000 });

  /** A log in which little of the indexes stays in memory; what is done with the transaction index of its first segment. */
  async function withLog(work: (log: Log, done: string[], faults: Faults) => Promise<void>): Promise<void> {
    using directory = new TestDirectory();
    const done: string[] = [];
    const faults: Faults = {
      error: (operation, path) => {
        if (path.endsWith('/00000000000000000000.txnindex')) done.push(operation);
        return undefined;
      },
    };
    const io = { ...nodeIo(), files: faultyFiles(nodeIo().files, faults) };
    const manager = await openManager(directory.path, { io, indexCacheBytes: 1, hotBytes: 0 });
    await work(await manager.getOrCreate(topicPartition), done, faults);
    await manager.shutdown();
  }

  async function abort(log: Log, sequence: number): Promise<void> {
    await append(log, batchOf(['x'], { ...who, baseSequence: sequence, transactional: true }, 1000 + sequence));
    await append(log, marker(), { origin: 'coordinator' });
  }

  async function abortedFrom(log: Log, offset: number): Promise<unknown> {
    log.updateHighWatermark(log.logEndOffset);
    const { ranges, abortedTransactions } = await log.read(offset, 100, 'txnCommitted', true);
    ranges.forEach((range) => range.release());
    return abortedTransactions;
  }

  it('tell a follower that is given many transactions at once what its leader says of them', () =>
    withLog(async (log) => {
      const batches: Buffer[] = [];
      let offset = 0;
      const add = (batch: Buffer, records = 1): void => {
        setBaseOffset(batch, 0, offset);
        setPartitionLeaderEpoch(batch, 0, 0);
        batches.push(batch);
        offset += records;
      };
      const write = (producerId: number, baseSequence: number): void =>
        add(batchOf(['a', 'b'], { producerId, producerEpoch: 0, baseSequence, transactional: true }), 2);
      const abortOf = (producerId: number): void => {
        const end = { producerId, producerEpoch: 0, type: ControlRecordType.ABORT, coordinatorEpoch: 0 };
        add(buildEndTransactionMarker({ ...end, timestamp: 1000 }));
      };
      write(1, 0);
      abortOf(1);
      write(1, 2);
      abortOf(1);
      write(2, 0);
      abortOf(2);
      await append(log, Buffer.concat(batches), { origin: 'replication' });
      const bytes = readFileSync(`${log.path}/00000000000000000000.txnindex`);
      const lastStableOffsets = [0, 1, 2].map((index) => Number(bytes.readBigInt64BE(index * txnEntryBytes + 26)));
      expect(lastStableOffsets).toEqual([3, 6, 9]);
    }));

  it('are out of memory when others are used, and read again', () =>
    withLog(async (log, done) => {
      for (let segment = 0; segment < 3; segment++) {
        await abort(log, segment);
        await log.roll();
        await log.flush();
      }
      expect(done).not.toContain('readFile');
      for (let segment = 0; segment < 3; segment++) {
        expect(await abortedFrom(log, 2 * segment)).toEqual([{ producerId: 7, firstOffset: 2 * segment }]);
      }
      expect(done).toContain('readFile');
    }));

  it('are on the disk before a flush is done, in memory or not', () =>
    withLog(async (log, done, faults) => {
      await abort(log, 0);
      const flush = Promise.withResolvers<void>();
      faults.hold = (operation, path) =>
        operation === 'sync' && path.endsWith('/00000000000000000000.log') ? flush.promise : undefined;
      await log.roll();
      await abort(log, 1);
      await log.roll();
      for (const timestamp of [1000, 1001]) await log.fetchOffsetByTimestamp(timestamp);
      expect(done).not.toContain('sync');
      flush.resolve();
      await log.flush();
      expect(log.recoveryPoint).toBe(4);
      expect(done).toContain('sync');
      expect(statSync(`${log.path}/00000000000000000000.txnindex`).size).toBe(txnEntryBytes);
    }));
});
