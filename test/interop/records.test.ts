import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildBatch } from '../../broker/src/records/build-batch';
import { CompressionType, compressionName } from '../../broker/src/records/compression-type';
import { buildEndTransactionMarker, ControlRecordType } from '../../broker/src/records/control-records';
import { downConvert } from '../../broker/src/records/down-convert';
import { readRecordSet } from '../../broker/src/records/read-records';
import golden from '../broker/records/legacy-sets.json';

const kafka = join(__dirname, '../peers/kafka');
const codecs = Object.values(CompressionType);
const recordsPerBatch = 40;

/** Several blocks of every codec in one batch. */
function batchOf(compression: CompressionType, baseOffset: number): Buffer {
  return buildBatch({
    baseOffset,
    compression,
    partitionLeaderEpoch: 5,
    records: Array.from({ length: recordsPerBatch }, (_, i) => ({
      key: i % 5 === 0 ? null : `key-${i}`,
      value: i % 7 === 0 ? null : `${compressionName(compression)} ${i} `.repeat(i * 30 + 1),
      headers: i % 3 === 0 ? [{ key: `h${i}`, value: Buffer.from('x') }] : [],
      timestamp: 1_700_000_000_000 + i,
    })),
  });
}

describe('batches that we build, read by Apache Kafka', () => {
  let directory: string;
  let dump: string[];

  /** Each set of records is one file; the dump tool wants them in a directory named for a partition. */
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'odradek-records-'));
    const files: string[] = [];
    const write = (topic: string, bytes: Buffer) => {
      mkdirSync(join(directory, `${topic}-0`));
      const file = join(directory, `${topic}-0`, '00000000000000000000.log');
      writeFileSync(file, bytes);
      files.push(file);
    };
    const marker = buildEndTransactionMarker({
      type: ControlRecordType.COMMIT,
      producerId: 12,
      producerEpoch: 3,
      coordinatorEpoch: 9,
      timestamp: 1_700_000_000_000,
    });
    write('format2', Buffer.concat(codecs.map((codec, index) => batchOf(codec, index * recordsPerBatch))));
    write('marker', marker);
    write(
      'horizon',
      buildBatch({ records: [{ key: 'k', timestamp: 50, offset: 3 }], lastOffset: 9, deleteHorizonMs: 99 }),
    );
    write('appendtime', buildBatch({ records: [{ value: 'v', timestamp: 1 }], logAppendTime: 77 }));
    const old = codecs.filter((codec) => codec !== CompressionType.ZSTD);
    for (const magic of [0, 1] as const) {
      const batches = old.map((codec, index) => batchOf(codec, index * recordsPerBatch));
      write(`format${magic}`, downConvert(Buffer.concat(batches), magic, 0).records);
    }
    const output = execFileSync(
      kafka,
      ['3.9', 'dump-log', '--deep-iteration', '--print-data-log', '--files', files.join(',')],
      { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    dump = output.split('\n');
  });

  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  function section(topic: string): string[] {
    const start = dump.findIndex((line) => line.startsWith('Dumping') && line.includes(`/${topic}-0/`));
    const end = dump.findIndex((line, index) => index > start && line.startsWith('Dumping'));
    return dump.slice(start, end < 0 ? undefined : end);
  }

  function headersOf(topic: string): string[] {
    return section(topic).filter((line) => line.includes(' magic: '));
  }

  it('finds every batch valid, and has nothing to complain about', () => {
    const all = dump.filter((line) => line.includes('isvalid:'));
    expect(all.length).toBeGreaterThanOrEqual(codecs.length + 3);
    expect(all.filter((line) => !line.includes('isvalid: true'))).toEqual([]);
    expect(dump.filter((line) => /found|error|exception|mismatch/i.test(line))).toEqual([]);
  });

  it('unpacks every codec', () => {
    expect(headersOf('format2').map((line) => /compresscodec: (\w+)/.exec(line)![1])).toEqual(
      codecs.map(compressionName),
    );
    const records = section('format2').filter((line) => line.startsWith('| offset'));
    expect(records.map((line) => Number(/offset: (\d+)/.exec(line)![1]))).toEqual(
      Array.from({ length: codecs.length * recordsPerBatch }, (_, i) => i),
    );
    for (const [index, codec] of codecs.entries()) {
      const last = records[(index + 1) * recordsPerBatch - 1];
      expect(last).toContain(`headerKeys: [h39] key: key-39 payload: ${compressionName(codec)} 39 `);
      const payload = `${compressionName(codec)} 39 `.repeat(39 * 30 + 1);
      expect(last.endsWith(payload) || last.endsWith(payload.trimEnd())).toBe(true);
    }
  });

  it('sees the marker, the delete horizon and the append time', () => {
    expect(section('marker').join('\n')).toContain('endTxnMarker: COMMIT coordinatorEpoch: 9');
    expect(headersOf('horizon')[0]).toContain('lastOffset: 9 count: 1');
    expect(headersOf('horizon')[0]).toContain('deleteHorizonMs: OptionalLong[99]');
    expect(section('horizon').join('\n')).toContain('offset: 3 CreateTime: 50');
    expect(headersOf('appendtime')[0]).toContain('LogAppendTime: 77');
  });

  it.each([0, 1])('reads what was converted down to format %i', (magic) => {
    const records = section(`format${magic}`).filter(
      (line) => /offset: \d+/.test(line) && /payload|keySize/.test(line),
    );
    const offsets = new Set(records.map((line) => Number(/offset: (\d+)/.exec(line)![1])));
    expect(offsets.size).toBe(4 * recordsPerBatch);
    for (const codec of ['none', 'gzip', 'snappy', 'lz4']) {
      expect(records.some((line) => line.includes(`payload: ${codec} 39 ${codec} 39 `))).toBe(true);
    }
  });
});

it("the golden message sets of formats 0 and 1 are what Kafka's builder writes", () => {
  const lib = join(process.env.PEERS_LIB ?? join(homedir(), '.cache/odradek-peers'), '3.9/*');
  const output = execFileSync('java', ['-Xmx256M', '-cp', lib, join(__dirname, 'LegacySets.java')], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const written = JSON.parse(output) as typeof golden;
  const unpacked = (sets: typeof golden) =>
    sets.map((set) => ({ ...set, bytes: [...readRecordSet(Buffer.from(set.bytes, 'base64'))] }));
  expect(unpacked(written)).toEqual(unpacked(golden));
});
