import { randomInt } from 'node:crypto';
import { describe, expect, test, vi } from 'vitest';
import { Log } from '../../broker/src/log/log';
import { ProducerStateManager } from '../../broker/src/log/producer-state-manager';
import { SegmentIndexes } from '../../broker/src/log/segment-indexes';
import { Partition } from '../../broker/src/replication/partition';
import { TransactionMarkerChannelManager } from '../../broker/src/transactions/transaction-marker-channel-manager';
import { TransactionMetadata, type TxnTransitMetadata } from '../../broker/src/transactions/transaction-metadata';
import { ZkOperations } from '../../broker/src/zookeeper/zk-operations';
import { optionsOf, describeOptions, type SimulationOptions } from './world/options';
import { type RunSettings, simulate, type SimulationResult } from './world/simulation';

vi.setConfig({ testTimeout: 240_000 });

/** One seed; a violation fails the test with what led to it, and says how to see it again. */
async function expectHolds(seed: number, given: Partial<SimulationOptions> = {}): Promise<SimulationResult> {
  const options = optionsOf(seed, given);
  const result = await simulate(options);
  if (result.violation !== undefined) {
    const again = `npm run simulate -- --seed ${seed} --brokers ${options.brokers} --log info`;
    throw new Error(`${describeOptions(options)}; again: ${again}\n${result.trace.slice(-40).join('\n')}`);
  }
  return result;
}

const given = Array.from({ length: 12 }, (_, index) => index + 1);
const random = Array.from({ length: 2 }, () => randomInt(1, 2 ** 31));

describe('three brokers, ZooKeeper and clients under faults', () => {
  test.each(given)('hold seed %i', async (seed) => {
    const { acknowledged, elections, history } = await expectHolds(seed);
    expect(acknowledged).toBeGreaterThan(0);
    expect(elections).toBeGreaterThan(0);
    expect(history?.partitionStates).toBeGreaterThan(0);
  });

  test.each(random)('hold seed %i, a random one', async (seed) => {
    await expectHolds(seed);
  });
});

test.each(given.slice(0, 6))('a single broker under faults holds seed %i', async (seed) => {
  await expectHolds(seed, { brokers: 1 });
});

test('five brokers hold', async () => {
  await expectHolds(77, { brokers: 5, faultsMs: 10_000 });
});

test('the same seed does the same, event by event', async () => {
  const options = optionsOf(1, { faultsMs: 8000 });
  const [one, other] = [await simulate(options), await simulate(options)];
  expect(other.events).toBe(one.events);
  expect(other.trace).toEqual(one.trace);
  expect(other.traceHash).toBe(one.traceHash);
  expect((await simulate({ ...options, seed: 4 })).traceHash).not.toBe(one.traceHash);
});

/** Runs seeds with something broken until it is noticed; gives the violation. */
async function noticed(
  given: Partial<SimulationOptions>,
  seeds: number,
  settings: RunSettings = {},
  first = 1,
): Promise<string | undefined> {
  for (let seed = first; seed < first + seeds; seed++) {
    const { violation } = await simulate(optionsOf(seed, { transactions: false, ...given }), settings);
    if (violation !== undefined) return violation;
  }
  return undefined;
}

/** Has a method do something else while `work` runs. */
async function withBroken<T extends object, R>(
  prototype: T,
  method: keyof T,
  broken: (this: T, original: (...args: never[]) => unknown, ...args: never[]) => unknown,
  work: () => Promise<R>,
): Promise<R> {
  const original = prototype[method] as unknown as (...args: never[]) => unknown;
  const replacement = function (this: T, ...args: never[]): unknown {
    return broken.call(this, original.bind(this), ...args);
  };
  prototype[method] = replacement as T[keyof T];
  try {
    return await work();
  } finally {
    prototype[method] = original as unknown as T[keyof T];
  }
}

describe('what is broken on purpose is noticed', () => {
  test('a follower that does not truncate', async () => {
    const violation = await withBroken(
      Log.prototype,
      'truncateTo',
      () => Promise.resolve(false),
      () => noticed({ powerLoss: false }, 20),
    );
    expect(violation).toBeDefined();
  });

  test('a leader that acknowledges before its followers have the records', async () => {
    const violation = await withBroken(
      Partition.prototype,
      'maybeIncrementHighWatermark',
      function (this: Partition) {
        return this.isLeader && this.log.maybeIncrementHighWatermark(this.log.logEndOffsetMetadata) !== undefined;
      },
      () => noticed({ powerLoss: false }, 20),
    );
    expect(violation).toMatch(/committed|below it|acknowledged|read up to|back to/);
  });

  test('a log that does not flush', async () => {
    const violation = await withBroken(
      Log.prototype,
      'flush',
      () => Promise.resolve(),
      () => noticed({ powerLoss: true, flushEveryMessage: true }, 20),
    );
    expect(violation).toMatch(/committed|acknowledged|read up to/);
  });

  test('a log that forgets what producers have sent', async () => {
    const violation = await withBroken(
      ProducerStateManager.prototype,
      'update',
      () => {},
      () => noticed({ powerLoss: false }, 20),
    );
    expect(violation).toMatch(/record \d+ of \w+ comes where record \d+ is due/);
  });

  test('a coordinator that does not send markers', async () => {
    const violation = await withBroken(
      TransactionMarkerChannelManager.prototype,
      'addTxnMarkersToSend',
      (original, partition: never, isCommit: never, metadata: TransactionMetadata, completed: never) => {
        for (const written of [...metadata.topicPartitions.values()]) metadata.removePartition(written);
        original(partition, isCommit, metadata as never, completed);
      },
      () => noticed({ powerLoss: false, transactions: true }, 5),
    );
    expect(violation).toMatch(/is stable up to|a transaction with it hangs/);
  });

  test('segments that do not note what was aborted', async () => {
    const violation = await withBroken(
      SegmentIndexes.prototype,
      'appendAbortedTxns',
      () => Promise.resolve(),
      () => noticed({ powerLoss: false, transactions: true }, 20),
    );
    expect(violation).toMatch(/has records that were aborted/);
  });

  test('a coordinator that gives two producers the same epoch', async () => {
    const violation = await withBroken(
      TransactionMetadata.prototype,
      'prepareIncrementProducerEpoch',
      function (this: TransactionMetadata, original, ...args) {
        const prepared = original(...args) as TxnTransitMetadata;
        return { ...prepared, producerEpoch: Math.max(0, this.producerEpoch) };
      },
      () => noticed({ powerLoss: false, transactions: true }, 20),
    );
    expect(violation).toBeDefined();
  });

  test('a controller whose writes are not fenced', async () => {
    const violation = await withBroken(
      ZkOperations.prototype,
      'checkedAll',
      (original, ops: never) => original(ops, -1 as never),
      () => noticed({ powerLoss: false }, 1),
    );
    expect(violation).toContain('written without a check of /controller_epoch');
  });

  test('leaders that were not in the ISR', async () => {
    const properties = { 'unclean.leader.election.enable': 'true' };
    // It takes an ISR that is wholly gone while others are there.
    expect(await noticed({ powerLoss: false }, 20, { properties }, 20)).toMatch(/not in the ISR|which was committed/);
  });
});
