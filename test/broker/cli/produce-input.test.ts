import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LineMessageReader } from '../../../broker/src/cli/produce/line-message-reader';
import { readLines } from '../../../broker/src/cli/produce/lines';
import { partitioner, partitionerName } from '../../../broker/src/cli/produce/partitioner';
import type { Random } from '../../../broker/src/io/random';

async function lines(...chunks: (string | Uint8Array)[]): Promise<string[]> {
  const source = async function* () {
    yield* chunks;
    await Promise.resolve();
  };
  const found: string[] = [];
  for await (const line of readLines(source())) found.push(line.toString('latin1'));
  return found;
}

describe('lines of standard input', () => {
  test.each([
    [['a\nb\n'], ['a', 'b']],
    [['a\nb'], ['a', 'b']],
    [['a\r\nb\rc\n\n'], ['a', 'b', 'c', '']],
    [
      ['a\r', '\nb'],
      ['a', 'b'],
    ],
    [
      ['a\r', 'b'],
      ['a', 'b'],
    ],
    [['al', 'most', '\n'], ['almost']],
    [[], []],
    [[''], []],
    [['\n'], ['']],
  ])('%j are %j', async (chunks, expected) => {
    expect(await lines(...chunks)).toEqual(expected);
  });

  test('bytes that are no text come through', async () => {
    expect(await lines(Buffer.from([0xff, 0x00, 0x0a, 0xc3]))).toEqual(['\xff\x00', '\xc3']);
  });

  test('it does not matter where the chunks are cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: fc.constantFrom('a', '\r', '\n') }), fc.nat(20), async (text, at) => {
        const cut = Math.min(at, text.length);
        expect(await lines(text.slice(0, cut), text.slice(cut))).toEqual(await lines(text));
      }),
    );
  });
});

function read(line: string, properties: Record<string, string> = {}) {
  const { key, value, headers } = new LineMessageReader(new Map(Object.entries(properties))).read(Buffer.from(line));
  return [
    key?.toString() ?? null,
    value?.toString() ?? null,
    headers.map(([k, v]) => [String(k), v?.toString() ?? null]),
  ];
}

describe("Kafka's reader of lines", () => {
  test('a line is a value', () => {
    expect(read('a\tb')).toEqual([null, 'a\tb', []]);
    expect(read('')).toEqual([null, '', []]);
  });

  test('a key stands in front of the first separator', () => {
    expect(read('k:v:w', { 'parse.key': ' TRUE ', 'key.separator': ':' })).toEqual(['k', 'v:w', []]);
    expect(read('\tv', { 'parse.key': 'true' })).toEqual(['', 'v', []]);
  });

  test('headers stand in front of the key', () => {
    const both = { 'parse.key': 'true', 'parse.headers': 'true' };
    expect(read('a:1,a:2,b:\tk\tv', both)).toEqual([
      'k',
      'v',
      [
        ['a', '1'],
        ['a', '2'],
        ['b', ''],
      ],
    ]);
  });

  test('the null marker stands for null in every place', () => {
    const all = { 'parse.key': 'true', 'parse.headers': 'true', 'null.marker': 'N' };
    expect(read('a:N\tN\tN', all)).toEqual([null, null, [['a', null]]]);
    expect(read('N\tk\tv', all)).toEqual(['k', 'v', []]);
  });

  test('a missing separator names the line, or is no error where that is asked for', () => {
    const reader = new LineMessageReader(new Map([['parse.key', 'true']]));
    reader.read(Buffer.from('a\tb'));
    expect(() => reader.read(Buffer.from('nokey'))).toThrow("No key separator found on line number 2: 'nokey'");
    expect(read('nokey', { 'parse.key': 'true', 'ignore.error': 'true' })).toEqual([null, 'nokey', []]);
    expect(() => read('h\tv', { 'parse.headers': 'true' })).toThrow(/header key separator/);
  });

  test.each([
    [{ 'headers.delimiter': ',' }, /headers.delimiter and headers.separator/],
    [{ 'null.marker': ':' }, /null.marker and headers.key.separator/],
    [{ 'key.separator': '' }, /key.separator may not be empty/],
  ])('%j cannot be told apart', (properties, message) => {
    expect(() => read('x', properties as Record<string, string>)).toThrow(message);
  });
});

describe('partitioners', () => {
  const first: Random = { bytes: (length) => Buffer.alloc(length), below: () => 0 };

  // Utils.murmur2 of Kafka's client gives -973932308, -790332482, -985981536 and -1486304829 for these.
  test.each([
    ['21', 1173551340],
    ['foobar', 1357151166],
    ['a-little-bit-long-string', 1161502112],
    ['a-little-bit-longer-string', 661178819],
  ])('%s goes where the Java client sends it', (key, positive) => {
    for (const partitions of [1, 2, 3, 7, 1000]) {
      expect(partitioner('hash', first, partitions).partition(Buffer.from(key))).toBe(positive % partitions);
    }
  });

  test('without a key, a batch stays together and the next one goes elsewhere', () => {
    for (const name of ['hash', 'sticky'] as const) {
      const each = partitioner(name, first, 3);
      expect([each.partition(null), each.partition(null)]).toEqual([0, 0]);
      each.newBatch();
      expect([each.partition(null), each.partition(null)]).toEqual([1, 1]);
    }
  });

  test('round-robin takes them in turn, whatever the key', () => {
    const each = partitioner('round-robin', first, 3);
    expect([1, 2, 3, 4].map(() => each.partition(Buffer.from('k')))).toEqual([1, 2, 0, 1]);
  });

  test('names are ours or the classes of Kafka', () => {
    expect(partitionerName('o', 'org.apache.kafka.clients.producer.RoundRobinPartitioner')).toBe('round-robin');
    expect(partitionerName('o', 'sticky')).toBe('sticky');
    expect(() => partitionerName('--partitioner', 'mine')).toThrow('--partitioner mine: hash, round-robin, sticky');
  });
});
