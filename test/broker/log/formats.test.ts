import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { nodeIo } from '../../../broker/src/io/node';
import { formatCheckpoint, parseCheckpoint } from '../../../broker/src/log/checkpoint-file';
import { formatCleanShutdown } from '../../../broker/src/log/clean-shutdown-file';
import { formatLeaderEpochs, readLeaderEpochs } from '../../../broker/src/log/leader-epoch-checkpoint';
import { filenamePrefix, offsetFromFilename } from '../../../broker/src/log/log-file-names';
import { formatMetaProperties, parseMetaProperties } from '../../../broker/src/log/meta-properties';
import { OffsetCheckpoint, OffsetCheckpointName } from '../../../broker/src/log/offset-checkpoint';
import {
  deletedDirectoryName,
  futureDirectoryName,
  parsePartitionDirectory,
} from '../../../broker/src/log/partition-directory';
import { formatPartitionMetadata, readPartitionMetadata } from '../../../broker/src/log/partition-metadata';
import { formatProducerSnapshot, parseProducerSnapshot } from '../../../broker/src/log/producer-snapshot';
import { partitionName } from '../../../broker/src/log/topic-partition';
import { TestDirectory, unpackGolden } from './support';

const { files, random } = nodeIo();

describe('files that Apache Kafka 3.9 wrote, byte for byte', () => {
  const directory = new TestDirectory();
  const path = unpackGolden(directory, 'logdir-3.9.tar.gz');
  const read = (name: string) => readFileSync(`${path}/${name}`);
  const partitions = readdirSync(path).filter((name) => /-\d+$/.test(name));

  afterAll(() => directory[Symbol.dispose]());

  it.each(Object.values(OffsetCheckpointName))('%s', async (name) => {
    const offsets = (await new OffsetCheckpoint(files, path, name).read())!;
    const written = new OffsetCheckpoint(files, directory.path, name);
    await written.write(
      [...offsets].map(([partition, offset]) => ({
        topicPartition: parsePartitionDirectory(`${partition.includes('-') ? partition : `${partition}-0`}`)!
          .topicPartition,
        offset,
      })),
    );
    expect(readFileSync(written.path)).toEqual(read(name));
  });

  it('leader-epoch-checkpoint and partition.metadata', async () => {
    for (const partition of partitions) {
      const epochs = await readLeaderEpochs(files, `${path}/${partition}`);
      expect(formatLeaderEpochs(epochs!)).toEqual(read(`${partition}/leader-epoch-checkpoint`));
      const topicId = await readPartitionMetadata(files, `${path}/${partition}`);
      expect(formatPartitionMetadata(topicId!)).toEqual(read(`${partition}/partition.metadata`));
    }
  });

  it('producer snapshots', () => {
    let found = 0;
    for (const partition of partitions) {
      for (const name of readdirSync(`${path}/${partition}`).filter((file) => file.endsWith('.snapshot'))) {
        const bytes = read(`${partition}/${name}`);
        const entries = parseProducerSnapshot(bytes);
        expect(formatProducerSnapshot(entries, entries.length)).toEqual(bytes);
        found += entries.length;
      }
    }
    expect(found).toBeGreaterThan(5);
  });

  it('meta.properties and .kafka_cleanshutdown', () => {
    const text = read('meta.properties').toString();
    const properties = parseMetaProperties(text, 'meta.properties');
    expect(properties).toMatchObject({ brokerId: 1, clusterId: 'FgwW7G-cQDaaoD6K32mWyQ' });
    const wallMs = Date.UTC(2026, 10, 21, 7, 55, 37);
    const lines = (of: string) => of.split('\n').slice(0, 2).concat(of.split('\n').slice(2).sort());
    expect(lines(formatMetaProperties(properties, wallMs).toString())).toEqual(lines(text));
    expect(formatCleanShutdown(-1)).toEqual(read('.kafka_cleanshutdown'));
  });
});

describe('names of partition directories', () => {
  it.each([
    ['topic-0', { topic: 'topic', partition: 0 }, 'current'],
    ['a-b.c_d-12', { topic: 'a-b.c_d', partition: 12 }, 'current'],
    ['my.topic-3.0123456789abcdef0123456789abcdef-delete', { topic: 'my.topic', partition: 3 }, 'delete'],
    ['t-0.0123-future', { topic: 't', partition: 0 }, 'future'],
    ['t-0.0123-stray', { topic: 't', partition: 0 }, 'stray'],
  ])('%s', (name, topicPartition, kind) => {
    expect(parsePartitionDirectory(name)).toEqual({ topicPartition, kind });
  });

  it.each(['', 'topic', '-0', 'topic-', 'topic-x', 'topic-0x', 'topic--delete', 't-99999999999', 'x-0-delete'])(
    '"%s" is none',
    (name) => {
      expect(parsePartitionDirectory(name)).toBeUndefined();
    },
  );

  it('cuts a long topic when it is deleted, so that the name stays legal', () => {
    const long = { topic: 'x'.repeat(249), partition: 0 };
    const name = deletedDirectoryName(long, random);
    expect(name).toMatch(/^x+-0\.[0-9a-f]{32}-delete$/);
    expect(name).toHaveLength(255);
    expect(parsePartitionDirectory(name)?.kind).toBe('delete');
    const short = { topic: 'short', partition: 7 };
    expect(deletedDirectoryName(short, random)).toMatch(/^short-7\.[0-9a-f]{32}-delete$/);
    expect(parsePartitionDirectory(futureDirectoryName(short, random))).toEqual({
      topicPartition: short,
      kind: 'future',
    });
    expect(partitionName(short)).toBe('short-7');
  });

  it('names files by base offset', () => {
    expect(filenamePrefix(1234)).toBe('00000000000000001234');
    expect(offsetFromFilename('00000000000000001234.log')).toBe(1234);
    expect(offsetFromFilename('leader-epoch-checkpoint')).toBeUndefined();
    expect(offsetFromFilename('99999999999999999999.log')).toBeUndefined();
  });
});

describe('files that are not what they should be', () => {
  it.each([
    ['1\n0\n', /line 1 is "1", where the version, 0 is expected/],
    ['0\nx\n', /line 2 is "x", where the number of entries/],
    ['0\n2\na 0 1\n', /line 2 is "2", where the number of entries that follow, 1/],
    ['\n', /line 1 is ""/],
  ])('a checkpoint %j', (text, message) => {
    expect(() => parseCheckpoint(text, 'some-file')).toThrow(message);
    expect(() => parseCheckpoint(text, 'some-file')).toThrow(/some-file/);
  });

  it('an empty checkpoint is one', () => {
    expect(parseCheckpoint(formatCheckpoint([]).toString(), 'x')).toEqual([]);
    expect(parseCheckpoint('', 'x')).toEqual([]);
  });

  it('a snapshot', () => {
    const bytes = formatProducerSnapshot([], 0);
    expect(() => parseProducerSnapshot(bytes.subarray(0, 9))).toThrow(/9 bytes/);
    const flipped = Buffer.from(bytes);
    flipped[9] ^= 1;
    expect(() => parseProducerSnapshot(flipped)).toThrow(/CRC/);
    const version = Buffer.from(bytes);
    version.writeInt16BE(2, 0);
    expect(() => parseProducerSnapshot(version)).toThrow(/version 2/);
  });

  it.each([
    ['version=1\ncluster.id=x\nnode.id=1\n', /version 1.*KRaft/],
    ['cluster.id=x\n', /has no version/],
    ['version=0\nbroker.id=abc\n', /broker.id is abc/],
  ])('meta.properties %j', (text, message) => {
    expect(() => parseMetaProperties(text, '/data/meta.properties')).toThrow(message);
  });
});
