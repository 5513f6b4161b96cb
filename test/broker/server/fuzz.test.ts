import { afterAll, beforeAll, expect, it } from 'vitest';
import { Apis, apis, type Api } from '../../../broker/src/protocol/api-keys';
import { toBuffer } from '../../../broker/src/protocol/codec';
import { encodeRequest } from '../../../broker/src/protocol/headers';
import { handlers } from '../../../broker/src/server/handlers';
import { startCluster, type TestCluster } from '../../../broker/src/testing';
import { seeded, type Choices } from '../protocol/values';
import { BrokerClient, valuesOf } from './broker-client';
import { isOfController, makeRequest, versionsOfApis, type Existing } from './made-up-requests';
import { framed, RawConnection, rawRequest } from './raw-connection';
import { recordingLogger } from './recording-logger';

/** ODRADEK_FUZZ_FRAMES=1000000 for the long run; a failure is played again with ODRADEK_FUZZ_SEED. */
const frames = Number(process.env.ODRADEK_FUZZ_FRAMES ?? 12_000);
const seed = Number(process.env.ODRADEK_FUZZ_SEED ?? 1);

const connections = 16;
const framesPerBatch = 16;
/** An answer that somebody has to be waited for is not waited for here, milliseconds. */
const patienceMs = 200;
const originals = 2_000;

/** APIs that make files, and those of the controller, who is believed. */
const kept = new Set<number>(
  [Apis.CreateTopics, Apis.CreatePartitions, ...Object.values(Apis).filter(isOfController)].map(({ key }) => key),
);

const logger = recordingLogger('error');
let cluster: TestCluster;
let existing: Existing;

beforeAll(async () => {
  cluster = await startCluster({ logger, config: { 'auto.create.topics.enable': false } });
  using client = await BrokerClient.connect(cluster.bootstrapServers);
  const topicIds = [await client.createTopic('topic-a', 2), await client.createTopic('topic-b')];
  existing = { topics: ['topic-a', 'topic-b', 'topic-c'], topicIds, groups: ['group-a', 'group-b'] };
  await client.groupCoordinatorIsThere();
});
afterAll(() => cluster.close());

interface Sent {
  answered: number;
  closed: number;
  unanswered: number;
  readonly byKind: Map<string, number>;
}

/** Frames to be sent, each made when it is asked for. */
class Frames {
  readonly #choices: Choices;
  readonly #originals: readonly Buffer[];
  readonly #sent: Sent;
  #left: number;

  constructor(choices: Choices, count: number, sent: Sent) {
    this.#choices = choices;
    this.#left = count;
    this.#sent = sent;
    const versions = versionsOfApis(handlers.map(({ api }) => api.key));
    this.#originals = Array.from({ length: originals }, () => {
      const [, version, api] = versions[choices.draw(versions.length)];
      return requestFrame(api, version, choices);
    });
  }

  /** A request whose correlation id is that number, or something that is no request. */
  next(correlationId: number): Buffer | undefined {
    if (this.#left === 0) return undefined;
    this.#left--;
    const { draw } = this.#choices;
    const [kind, frame] = this.#make((n) => draw.call(this.#choices, n));
    this.#sent.byKind.set(kind, (this.#sent.byKind.get(kind) ?? 0) + 1);
    if (frame.length >= 12) frame.writeInt32BE(correlationId, 8);
    return frame;
  }

  #make(draw: (n: number) => number): readonly [kind: string, frame: Buffer] {
    const randomBytes = (length: number) => Buffer.from(Array.from({ length }, () => draw(256)));
    switch (draw(20)) {
      case 0:
        return ['random bytes', framed(randomBytes(draw(64)))];
      case 1: {
        const keys = [...apis.keys()];
        const apiKey = draw(4) === 0 ? draw(65536) - 32768 : keys[draw(keys.length)];
        return ['random body', framed(rawRequest(apiKey, draw(20) - 1, 0, randomBytes(draw(100))))];
      }
      case 2: {
        const frame = this.#original(draw);
        frame.writeInt32BE(draw(2) === 0 ? 2 ** 31 - 1 - draw(1000) : -draw(2 ** 31), 0);
        return ['lying length', frame];
      }
      case 3: {
        const whole = this.#original(draw);
        const cut = whole.subarray(4, 4 + draw(whole.length - 4));
        return ['cut short', framed(cut)];
      }
      case 4:
        return [
          'longer than it should be',
          framed(Buffer.concat([this.#original(draw).subarray(4), randomBytes(draw(20))])),
        ];
      case 5:
      case 6:
        return ['valid', this.#original(draw)];
      default: {
        const frame = this.#original(draw);
        // By chance they would ask for any number of topics with any number of partitions: that is about load.
        if (kept.has(frame.readInt16BE(4))) return ['valid', frame];
        for (let changes = 1 + draw(4); changes > 0; changes--) {
          const at = 12 + draw(frame.length - 12);
          // Lengths and counts are where it matters: their extremes are likelier than by chance.
          frame[at] = [0, 1, 0x7f, 0x80, 0xff, frame[at] ^ (1 << draw(8)), draw(256)][draw(7)];
        }
        return ['mutated', frame];
      }
    }
  }

  #original(draw: (n: number) => number): Buffer {
    return Buffer.from(this.#originals[draw(this.#originals.length)]);
  }
}

function requestFrame(api: Api, version: number, choices: Choices): Buffer {
  const request = makeRequest(api, version, choices, existing);
  if (api === Apis.CreateTopics) {
    // Topics cost files: these few are created once.
    for (const topic of request.topics as { name: string }[]) topic.name = existing.topics[choices.draw(3)];
  }
  return toBuffer(api.name, encodeRequest(api, version, 0, 'fuzz', request as never));
}

/** Sends batches, and after each something that is always answered; what closes a connection is followed by the rest. */
async function sendAll(source: Frames, sent: Sent): Promise<void> {
  let correlationId = 1;
  let batch: { readonly id: number; readonly frame: Buffer }[] = [];
  for (;;) {
    using connection = await RawConnection.connect(cluster.bootstrapServers);
    for (;;) {
      while (batch.length < framesPerBatch) {
        const frame = source.next(correlationId);
        if (!frame) break;
        batch.push({ id: correlationId++, frame });
      }
      if (batch.length === 0) return;
      const last = correlationId++;
      connection.send(Buffer.concat([...batch.map(({ frame }) => frame), framed(rawRequest(18, 0, last))]));
      const lastAnswered = await answersUpTo(connection, last, sent);
      if (lastAnswered === last) {
        batch = [];
        continue;
      }
      // The frame behind the last answer has closed the connection, or is not answered soon.
      if (connection.isClosed) sent.closed++;
      else sent.unanswered++;
      batch = batch.slice(batch.findIndex(({ id }) => id > lastAnswered) + 1);
      break;
    }
  }
}

async function answersUpTo(connection: RawConnection, last: number, sent: Sent): Promise<number> {
  let lastAnswered = 0;
  for (;;) {
    for (const answer of connection.take()) {
      lastAnswered = answer.readInt32BE(0);
      sent.answered++;
    }
    if (lastAnswered === last || connection.isClosed) return lastAnswered;
    let timer: NodeJS.Timeout | undefined;
    const isTooLate = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(true), patienceMs);
    });
    const late = await Promise.race([connection.heard().then(() => false), isTooLate]);
    clearTimeout(timer);
    if (late) return lastAnswered;
  }
}

it(
  `${frames} frames, of which few are requests, end no broker (seed ${seed})`,
  async () => {
    const sent: Sent = { answered: 0, closed: 0, unanswered: 0, byKind: new Map() };
    const startedMs = performance.now();
    const rss = process.memoryUsage().rss;
    const each = Math.ceil(frames / connections);
    await Promise.all(
      Array.from({ length: connections }, (_, i) => sendAll(new Frames(seeded(seed * 1000 + i), each, sent), sent)),
    );
    if (process.env.ODRADEK_FUZZ_FRAMES !== undefined) {
      console.info(
        `${frames} frames in ${Math.round((performance.now() - startedMs) / 1000)} s: ${sent.answered} answers, ` +
          `${sent.closed} connections closed by the broker, ${sent.unanswered} left without an answer; ` +
          `${[...sent.byKind].map(([kind, count]) => `${kind}: ${count}`).join(', ')}; ` +
          `RSS of broker and test ${Math.round(rss / 1e6)} MB before, ${Math.round(process.memoryUsage().rss / 1e6)} MB after`,
      );
    }
    expect(logger.lines.slice(0, 3)).toEqual([]);
    // Of everything there was much: this is no test of an error in the test.
    expect(sent.answered).toBeGreaterThan(frames / 4);
    expect(sent.closed).toBeGreaterThan(frames / 20);
    using client = await BrokerClient.connect(cluster.bootstrapServers);
    await client.createTopic('afterwards');
    await client.produceValues('afterwards', 'alive');
    expect(valuesOf(await client.fetch('afterwards', 0))).toEqual(['alive']);
  },
  60 * 60_000,
);
