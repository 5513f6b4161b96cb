import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Chunk } from '../../../broker/src/protocol/codec';
import type { Channel, IncomingRequest } from '../../../broker/src/network/incoming-request';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { encodeRequest, parseRequestHeader } from '../../../broker/src/protocol/headers';
import { toBuffer } from '../../../broker/src/protocol/codec';
import { apiHandler, Disconnect } from '../../../broker/src/server/api-handler';
import type { BrokerContext } from '../../../broker/src/server/broker-context';
import { handlers } from '../../../broker/src/server/handlers';
import { RequestDispatcher } from '../../../broker/src/server/request-dispatcher';
import { startCluster, type TestCluster } from '../../../broker/src/testing';
import { constant, seeded, seedOf } from '../protocol/values';
import { BrokerClient } from './broker-client';
import { makeRequest, versionsOfApis, type Existing } from './made-up-requests';
import { recordingLogger } from './recording-logger';

describe('Every API in every version', () => {
  const logger = recordingLogger('error');
  let cluster: TestCluster;
  let existing: Existing;

  beforeAll(async () => {
    cluster = await startCluster({ logger, config: { 'auto.create.topics.enable': false } });
    using client = await BrokerClient.connect(cluster.bootstrapServers);
    const topicIds = [await client.createTopic('topic-a', 2), await client.createTopic('topic-b')];
    existing = { topics: ['topic-a', 'topic-b'], topicIds, groups: ['group-a', 'group-b'] };
  });
  afterAll(() => cluster.close());

  // Topics that are there stay there: the deletions come last.
  const keys = handlers
    .map(({ api }) => api.key)
    // An Envelope closes the connection.
    .filter((key) => key !== Apis.Envelope.key)
    .sort((a, b) => Number(a === 20) - Number(b === 20));

  it.each(versionsOfApis(keys))('%s v%i is answered, whatever its fields hold', async (name, version, api) => {
    const choices = [constant(0), constant(1), constant(3)];
    for (let instance = 0; instance < 12; instance++) choices.push(seeded(seedOf(name, version, instance)));
    using client = await BrokerClient.connect(cluster.bootstrapServers);
    for (const choice of choices) {
      const request = makeRequest(api, version, choice, existing);
      if (api === Apis.Produce && request.acks === 0) request.acks = 1;
      await client.send(api, version, request as never);
    }
    expect(logger.lines).toEqual([]);
  });
});

class Incoming implements IncomingRequest {
  readonly context;
  readonly channel: Channel = { id: 'c', listenerName: 'L', disconnected: false } as Channel;
  readonly outcomes: string[] = [];

  constructor(readonly body: Buffer) {
    this.context = {
      connectionId: 'c',
      listenerName: 'L',
      securityProtocol: 'PLAINTEXT' as const,
      principal: { principalType: 'User', name: 'ANONYMOUS' },
      clientHost: '127.0.0.1',
      header: parseRequestHeader(body),
    };
  }

  respond(chunks: readonly Chunk[]): void {
    this.outcomes.push(`${chunks.reduce((sum, { length }) => sum + length, 0)} bytes`);
  }

  respondNothing(): void {
    this.outcomes.push('nothing');
  }

  disconnect(reason: string): void {
    this.outcomes.push(`disconnected: ${reason}`);
  }
}

describe('The dispatcher', () => {
  const broker = {} as BrokerContext;

  function dispatched(handle: Parameters<typeof apiHandler<typeof Apis.Fetch>>[1], isStarted = true) {
    const logger = recordingLogger('error');
    const dispatcher = new RequestDispatcher(logger, [apiHandler(Apis.Fetch, handle)]);
    if (isStarted) dispatcher.start();
    const frame = toBuffer(
      'a request',
      encodeRequest(Apis.Fetch, 4, 1, 'c', { maxWaitMs: 0, minBytes: 0, topics: [], forgottenTopicsData: [] }),
    );
    const incoming = new Incoming(frame.subarray(4));
    dispatcher.dispatch(broker, incoming);
    return { dispatcher, incoming, logger };
  }

  it('answers', () => {
    const { incoming } = dispatched((_broker, _request, _context, respond) => respond({ responses: [] }));
    expect(incoming.outcomes).toEqual(['16 bytes']);
  });

  it('closes the connection where the handler wants it, or fails, then or later', async () => {
    expect(dispatched((_b, _r, _c, respond) => respond(new Disconnect('so'))).incoming.outcomes).toEqual([
      'disconnected: so',
    ]);
    const now = dispatched(() => {
      throw new Error('a fault');
    });
    const later = dispatched(() => Promise.reject(new Error('a fault')));
    await Promise.resolve();
    for (const { incoming, logger } of [now, later]) {
      expect(incoming.outcomes).toEqual(['disconnected: handling Fetch failed']);
      expect(logger.lines[0]).toMatch(/Handling Fetch v4 failed unexpectedly.*a fault/s);
    }
  });

  it('keeps an answer that cannot be written from whoever completes it, and lets go of its files', () => {
    let released = 0;
    const range = { file: {} as never, position: 0, length: 10, hot: true, release: () => released++ };
    const { incoming, logger } = dispatched((_b, _r, _c, respond) => {
      respond({
        // Not a field that version 4 could leave out.
        sessionId: 7,
        responses: [
          {
            topic: 't',
            partitions: [
              { partitionIndex: 0, errorCode: 0, highWatermark: 1, abortedTransactions: null, records: [range] },
            ],
          },
        ],
      });
    });
    expect(incoming.outcomes).toEqual(['disconnected: the answer to Fetch cannot be written']);
    expect(logger.lines[0]).toMatch(/The answer to Fetch v4 cannot be written.*sessionId/s);
    expect(released).toBe(1);
  });

  it('says when a handler answers twice, and sends the first answer', () => {
    const { incoming, logger } = dispatched((_b, _r, _c, respond) => {
      respond({ responses: [] });
      respond(undefined);
    });
    expect(incoming.outcomes).toEqual(['16 bytes']);
    expect(logger.lines).toEqual(['The handler of Fetch v4 answered twice.']);
  });

  it('does not close the connection for a failure after the answer', async () => {
    const { incoming, logger } = dispatched(async (_b, _r, _c, respond) => {
      respond({ responses: [] });
      throw new Error('too late');
    });
    await Promise.resolve();
    expect(incoming.outcomes).toEqual(['16 bytes']);
    expect(logger.lines).toHaveLength(1);
  });

  it('handles what comes before the start at the start', () => {
    const { dispatcher, incoming } = dispatched((_b, _r, _c, respond) => respond(undefined), false);
    expect(incoming.outcomes).toEqual([]);
    dispatcher.start();
    expect(incoming.outcomes).toEqual(['nothing']);
  });

  it('closes the connection for a body that cannot be read', () => {
    const logger = recordingLogger('error');
    const dispatcher = new RequestDispatcher(logger, handlers);
    dispatcher.start();
    const header = Buffer.from('00010004000000010000', 'hex');
    const incoming = new Incoming(Buffer.concat([header, Buffer.from('ffff', 'hex')]));
    dispatcher.dispatch(broker, incoming);
    expect(incoming.outcomes[0]).toMatch(/^disconnected: the request cannot be read: FetchRequest/);
    expect(logger.lines).toEqual([]);
  });

  it('offers to ApiVersions what it has handlers for', () => {
    const dispatcher = new RequestDispatcher(recordingLogger(), handlers);
    expect(dispatcher.supportedApis.map(({ apiKey }) => apiKey)).toEqual(
      handlers.map(({ api }) => api.key).sort((a, b) => a - b),
    );
    expect(dispatcher.supports(Apis.Fetch.key, 17)).toBe(true);
    expect(dispatcher.supports(Apis.Fetch.key, 18)).toBe(false);
    expect(dispatcher.supports(999, 0)).toBe(false);
  });
});
