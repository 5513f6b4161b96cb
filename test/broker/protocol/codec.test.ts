import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodedEnd, decodeMessage, encodeMessage, encodeToBuffer, toBuffer } from '../../../broker/src/protocol/codec';
import type { Chunk } from '../../../broker/src/protocol/codec';
import { ProtocolError } from '../../../broker/src/protocol/errors';
import { FetchRequest, FetchResponse } from '../../../broker/src/protocol/messages/fetch';
import { ApiVersionsResponse } from '../../../broker/src/protocol/messages/api-versions';
import { ListOffsetsRequest } from '../../../broker/src/protocol/messages/list-offsets';
import { MetadataRequest } from '../../../broker/src/protocol/messages/metadata';
import { OffsetFetchRequest } from '../../../broker/src/protocol/messages/offset-fetch';
import { ProduceRequest, ProduceResponse } from '../../../broker/src/protocol/messages/produce';
import { array, bytes, int32, message, string, struct } from '../../../broker/src/protocol/schema';
import type { InputOf } from '../../../broker/src/protocol/schema';
import type { FileRange } from '../../../broker/src/io/files';
import { goldenInstances, readGolden } from './golden';
import { apiMessages, otherMessages, versionsOf } from './schemas';
import { constant, makeValue, seeded, seedOf, tape, withDefaults } from './values';

const pairs = versionsOf([...apiMessages, ...otherMessages]);

/** A file range with nothing behind it: encoding must not touch the file. */
function rangeOf(length: number): FileRange {
  return { file: undefined as unknown as FileRange['file'], position: 0, length, hot: false, release: () => undefined };
}

test('the API messages are 572 pairs of message and version', () => {
  expect(apiMessages.length).toBe(124);
  expect(versionsOf(apiMessages).length).toBe(572);
});

test('every version of every message comes back as it was', () => {
  for (const { schema, version } of pairs) {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 400, size: 'max' }), (numbers) => {
        const value = makeValue(schema, version, tape(numbers), { long: true });
        const encoded = encodeToBuffer(schema, version, value);
        const decoded = decodeMessage(schema, version, encoded);
        expect(decodedEnd()).toBe(encoded.length);
        expect(decoded).toEqual(withDefaults(schema.fields, value));
        expect(encodeToBuffer(schema, version, decoded as InputOf<typeof schema>).equals(encoded)).toBe(true);
      }),
      { numRuns: 10, seed: seedOf(schema.name, version, 0) },
    );
  }
});

test('every version of every message has the bytes that Kafka gives it', () => {
  const golden = readGolden();
  expect(golden.size).toBe(pairs.length);
  for (const { schema, version } of pairs) {
    const theirs = golden.get(`${schema.name} ${version}`)!;
    goldenInstances(schema, version).forEach((value, i) => {
      expect(encodeToBuffer(schema, version, value).toString('hex'), `${schema.name} ${version}`).toBe(
        theirs[i].toString('hex'),
      );
      expect(decodeMessage(schema, version, theirs[i])).toEqual(withDefaults(schema.fields, value));
    });
  }
});

describe('damaged bytes', () => {
  /** Decodes; whatever is no message must be a ProtocolError that names the message. */
  function decodes(schema: (typeof pairs)[number]['schema'], version: number, bytes: Buffer): boolean {
    try {
      decodeMessage(schema, version, bytes);
      return true;
    } catch (error) {
      if (!(error instanceof ProtocolError) || !error.message.startsWith(schema.name)) throw error;
      return false;
    }
  }

  test('a message cut short anywhere is refused', () => {
    for (const { schema, version } of pairs) {
      const value = makeValue(schema, version, seeded(seedOf(schema.name, version, 77)), { long: false });
      const encoded = encodeToBuffer(schema, version, value);
      for (let length = 0; length < encoded.length; length++) {
        // A copy of its own: reading behind the end must not find the rest.
        const cut = Buffer.from(encoded.subarray(0, length));
        if (decodes(schema, version, cut)) throw new Error(`${schema.name} ${version} took ${length} of its bytes`);
      }
    }
  });

  test('random and changed bytes give a message or a ProtocolError', () => {
    let taken = 0;
    let refused = 0;
    for (const { schema, version } of pairs) {
      const choices = seeded(seedOf(schema.name, version, 99));
      for (let i = 0; i < 150; i++) {
        let bytes: Buffer;
        if (i % 3 === 0) {
          bytes = Buffer.from(Array.from({ length: choices.draw(120) }, () => choices.draw(256)));
        } else {
          bytes = Buffer.from(encodeToBuffer(schema, version, makeValue(schema, version, choices, { long: false })));
          for (let n = choices.draw(4); n >= 0 && bytes.length > 0; n--) {
            bytes[choices.draw(bytes.length)] = [0, 1, 127, 128, 255, choices.draw(256)][choices.draw(6)];
          }
        }
        if (decodes(schema, version, bytes)) taken++;
        else refused++;
      }
    }
    expect(taken).toBeGreaterThan(10_000);
    expect(refused).toBeGreaterThan(10_000);
  });

  test('lengths and counts that lie are refused before anything is made for them', () => {
    const metadata = (hex: string): (() => unknown) => {
      return () => decodeMessage(MetadataRequest, 1, Buffer.from(hex, 'hex'));
    };
    expect(metadata('7fffffff')).toThrow('MetadataRequest.topics: a count of 2147483647, and 0 bytes are left');
    expect(metadata('fffffffe')).toThrow('MetadataRequest.topics: a length of -2');
    expect(metadata('000000017fff')).toThrow('MetadataRequest.topics.name: a length of 32767, and 0 bytes are left');
    expect(metadata('00000001ffff')).toThrow('MetadataRequest.topics.name: must not be null');
    expect(metadata('0000000100')).toThrow('MetadataRequest.topics: a count of 1, and 1 bytes are left');
    const flexible = (hex: string): (() => unknown) => {
      return () => decodeMessage(MetadataRequest, 9, Buffer.from(hex, 'hex'));
    };
    expect(flexible('ffffffff0f')).toThrow('MetadataRequest.topics: a count of 4294967294, and 0 bytes are left');
    expect(flexible('ffffffffff01')).toThrow('MetadataRequest.topics: a varint of more than 5 bytes');
    expect(flexible('ffff')).toThrow('MetadataRequest.topics: the message ends within a varint');
    expect(flexible('0100000001057f')).toThrow('MetadataRequest: a tagged field of 127, and 0 bytes are left');
  });

  test('a frame of nothing but tiny elements is refused at the limit', () => {
    const many = Buffer.alloc(3_000_005, 1);
    many.set([0xc1, 0x8d, 0xb7, 0x01], 0); // 3,000,000 elements
    const names = message('Names', { versions: '0', flexible: '0+' }, { names: array(string()) });
    expect(() => decodeMessage(names, 0, many)).toThrow(/^Names.names: with these 3000000 the message has more than/);
  });

  test('a string of more than 32767 bytes is refused, compact too', () => {
    const encode = (length: number): Buffer => {
      const size = length + 1;
      const head = [2, ...Buffer.alloc(16), (size & 127) | 128, ((size >> 7) & 127) | 128, size >> 14];
      return Buffer.concat([Buffer.from(head), Buffer.alloc(length, 0x61), Buffer.alloc(9)]);
    };
    expect(decodeMessage(MetadataRequest, 12, encode(32767)).topics![0].name!.length).toBe(32767);
    expect(() => decodeMessage(MetadataRequest, 12, encode(32768))).toThrow(
      'MetadataRequest.topics.name: a string of 32768 bytes; 32767 at most',
    );
  });

  test('a field that fails in a run of fixed fields is named', () => {
    expect(() => decodeMessage(FetchRequest, 4, Buffer.alloc(9))).toThrow(
      'FetchRequest.minBytes: needs 4 bytes, and 1 are left',
    );
  });

  test('a tagged field whose size is not that of its value is refused', () => {
    const good = encodeToBuffer(FetchRequest, 12, {
      clusterId: 'abc',
      maxWaitMs: 0,
      minBytes: 0,
      topics: [],
      forgottenTopicsData: [],
    });
    const size = good.length - 5;
    expect(good[size]).toBe(4);
    good[size] = 3;
    expect(() => decodeMessage(FetchRequest, 12, good)).toThrow(
      'FetchRequest.clusterId: a tagged field of 3 bytes holds a value of 4',
    );
  });
});

describe('64-bit fields', () => {
  test('a number beyond 2^53 is refused, both ways', () => {
    const request = (fetchOffset: number): InputOf<typeof FetchRequest> => ({
      maxWaitMs: 0,
      minBytes: 0,
      topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1 }] }],
    });
    for (const offset of [
      0,
      -1,
      2 ** 32 - 1,
      2 ** 32,
      -(2 ** 32) - 1,
      Number.MAX_SAFE_INTEGER,
      Number.MIN_SAFE_INTEGER,
    ]) {
      const encoded = encodeToBuffer(FetchRequest, 4, request(offset));
      expect(decodeMessage(FetchRequest, 4, encoded).topics[0].partitions[0].fetchOffset).toBe(offset);
    }
    for (const offset of [2 ** 53, -(2 ** 53), 0.5, NaN]) {
      expect(() => encodeToBuffer(FetchRequest, 4, request(offset))).toThrow(
        `FetchRequest.topics.partitions.fetchOffset: ${offset} is not an integer within 2^53`,
      );
    }
    const encoded = encodeToBuffer(FetchRequest, 4, request(7));
    const at = encoded.indexOf(Buffer.from([0, 0, 0, 0, 0, 0, 0, 7]));
    for (const value of [2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)]) {
      encoded.writeBigInt64BE(value, at);
      expect(() => decodeMessage(FetchRequest, 4, encoded)).toThrow(`fetchOffset: ${value} is beyond 2^53`);
    }
  });

  test('a wide field takes any int64', () => {
    for (const timestamp of [0n, -1n, -2n, 2n ** 63n - 1n, -(2n ** 63n)]) {
      const encoded = encodeToBuffer(ListOffsetsRequest, 1, {
        replicaId: -1,
        topics: [{ name: 't', partitions: [{ partitionIndex: 0, timestamp }] }],
      });
      expect(decodeMessage(ListOffsetsRequest, 1, encoded).topics[0].partitions[0].timestamp).toBe(timestamp);
    }
  });
});

describe('versions', () => {
  test('a version that the message does not have is refused', () => {
    for (const version of [-1, 12, 1.5, NaN]) {
      expect(() => decodeMessage(ProduceRequest, version, Buffer.alloc(9))).toThrow(
        `ProduceRequest: no version ${version}, versions are 0 to 11`,
      );
    }
  });

  test('a value that the version cannot carry is refused, unless the field may be ignored', () => {
    const groups = [{ groupId: 'g', topics: null }];
    expect(() => encodeToBuffer(OffsetFetchRequest, 7, { groupId: 'g', topics: null, groups })).toThrow(
      'OffsetFetchRequest.groups: version 7 has no such field',
    );
    expect(encodeToBuffer(OffsetFetchRequest, 7, { groupId: 'g', topics: null, groups: [] }).length).toBe(5);
    const ignorable = { responses: [], throttleTimeMs: 5 };
    expect(encodeToBuffer(ProduceResponse, 0, ignorable).length).toBe(4);
  });

  test('null is refused where the version does not allow it', () => {
    expect(encodeToBuffer(MetadataRequest, 1, { topics: null }).toString('hex')).toBe('ffffffff');
    expect(() => encodeToBuffer(MetadataRequest, 0, { topics: null })).toThrow(
      'MetadataRequest.topics: null is not allowed in version 0',
    );
  });

  test('fields that are left out get their defaults', () => {
    const encoded = encodeToBuffer(FetchRequest, 12, { maxWaitMs: 1, minBytes: 2, topics: [] });
    expect(decodeMessage(FetchRequest, 12, encoded)).toEqual({
      clusterId: null,
      replicaId: -1,
      replicaState: { replicaId: -1, replicaEpoch: -1n },
      maxWaitMs: 1,
      minBytes: 2,
      maxBytes: 0x7fffffff,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [],
      forgottenTopicsData: [],
      rackId: '',
    });
  });

  test('a value of the wrong type is refused by name', () => {
    const wrong = (acks: unknown): InputOf<typeof ProduceRequest> => ({
      acks: acks as number,
      timeoutMs: 1,
      topicData: [],
    });
    for (const acks of [undefined, null, '1', 40_000, 0.5]) {
      expect(() => encodeToBuffer(ProduceRequest, 3, wrong(acks))).toThrow(
        `ProduceRequest.acks: ${acks} is not an int16`,
      );
    }
    expect(() => encodeToBuffer(MetadataRequest, 0, undefined as never)).toThrow('MetadataRequest: undefined is not');
  });

  test('unknown tagged fields are skipped', () => {
    const encoded = encodeToBuffer(FetchRequest, 12, { maxWaitMs: 1, minBytes: 2, topics: [] });
    expect(encoded[encoded.length - 1]).toBe(0);
    const tags = Buffer.from([3, 0, 4, 4, 0x61, 0x62, 0x63, 90, 2, 1, 1, 91, 0]);
    const more = Buffer.concat([encoded.subarray(0, -1), tags]);
    expect(decodeMessage(FetchRequest, 12, more).clusterId).toBe('abc');
    expect(decodedEnd()).toBe(more.length);
  });

  test('bytes behind a message are left alone', () => {
    const encoded = Buffer.concat([encodeToBuffer(MetadataRequest, 1, { topics: [] }), Buffer.from('rest')]);
    expect(decodeMessage(MetadataRequest, 1, encoded)).toMatchObject({ topics: [] });
    expect(decodedEnd()).toBe(4);
  });
});

describe('chunks', () => {
  function produce(records: InputOf<typeof ProduceRequest>['topicData'][number]['partitionData'][number]['records']) {
    return encodeMessage(ProduceRequest, 9, {
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ name: 'topic', partitionData: [{ index: 0, records }] }],
    });
  }

  test('record bytes are sent as they are, and read as a slice', () => {
    const records = Buffer.alloc(100_000, 7);
    const chunks = produce(records);
    expect(chunks.length).toBe(3);
    expect(chunks[1]).toBe(records);
    const frame = toBuffer('ProduceRequest', chunks);
    const decoded = decodeMessage(ProduceRequest, 9, frame).topicData[0].partitionData[0].records!;
    expect(decoded.equals(records)).toBe(true);
    expect(decoded.buffer).toBe(frame.buffer);
    frame[decoded.byteOffset - frame.byteOffset] = 9;
    expect(decoded[0]).toBe(9);
  });

  test('file ranges and buffers stand between the bytes around them, in order', () => {
    const [first, second] = [rangeOf(5000), rangeOf(0)];
    const buffer = Buffer.alloc(2000, 1);
    const chunks = encodeMessage(FetchResponse, 4, {
      responses: [
        {
          topic: 't',
          partitions: [
            { partitionIndex: 0, errorCode: 0, highWatermark: 9, abortedTransactions: null, records: [first, buffer] },
            { partitionIndex: 1, errorCode: 0, highWatermark: 9, abortedTransactions: null, records: second },
            { partitionIndex: 2, errorCode: 0, highWatermark: 9, abortedTransactions: null, records: null },
          ],
        },
      ],
    });
    expect(chunks.map((chunk) => (Buffer.isBuffer(chunk) && chunk !== buffer ? 'bytes' : chunk))).toEqual([
      'bytes',
      first,
      buffer,
      'bytes',
      second,
      'bytes',
    ]);
    const whole = toBuffer(
      'FetchResponse',
      chunks.map((chunk: Chunk) => (Buffer.isBuffer(chunk) ? chunk : Buffer.alloc(chunk.length, 2))),
    );
    const partitions = decodeMessage(FetchResponse, 4, whole).responses[0].partitions;
    expect(partitions.map((each) => each.records?.length)).toEqual([7000, 0, undefined]);
    expect(partitions.map((each) => each.highWatermark)).toEqual([9, 9, 9]);
    expect(() => toBuffer('FetchResponse', chunks)).toThrow('FetchResponse: records in a file are not bytes in memory');
  });

  test('a message that was encoded stays what it is while others are encoded', () => {
    const kept: { chunks: Chunk[]; copy: Buffer }[] = [];
    for (let i = 0; i < 3000; i++) {
      const chunks = produce(Buffer.alloc(i % 1500, i));
      kept.push({ chunks, copy: Buffer.from(toBuffer('', chunks)) });
    }
    for (const { chunks, copy } of kept) expect(toBuffer('', chunks).equals(copy)).toBe(true);
  });

  test('a failed encoding leaves nothing behind', () => {
    const good = Buffer.from(toBuffer('', produce(Buffer.alloc(3000, 1))));
    expect(() =>
      encodeMessage(ProduceRequest, 9, {
        acks: 1,
        timeoutMs: 1,
        topicData: [
          { name: 'a', partitionData: [{ index: 0, records: rangeOf(100_000) }] },
          { name: 'b'.repeat(40_000), partitionData: [] },
        ],
      }),
    ).toThrow('ProduceRequest.topicData.name: a string of 40000 bytes; 32767 at most');
    expect(toBuffer('', produce(Buffer.alloc(3000, 1))).equals(good)).toBe(true);
  });

  test('messages larger than any slab', () => {
    const topics = Array.from({ length: 20_000 }, (_, i) => ({ name: `topic-${i}-${'ü'.repeat(i % 90)}` }));
    const encoded = encodeToBuffer(MetadataRequest, 9, { topics });
    expect(decodeMessage(MetadataRequest, 9, encoded).topics!.map((topic) => topic.name)).toEqual(
      topics.map((topic) => topic.name),
    );
  });
});

test('tagged values of every length of size', () => {
  for (const count of [1, 2, 20, 2500, 190_000]) {
    const supportedFeatures = Array.from({ length: count }, (_, i) => ({
      name: `f${i}`,
      minVersion: 1,
      maxVersion: i % 100,
    }));
    const encoded = encodeToBuffer(ApiVersionsResponse, 3, {
      errorCode: 0,
      apiKeys: [],
      throttleTimeMs: 4,
      supportedFeatures,
      zkMigrationReady: true,
    });
    const decoded = decodeMessage(ApiVersionsResponse, 3, encoded);
    expect(decoded.supportedFeatures).toEqual(supportedFeatures);
    expect(decoded.zkMigrationReady).toBe(true);
    expect(decodedEnd()).toBe(encoded.length);
  }
});

test('the extremes of every message', () => {
  for (const { schema, version } of pairs) {
    for (const choice of [1, 2, 3, 5, 7]) {
      const value = makeValue(schema, version, constant(choice), { long: true });
      const encoded = encodeToBuffer(schema, version, value);
      expect(decodeMessage(schema, version, encoded)).toEqual(withDefaults(schema.fields, value));
    }
  }
});

test('a nullable structure, and bytes in a schema of our own', () => {
  const schema = message(
    'Mine',
    { versions: '0-1', flexible: '1+' },
    {
      maybe: struct({ data: bytes({ nullable: true }), numbers: array(int32()) }, { nullable: '1+' }),
      last: int32(),
    },
  );
  expect(encodeToBuffer(schema, 1, { maybe: null, last: 1 }).toString('hex')).toBe('ff0000000100');
  const value = { maybe: { data: Buffer.alloc(2000, 3), numbers: [1, -1] }, last: -5 };
  for (const version of [0, 1]) {
    expect(decodeMessage(schema, version, encodeToBuffer(schema, version, value))).toEqual(value);
  }
  expect(() => encodeToBuffer(schema, 0, { maybe: null, last: 1 })).toThrow('Mine.maybe: null is not allowed');
});
