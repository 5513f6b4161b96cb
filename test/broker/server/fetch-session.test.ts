import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import type { InputOf, MessageOf } from '../../../broker/src/protocol/schema';
import { FetchSessionCache, type FetchPartition, nextEpoch } from '../../../broker/src/server/fetch-session';
import { startCluster, type TestCluster } from '../../../broker/src/testing';
import { ManualClock } from '../log/support';
import { BrokerClient, nameOf, valuesOf } from './broker-client';

function partitionOf(topic: string, partition: number, changes: Partial<FetchPartition> = {}): FetchPartition {
  return {
    topic,
    topicId: 'AAAAAAAAAAAAAAAAAAAAAA',
    partition,
    fetchOffset: 0,
    maxBytes: 1000,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
    fetcherLogStartOffset: -1,
    highWatermark: -1,
    logStartOffset: -1,
    ...changes,
  };
}

describe('The cache of fetch sessions', () => {
  let clock: ManualClock;
  let drawn: number;
  let cache: FetchSessionCache;
  // Draws the first number twice: an id that is taken is not given out again.
  const random = { bytes: (length: number) => Buffer.alloc(length), below: () => Math.max(0, drawn++ - 1) };

  beforeEach(() => {
    clock = new ManualClock();
    drawn = 0;
    cache = new FetchSessionCache(clock, random, 2);
  });

  const begin = (sessionId: number, sessionEpoch: number, partitions: readonly FetchPartition[], isFollower = false) =>
    cache.begin({ sessionId, sessionEpoch, isFollower, usesTopicIds: false, partitions, forgotten: [] });
  const open = (partitions: number, isFollower = false) =>
    begin(
      0,
      0,
      Array.from({ length: partitions }, (_, i) => partitionOf('t', i)),
      isFollower,
    ).sessionId;

  it('gives every session an id of its own', () => {
    expect([open(1), open(1)]).toEqual([1, 2]);
    expect(cache.size).toBe(2);
  });

  it('takes each epoch once, and begins again at 1 after the last', () => {
    const id = open(1);
    for (let epoch = 1; epoch < 5; epoch++) expect(begin(id, epoch, []).errorCode).toBe(ErrorCode.NONE);
    expect(begin(id, 4, []).errorCode).toBe(ErrorCode.INVALID_FETCH_SESSION_EPOCH);
    expect(begin(id, 5, []).errorCode).toBe(ErrorCode.NONE);
    expect([nextEpoch(1), nextEpoch(2147483646), nextEpoch(2147483647)]).toEqual([2, 2147483647, 1]);
  });

  it('gives a full cache’s place to nobody who has no better right to it', () => {
    open(3);
    open(3);
    expect(open(10)).toBe(0);
    clock.advance(60_000);
    expect(open(10)).toBe(0);
  });

  it('gives the place of a session that was not used for two minutes to anybody', () => {
    const [first, second] = [open(3), open(3)];
    clock.advance(100_000);
    expect(begin(first, 1, []).errorCode).toBe(ErrorCode.NONE);
    clock.advance(30_000);
    expect(open(1)).not.toBe(0);
    expect(begin(second, 1, []).errorCode).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    expect(begin(first, 2, []).errorCode).toBe(ErrorCode.NONE);
  });

  it('gives the smaller session’s place to a larger one after two minutes, though both are in use', () => {
    const [small, large] = [open(2), open(4)];
    for (let epoch = 1; epoch <= 3; epoch++) {
      clock.advance(50_000);
      begin(small, epoch, []);
      begin(large, epoch, []);
    }
    expect(open(2)).toBe(0);
    expect(open(3)).not.toBe(0);
    expect(begin(small, 4, []).errorCode).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    expect(begin(large, 4, []).errorCode).toBe(ErrorCode.NONE);
  });

  it('gives a consumer’s place to a follower at once, and never a follower’s to a consumer', () => {
    const [small, large] = [open(2), open(4)];
    expect(open(1, true)).not.toBe(0);
    expect(begin(small, 1, []).errorCode).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    expect(open(1, true)).not.toBe(0);
    expect(begin(large, 1, []).errorCode).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    clock.advance(119_999);
    expect(open(100)).toBe(0);
  });

  it('of no slots has no sessions', () => {
    cache = new FetchSessionCache(clock, random, 0);
    expect(open(1)).toBe(0);
    expect(cache.size).toBe(0);
  });

  it('ends a session by a full fetch with its id, with or without another one', () => {
    const [id] = [open(1), open(1)];
    const again = begin(id, 0, [partitionOf('t', 0)]);
    expect(again.sessionId).not.toBe(0);
    expect(begin(id, 1, []).errorCode).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    expect(begin(again.sessionId, -1, [partitionOf('t', 0)])).toMatchObject({ errorCode: 0, sessionId: 0 });
    expect(cache.size).toBe(1);
  });

  it('reads last what gave data last', () => {
    const id = open(3);
    const first = begin(id, 1, []);
    first.gaveData(first.partitions[0]);
    expect(begin(id, 2, []).partitions.map(({ partition }) => partition)).toEqual([1, 2, 0]);
  });
});

describe('A fetch session', () => {
  let cluster: TestCluster;
  let client: BrokerClient;
  const ids = new Map<string, string>();

  beforeAll(async () => {
    cluster = await startCluster({ config: { 'auto.create.topics.enable': false } });
    client = await BrokerClient.connect(cluster.bootstrapServers);
    for (const topic of ['a', 'b', 'c']) ids.set(topic, await client.createTopic(topic, 2));
  });
  afterAll(async () => {
    client[Symbol.dispose]();
    await cluster.close();
  });

  type Response = MessageOf<typeof Apis.Fetch.response>;
  interface Wanted {
    readonly topic: string;
    readonly partition?: number;
    readonly fetchOffset?: number;
  }

  function fetch(
    version: number,
    sessionId: number,
    sessionEpoch: number,
    wanted: readonly Wanted[],
    forgotten: readonly string[] = [],
  ): Promise<Response> {
    const request: InputOf<typeof Apis.Fetch.request> = {
      maxWaitMs: 0,
      minBytes: 0,
      sessionId,
      sessionEpoch,
      topics: wanted.map(({ topic, partition = 0, fetchOffset = 0 }) => ({
        topic,
        topicId: ids.get(topic) ?? 'abcdefghijklmnopqrstuA',
        partitions: [{ partition, fetchOffset, partitionMaxBytes: 1 << 20 }],
      })),
      forgottenTopicsData: forgotten.map((topic) => ({ topic, topicId: ids.get(topic)!, partitions: [0] })),
    };
    return client.send(Apis.Fetch, version, request);
  }

  const told = ({ responses }: Response, version: number): string[] =>
    responses.flatMap(({ topic, topicId, partitions }) => {
      const name = version >= 13 ? [...ids].find(([, id]) => id === topicId)?.[0] : topic;
      return partitions.map((each) => `${name}-${each.partitionIndex}: ${valuesOf(each).join() || nameOf(each)}`);
    });

  it.each([7, 11, 12, 13, 17])('v%i tells what is new', async (version) => {
    const fetchOffset = await client.listOffset('a', -1);
    const first = await fetch(version, 0, 0, [{ topic: 'a', fetchOffset }, { topic: 'b' }]);
    const { sessionId } = first;
    expect(sessionId).toBeGreaterThan(0);
    expect(first.responses).toHaveLength(2);
    expect(told(await fetch(version, sessionId, 1, []), version)).toEqual([]);
    const offset = await client.produceValues('a', `v${version}`);
    const before = await fetch(version, sessionId, 2, [{ topic: 'a', fetchOffset: offset }]);
    expect([nameOf(before), before.sessionId]).toEqual(['NONE', sessionId]);
    expect(told(before, version)).toEqual([`a-0: v${version}`]);
    // The high watermark alone is news, once.
    await client.produceValues('a', 'next');
    const behind = await fetch(version, sessionId, 3, [{ topic: 'a', fetchOffset: offset + 2 }]);
    expect(told(behind, version)).toEqual(['a-0: NONE']);
    expect(told(await fetch(version, sessionId, 4, []), version)).toEqual([]);
    // Added, and forgotten.
    const added = await fetch(version, sessionId, 5, [{ topic: 'c' }], ['a', 'b']);
    expect(told(added, version)).toEqual(['c-0: NONE']);
    await client.produceValues('a', 'unseen');
    expect(told(await fetch(version, sessionId, 6, []), version)).toEqual([]);
    // With nothing left it is over.
    const last = await fetch(version, sessionId, 7, [], ['c']);
    expect([nameOf(last), last.sessionId]).toEqual(['NONE', 0]);
    expect(nameOf(await fetch(version, sessionId, 8, []))).toBe('FETCH_SESSION_ID_NOT_FOUND');
  });

  it('tells an error every time, and what was before when it has gone', async () => {
    const { sessionId } = await fetch(11, 0, 0, [{ topic: 'b', fetchOffset: 100 }, { topic: 'nowhere' }]);
    const wrong = ['b-0: OFFSET_OUT_OF_RANGE', 'nowhere-0: UNKNOWN_TOPIC_OR_PARTITION'];
    expect(told(await fetch(11, sessionId, 1, []), 11)).toEqual(wrong);
    expect(told(await fetch(11, sessionId, 2, []), 11)).toEqual(wrong);
    // Though there is neither data nor another high watermark than the one that was told before the error.
    const mended = await fetch(11, sessionId, 3, [{ topic: 'b', fetchOffset: 0 }]);
    expect(told(mended, 11)).toEqual(['b-0: NONE', 'nowhere-0: UNKNOWN_TOPIC_OR_PARTITION']);
  });

  it('sees a topic of its id when that one is there, and not another of the same name', async () => {
    ids.set('d', await client.createTopic('d'));
    const { sessionId } = await fetch(13, 0, 0, [{ topic: 'd' }]);
    await client.deleteTopic('d');
    await client.createTopic('d');
    await client.produceValues('d', 'of another topic');
    expect(told(await fetch(13, sessionId, 1, []), 13)).toEqual(['d-0: UNKNOWN_TOPIC_ID']);
  });

  it('is refused with a wrong epoch, a wrong id, and with ids instead of names', async () => {
    const { sessionId } = await fetch(12, 0, 0, [{ topic: 'b' }]);
    expect(nameOf(await fetch(12, sessionId, 2, []))).toBe('INVALID_FETCH_SESSION_EPOCH');
    expect(nameOf(await fetch(12, sessionId + 1, 1, []))).toBe('FETCH_SESSION_ID_NOT_FOUND');
    expect(nameOf(await fetch(13, sessionId, 1, []))).toBe('FETCH_SESSION_TOPIC_ID_ERROR');
    expect(nameOf(await fetch(12, sessionId, 1, []))).toBe('NONE');
  });

  it('is not opened by a fetch that wants none', async () => {
    const answer = await fetch(12, 0, -1, [{ topic: 'b' }]);
    expect([answer.sessionId, answer.responses.length]).toEqual([0, 1]);
  });
});
