import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import type { FetchResponse } from '../../../broker/src/protocol/messages/fetch';
import { zeroUuid } from '../../../broker/src/protocol/uuid';
import {
  type FetchPartition,
  FetchSessionHandler,
  type SessionRequest,
} from '../../../broker/src/replication/fetch-session-handler';
import { fetcherIdOf } from '../../../broker/src/replication/replica-fetcher-manager';
import { followerVersions } from '../../../broker/src/replication/replica-fetcher-versions';

const ids = ['abcdefghijklmnopqrstuA', 'bbcdefghijklmnopqrstuA', 'cbcdefghijklmnopqrstuA'];

function wanted(topic: string, partition: number, fetchOffset: number, topicId = ids[0]): FetchPartition {
  return {
    ...{ topic, partition, fetchOffset, topicId },
    ...{ currentLeaderEpoch: 1, lastFetchedEpoch: 1, logStartOffset: 0, maxBytes: 100 },
  };
}

type Key = `${string}-${number}`;

/** What a leader makes of the requests of a session. */
class LeaderSession {
  readonly partitions = new Map<Key, number>();
  epoch = 0;
  id = 0;

  take(request: SessionRequest): void {
    if (request.sessionEpoch === 0) this.partitions.clear();
    else expect([request.sessionId, request.sessionEpoch]).toEqual([this.id, this.epoch]);
    for (const { topicId, topic, partitions } of request.forgottenTopicsData) {
      for (const partition of partitions) expect(this.partitions.delete(`${topic}${topicId}-${partition}`)).toBe(true);
    }
    for (const { topicId, topic, partitions } of request.topics) {
      for (const { partition, fetchOffset } of partitions) {
        this.partitions.set(`${topic}${topicId}-${partition}`, fetchOffset);
      }
    }
  }

  response(request: SessionRequest, errorCode = 0): FetchResponse {
    if (request.sessionEpoch === 0) {
      this.id++;
      this.epoch = 1;
    } else {
      this.epoch++;
    }
    const responses = request.topics.map(({ topic, topicId, partitions }) => ({
      topic: topic!,
      topicId: topicId!,
      partitions: partitions.map(({ partition }) => ({ partitionIndex: partition })),
    }));
    const answer = { throttleTimeMs: 0, errorCode, sessionId: this.id, responses, nodeEndpoints: [] };
    return answer as unknown as FetchResponse;
  }
}

describe('A fetch session', () => {
  it('holds at the leader what is wanted, whatever changes and whatever fails', () => {
    const change = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ kind: fc.constant('want' as const), at: fc.nat(8), offset: fc.nat(5), id: fc.nat(2) }),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('forget' as const), at: fc.nat(8) }) },
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('request' as const), outcome: fc.nat(9) }) },
    );
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const handler = new FetchSessionHandler();
        const leader = new LeaderSession();
        const model = new Map<string, FetchPartition>();
        for (const each of changes) {
          if (each.kind === 'request') {
            const request = handler.next();
            if (request === undefined) {
              expect(model.size).toBe(0);
              continue;
            }
            leader.take(request);
            const expected = new Map(
              [...model.values()].map((of) => [`${of.topic}${of.topicId}-${of.partition}`, of.fetchOffset]),
            );
            expect(leader.partitions).toEqual(expected);
            if (each.outcome === 0) {
              handler.beginAnew();
            } else if (each.outcome === 1) {
              const failed = leader.response(request, ErrorCode.INVALID_FETCH_SESSION_EPOCH);
              expect(handler.handleResponse(failed, 17)).toBe('INVALID_FETCH_SESSION_EPOCH');
            } else {
              expect(handler.handleResponse(leader.response(request), 17)).toBeUndefined();
            }
            continue;
          }
          const [topic, partition] = [`t${each.at % 3}`, Math.floor(each.at / 3)];
          const key = `${topic}-${partition}`;
          if (each.kind === 'forget') {
            handler.forget(key);
            model.delete(key);
          } else {
            const partitionWanted = wanted(topic, partition, each.offset, `${each.at % 3}${ids[each.id].slice(1)}`);
            handler.want(key, partitionWanted);
            model.set(key, partitionWanted);
          }
          expect(handler.size).toBe(model.size);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('costs what has changed', () => {
    const handler = new FetchSessionHandler();
    const leader = new LeaderSession();
    for (let i = 0; i < 100; i++) handler.want(`t-${i}`, wanted('t', i, 0));
    let request = handler.next()!;
    expect(request.topics).toHaveLength(1);
    handler.handleResponse(leader.response(request), 17);
    handler.want('t-5', wanted('t', 5, 1));
    handler.want('t-6', wanted('t', 6, 0));
    request = handler.next()!;
    expect(request.topics.flatMap(({ partitions }) => partitions.map(({ partition }) => partition))).toEqual([5]);
  });

  it('begins anew when it changes between names and ids', () => {
    const handler = new FetchSessionHandler();
    const leader = new LeaderSession();
    handler.want('t-0', wanted('t', 0, 0));
    let request = handler.next()!;
    expect(request.usesTopicIds).toBe(true);
    handler.handleResponse(leader.response(request), 17);
    handler.want('u-0', wanted('u', 0, 0, zeroUuid));
    request = handler.next()!;
    expect(request).toMatchObject({ usesTopicIds: false, sessionId: 1, sessionEpoch: 0 });
    expect(request.topics).toHaveLength(2);
  });

  it('takes no answer that leaves partitions out of a full request', () => {
    const handler = new FetchSessionHandler();
    const leader = new LeaderSession();
    handler.want('t-0', wanted('t', 0, 0));
    handler.want('t-1', wanted('t', 1, 0));
    const request = handler.next()!;
    const response = leader.response(request);
    response.responses[0].partitions.pop();
    expect(handler.handleResponse(response, 17)).toBe('it answered for 1 of 2 partitions');
    expect(handler.next()).toMatchObject({ sessionId: 0, sessionEpoch: 0 });
  });

  it('counts its epochs beyond the largest int', () => {
    const handler = new FetchSessionHandler();
    handler.want('t-0', wanted('t', 0, 0));
    handler.next();
    const response = { throttleTimeMs: 0, errorCode: 0, sessionId: 9, nodeEndpoints: [] };
    const t0 = { topic: 't', topicId: ids[0], partitions: [{ partitionIndex: 0 }] };
    handler.handleResponse({ ...response, responses: [t0] } as unknown as FetchResponse, 17);
    expect(handler.next()).toMatchObject({ sessionId: 9, sessionEpoch: 1 });
    handler.handleResponse({ ...response, sessionId: 0, responses: [] } as unknown as FetchResponse, 17);
    // The leader has ended it.
    expect(handler.next()).toMatchObject({ sessionId: 0, sessionEpoch: 0 });
  });
});

describe('The versions of a follower’s requests', () => {
  it.each([
    ['3.9', { fetch: 17, listOffsets: 9, offsetForLeaderEpoch: 4 }],
    ['3.7-IV4', { fetch: 16, listOffsets: 8, offsetForLeaderEpoch: 4 }],
    ['2.7', { fetch: 12, listOffsets: 5, offsetForLeaderEpoch: 3 }],
    ['2.6', { fetch: 11, listOffsets: 5, offsetForLeaderEpoch: 3 }],
    ['0.11.0', { fetch: 5, listOffsets: 2, offsetForLeaderEpoch: 0 }],
    ['0.10.0', { fetch: 2, listOffsets: 0, offsetForLeaderEpoch: undefined }],
    ['0.8.2', { fetch: 0, listOffsets: 0, offsetForLeaderEpoch: undefined }],
  ])('of inter.broker.protocol.version %s are Kafka’s', (version, expected) => {
    expect(followerVersions(version)).toEqual(expected);
  });
});

// Utils.abs(31 * topic.hashCode() + partition) % numFetchers, computed with Java.
it.each([
  ['__consumer_offsets', 49, 7, 6],
  ['__consumer_offsets', 7, 3, 1],
  ['t', 0, 7, 5],
  ['t', 7, 1, 0],
  ['orders.created', 7, 7, 1],
  ['orders.created', 49, 3, 2],
])('places %s-%i on a fetcher of %i as Java computes it', (topic, partition, fetchers, expected) => {
  expect(fetcherIdOf({ topic, partition }, fetchers)).toBe(expected);
});
