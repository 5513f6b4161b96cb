import { describe, expect, test } from 'vitest';
import { messageFormatter, type ConsumedRecord } from '../../../broker/src/cli/consume/message-formatter';
import { rangeAssigner } from '../../../broker/src/cli/consume/range-assignor';
import { readFetched, type FetchedPartition } from '../../../broker/src/cli/consume/record-reader';
import { TimestampType } from '../../../broker/src/records/batch-header';
import { buildBatch } from '../../../broker/src/records/build-batch';
import { buildEndTransactionMarker, ControlRecordType } from '../../../broker/src/records/control-records';

const record: ConsumedRecord = {
  topic: 't',
  partition: 2,
  offset: 7,
  timestamp: 1700000000000,
  timestampType: TimestampType.CREATE_TIME,
  key: Buffer.from('k'),
  value: Buffer.from('v'),
  headers: [
    { key: 'a', value: Buffer.from('1') },
    { key: 'b', value: null },
  ],
};

function show(properties: Record<string, string>, changes: Partial<ConsumedRecord> = {}): string {
  let shown = '';
  const formatter = messageFormatter(undefined, new Map(Object.entries(properties)));
  formatter.write({ ...record, ...changes }, (bytes) => (shown += bytes.toString()));
  return shown;
}

const everything = {
  'print.timestamp': 'true',
  'print.partition': 'true',
  'print.offset': 'true',
  'print.headers': 'true',
  'print.key': 'true',
};

describe("Kafka's formatter", () => {
  test.each([
    [{}, {}, 'v\n'],
    [everything, {}, 'CreateTime:1700000000000\tPartition:2\tOffset:7\ta:1,b:null\tk\tv\n'],
    [everything, { headers: [], key: null, value: null }, /Offset:7\tNO_HEADERS\tnull\tnull\n$/],
    [{ 'print.timestamp': 'true' }, { timestampType: TimestampType.LOG_APPEND_TIME }, /^LogAppendTime:1700000000000\t/],
    [{ 'print.timestamp': 'true' }, { timestampType: TimestampType.NO_TIMESTAMP_TYPE }, 'NO_TIMESTAMP\tv\n'],
    [{ 'print.value': 'false', 'print.key': 'true' }, {}, 'k\n'],
    [{ 'print.value': 'false' }, {}, ''],
    [{ 'print.key': ' TRUE ', 'key.separator': '=>', 'line.separator': '|' }, {}, 'k=>v|'],
    [{ 'print.headers': 'true', 'headers.separator': ';', 'null.literal': '-' }, {}, 'a:1;b:-\tv\n'],
    [
      { 'value.deserializer': 'org.apache.kafka.common.serialization.LongDeserializer' },
      { value: Buffer.alloc(8, 1) },
      '72340172838076673\n',
    ],
    [{ 'value.deserializer': 'IntegerDeserializer' }, { value: Buffer.from([255, 255, 255, 254]) }, '-2\n'],
  ])('%j', (properties, changes, expected) => {
    const shown = show(properties as Record<string, string>, changes as Partial<ConsumedRecord>);
    if (typeof expected === 'string') expect(shown).toBe(expected);
    else expect(shown).toMatch(expected);
  });

  test('a class that is not there is an error that names those that are', () => {
    expect(() => show({ 'key.deserializer': 'com.example.Mine' })).toThrow(/com.example.Mine: .*LongDeserializer/);
    expect(() => messageFormatter('kafka.tools.Mine', new Map())).toThrow(/--formatter kafka.tools.Mine/);
  });

  test('bytes of another length than a deserializer takes are an error', () => {
    expect(() => show({ 'value.deserializer': 'LongDeserializer' })).toThrow('Size of data received is not 8, but 1');
  });
});

function fetched(
  batches: readonly Buffer[],
  aborted: FetchedPartition['abortedTransactions'] = null,
): FetchedPartition {
  return {
    partitionIndex: 0,
    errorCode: 0,
    highWatermark: 0,
    lastStableOffset: 0,
    logStartOffset: 0,
    divergingEpoch: { epoch: -1, endOffset: -1 },
    currentLeader: { leaderId: -1, leaderEpoch: -1 },
    snapshotId: { epoch: -1, endOffset: -1 },
    abortedTransactions: aborted,
    preferredReadReplica: -1,
    records: Buffer.concat(batches),
  };
}

const data = (baseOffset: number, values: readonly string[], transaction?: { producerId: number }) =>
  buildBatch({
    baseOffset,
    records: values.map((value) => ({ value, timestamp: 1 })),
    ...(transaction === undefined ? {} : { ...transaction, producerEpoch: 0, baseSequence: 0, transactional: true }),
  });

const marker = (offset: number, producerId: number, type: ControlRecordType): Buffer => {
  const built = buildEndTransactionMarker({
    type,
    producerId,
    producerEpoch: 0,
    coordinatorEpoch: 0,
    timestamp: 1,
    partitionLeaderEpoch: 0,
  });
  built.writeBigInt64BE(BigInt(offset), 0);
  return built;
};

function valuesOf(partition: FetchedPartition, position: number) {
  let next = position;
  const values = [...readFetched('t', partition, position, (to) => (next = to))].map(({ value }) => String(value));
  return { values, next };
}

describe('what a fetch brings', () => {
  test('records in front of the position are left out', () => {
    expect(valuesOf(fetched([data(10, ['a', 'b', 'c'])]), 12)).toEqual({ values: ['c'], next: 13 });
  });

  test('markers are passed over', () => {
    const batches = [data(0, ['a'], { producerId: 5 }), marker(1, 5, ControlRecordType.COMMIT), data(2, ['b'])];
    expect(valuesOf(fetched(batches), 0)).toEqual({ values: ['a', 'b'], next: 3 });
  });

  test('of two transactions of one producer, only the aborted one is left out', () => {
    const batches = [
      data(0, ['lost'], { producerId: 5 }),
      data(1, ['other'], { producerId: 6 }),
      marker(2, 5, ControlRecordType.ABORT),
      data(3, ['kept'], { producerId: 5 }),
      marker(4, 5, ControlRecordType.COMMIT),
      data(5, ['lost too'], { producerId: 5 }),
      marker(6, 5, ControlRecordType.ABORT),
    ];
    const aborted = [
      { producerId: 5, firstOffset: 0 },
      { producerId: 5, firstOffset: 5 },
    ];
    expect(valuesOf(fetched(batches, aborted), 0)).toEqual({ values: ['other', 'kept'], next: 7 });
  });

  test('a last batch that was cut short is fetched again', () => {
    const whole = [data(0, ['a']), data(1, ['b']).subarray(0, -1)];
    expect(valuesOf(fetched(whole), 0)).toEqual({ values: ['a'], next: 1 });
  });

  test('a CRC that does not agree is an error that says where', () => {
    const bad = data(3, ['a']);
    bad[bad.length - 1] ^= 1;
    expect(() => valuesOf(fetched([bad]), 0)).toThrow(/t-0 at offset 3 is corrupt/);
  });
});

describe('the range assignor', () => {
  const metadata = {
    topics: new Map([
      ['t', { partitionsCount: 7 }],
      ['u', { partitionsCount: 1 }],
    ]),
  };
  const assign = (subscriptions: Record<string, string[]>) => {
    const members = new Map(
      Object.entries(subscriptions).map(([memberId, topics]) => [memberId, { memberId, version: 1, topics }]),
    );
    const assigned = rangeAssigner(
      '',
      members,
      new Set(['t', 'u']),
      metadata as unknown as Parameters<typeof rangeAssigner>[3],
    );
    return Object.fromEntries(
      assigned.map(({ memberId, assignments }) => [
        memberId,
        Object.fromEntries([...assignments].map(([topic, { partitions }]) => [topic, partitions])),
      ]),
    );
  };

  test('gives ranges in order of the member ids, the first ones one more', () => {
    expect(assign({ c: ['t'], a: ['t', 'u'], b: ['t', 'u'] })).toEqual({
      a: { t: [0, 1, 2], u: [0] },
      b: { t: [3, 4] },
      c: { t: [5, 6] },
    });
  });

  test('gives nothing to members that there are no partitions for', () => {
    expect(assign({ a: ['u'], b: ['u'] })).toEqual({ a: { u: [0] }, b: {} });
  });
});
