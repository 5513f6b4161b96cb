import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import { TestBed } from './support';

/** Two transactions are decided, the first with partitions of both brokers; nothing is answered. */
async function decided(): Promise<TestBed> {
  const bed = await TestBed.start();
  bed.others.isImmediate = false;
  const first = await bed.begin('first', 0, 1, 2);
  const second = await bed.begin('second', 2);
  await bed.end('first', first);
  await bed.end('second', second, false);
  return bed;
}

describe('markers', () => {
  it('go to the leaders, one request at a time to each, with all that has come meanwhile', async () => {
    const bed = await decided();
    const third = await bed.begin('third', 4, 6);
    await bed.end('third', third);
    expect(bed.others.sent).toMatchObject([
      { brokerId: 1, version: 1, markers: ['100 0 commit 0 data-0 data-2'] },
      { brokerId: 2, version: 1, markers: ['100 0 commit 0 data-1'] },
    ]);
    bed.others.sent[0].answer();
    await bed.settle();
    expect(bed.others.sent[2]).toMatchObject({
      brokerId: 1,
      markers: ['101 0 abort 0 data-2', '102 0 commit 0 data-4 data-6'],
    });
    // The first one waits for the other broker.
    expect(bed.state('first')).toBe('PrepareCommit');
    bed.others.sent[1].answer();
    bed.others.sent[2].answer();
    await bed.settle();
    expect(['first', 'second', 'third'].map((id) => bed.state(id))).toEqual([
      'CompleteCommit',
      'CompleteAbort',
      'CompleteCommit',
    ]);
    expect(bed.coordinator.stats().pendingMarkers).toBe(0);
  });

  it.each([
    'UNKNOWN_TOPIC_OR_PARTITION',
    'NOT_LEADER_OR_FOLLOWER',
    'NOT_ENOUGH_REPLICAS',
    'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
    'REQUEST_TIMED_OUT',
    'KAFKA_STORAGE_ERROR',
    'UNKNOWN_SERVER_ERROR',
  ] as const)('that are refused with %s are sent again, to the leader of then', async (refusal) => {
    const bed = await decided();
    bed.others.sent[0].answer((partition) => (partition === 'data-0' ? ErrorCode[refusal] : ErrorCode.NONE));
    bed.others.sent[1].answer();
    await bed.settle();
    bed.leaders.set('data-0', 2);
    bed.clock.advance(1000);
    await bed.settle();
    expect(bed.others.markers.at(-1)).toBe('to 2: 100 0 commit 0 data-0');
    expect(bed.state('first')).toBe('PrepareCommit');
    bed.others.sent.at(-1)!.answer();
    await bed.settle();
    expect(bed.state('first')).toBe('CompleteCommit');
  });

  it('whose connection was lost are sent again', async () => {
    const bed = await decided();
    bed.others.sent[0].fail();
    bed.others.sent[1].answer();
    await bed.settle();
    bed.others.isImmediate = true;
    bed.others.sent[2].answer();
    bed.clock.advance(1000);
    await bed.settle();
    expect(bed.others.markers.at(-1)).toBe('to 1: 100 0 commit 0 data-0 data-2');
    expect(bed.state('first')).toBe('CompleteCommit');
    expect(bed.state('second')).toBe('CompleteAbort');
  });

  it('that have failed hold up no others, and go by themselves', async () => {
    const bed = await TestBed.start();
    bed.others.isImmediate = false;
    const begin = (id: string, partition: number) => bed.begin(id, partition).then((producer) => ({ id, producer }));
    const hung = await begin('hung', 8);
    const others = [await begin('a', 0), await begin('b', 0), await begin('c', 0)];
    const end = ({ id, producer }: (typeof others)[number]) => bed.end(id, producer);
    const timesOut = (partition: string) => (partition === 'data-8' ? ErrorCode.REQUEST_TIMED_OUT : ErrorCode.NONE);
    await end(hung);
    await end(others[0]);
    bed.others.sent[0].answer(timesOut);
    await bed.settle();
    await end(others[1]);
    bed.clock.advance(1000);
    await bed.settle();
    // The one that hangs is with the broker, and so is what was decided before.
    expect(bed.others.markers).toEqual([
      'to 1: 100 0 commit 0 data-8',
      'to 1: 101 0 commit 0 data-0',
      'to 1: 100 0 commit 0 data-8',
    ]);
    bed.others.sent[1].answer();
    await bed.settle();
    expect(bed.others.markers.at(-1)).toBe('to 1: 102 0 commit 0 data-0');
    bed.others.sent[3].answer();
    await bed.settle();
    await end(others[2]);
    bed.others.sent[4].answer();
    await bed.settle();
    expect(['a', 'b', 'c', 'hung'].map((id) => bed.state(id))).toEqual([
      'CompleteCommit',
      'CompleteCommit',
      'CompleteCommit',
      'PrepareCommit',
    ]);
    bed.others.sent[2].answer();
    await bed.settle();
    expect(bed.state('hung')).toBe('CompleteCommit');
  });

  it('wait for a leader, and for its broker to be there', async () => {
    const bed = await TestBed.start();
    bed.leaders.set('data-0', -1);
    bed.brokers.delete(2);
    const producer = await bed.begin('tx', 0, 1);
    await bed.end('tx', producer);
    bed.clock.advance(10_000);
    await bed.settle();
    expect(bed.others.sent).toEqual([]);
    bed.leaders.set('data-0', 1);
    bed.brokers.set(2, {});
    bed.clock.advance(1000);
    await bed.settle();
    expect(bed.others.markers).toEqual(['to 1: 100 0 commit 0 data-0', 'to 2: 100 0 commit 0 data-1']);
    expect(bed.state()).toBe('CompleteCommit');
  });

  it('are not needed by what was deleted, or cannot hold transactions', async () => {
    const bed = await TestBed.start();
    const producer = await bed.begin('tx', 0, 1);
    bed.leaders.delete('data-0');
    bed.topics.delete('data');
    bed.others.isImmediate = false;
    await bed.end('tx', producer);
    await bed.settle();
    expect(bed.others.markers).toEqual(['to 2: 100 0 commit 0 data-1']);
    bed.others.sent[0].answer(() => ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT);
    await bed.settle();
    expect(bed.state()).toBe('CompleteCommit');
  });

  it('wait for a partition that the controller has not told of, until it is known to be deleted', async () => {
    const bed = await TestBed.start();
    const producer = await bed.begin('tx', 0, 3, 8);
    const forgotten = ['data-0', 'data-3', 'data-8'];
    for (const partition of forgotten) bed.leaders.delete(partition);
    await bed.end('tx', producer);
    bed.topicsError = new Error('ZooKeeper cannot be reached');
    const wait = async (): Promise<void> => {
      bed.clock.advance(1000);
      await bed.settle();
    };
    await wait();
    bed.topicsError = undefined;
    await wait();
    expect(bed.others.sent).toEqual([]);
    expect(bed.state()).toBe('PrepareCommit');
    bed.leaders.set('data-0', 1);
    bed.leaders.set('data-3', 2);
    await wait();
    expect(bed.others.markers).toEqual(['to 1: 100 0 commit 0 data-0', 'to 2: 100 0 commit 0 data-3']);
    expect(bed.state()).toBe('PrepareCommit');
    // Created anew with fewer partitions.
    bed.topics.set('data', 5);
    await wait();
    expect(bed.state()).toBe('CompleteCommit');
  });

  it('of a transaction without partitions are none: it is complete at once', async () => {
    const bed = await TestBed.start();
    const producer = await bed.begin('tx', 0);
    bed.leaders.delete('data-0');
    bed.topics.set('data', 0);
    await bed.end('tx', producer);
    await bed.settle();
    expect(bed.state()).toBe('CompleteCommit');
    expect(bed.others.sent).toEqual([]);
  });

  it.each(['INVALID_PRODUCER_EPOCH', 'TRANSACTION_COORDINATOR_FENCED'] as const)(
    'that are refused with %s are sent no more: there is another coordinator',
    async (refusal) => {
      const bed = await decided();
      bed.others.sent[0].answer(() => ErrorCode[refusal]);
      bed.others.sent[1].answer();
      await bed.settle();
      bed.others.sent[2].answer();
      bed.clock.advance(10_000);
      await bed.settle();
      expect(bed.others.sent).toHaveLength(3);
      expect(bed.state('first')).toBe('PrepareCommit');
      expect(bed.state('second')).toBe('CompleteAbort');
      expect(bed.coordinator.stats().pendingMarkers).toBe(0);
    },
  );

  it('that are written everywhere count when that is written, too', async () => {
    const bed = await decided();
    bed.replicas.refusal = ErrorCode.NOT_ENOUGH_REPLICAS;
    bed.others.sent[0].answer();
    bed.others.sent[1].answer();
    await bed.settle();
    expect(bed.state('first')).toBe('PrepareCommit');
    // Nothing else may happen with it meanwhile.
    expect((await bed.init('first')).error).toBe('CONCURRENT_TRANSACTIONS');
    bed.replicas.refusal = undefined;
    bed.clock.advance(1000);
    await bed.settle();
    expect(bed.state('first')).toBe('CompleteCommit');
    expect(bed.replicas.states().filter((line) => line === 'first CompleteCommit 0')).toHaveLength(1);
  });

  it('are given up with the partition of __transaction_state, and taken up again with it', async () => {
    const bed = await decided();
    bed.replicas.resign(0);
    expect(bed.state('first')).toBe('NOT_COORDINATOR');
    const sent = bed.others.sent.length;
    bed.others.sent.forEach(({ answer }) => answer());
    bed.clock.advance(10_000);
    await bed.settle();
    expect(bed.others.sent).toHaveLength(sent);
    bed.others.isImmediate = true;
    bed.replicas.elect(0, 7);
    await bed.settle();
    expect(bed.others.markers.slice(sent).sort()).toEqual([
      'to 1: 100 0 commit 7 data-0 data-2',
      'to 1: 101 0 abort 7 data-2',
      'to 2: 100 0 commit 7 data-1',
    ]);
    expect([bed.state('first'), bed.state('second')]).toEqual(['CompleteCommit', 'CompleteAbort']);
  });
});
