import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCluster, type TestCluster } from '../../broker/src/testing';
import { output, run } from './harness';

describe('kcat', () => {
  let cluster: TestCluster;
  const kcat = (input: string, ...args: string[]) =>
    output('kcat', ['-b', cluster.bootstrapServers, ...args], { input });

  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster.close());

  it('-L lists the broker and the topics', async () => {
    await kcat('one\n', '-P', '-t', 'listed');
    const listing = await kcat('', '-L');
    expect(listing).toContain(`broker 0 at ${cluster.bootstrapServers} (controller)`);
    expect(listing).toContain('topic "listed" with 1 partitions:');
    expect(listing).toContain('partition 0, leader 0, replicas: 0, isrs: 0');
  });

  for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
    it(`-P and -C with ${codec}`, async () => {
      const lines = Array.from({ length: 500 }, (_, i) => `key-${i}:value ${i} ${'x'.repeat(i)}`);
      await kcat(`${lines.join('\n')}\n`, '-P', '-t', `codec-${codec}`, '-K', ':', '-z', codec);
      const read = await kcat('', '-C', '-t', `codec-${codec}`, '-o', 'beginning', '-e', '-q', '-K', ':');
      expect(read.trimEnd().split('\n')).toEqual(lines);
    });
  }

  it('-G reads as a group, and goes on from what was committed', async () => {
    await kcat('a\nb\nc\n', '-P', '-t', 'grouped');
    const read = () => kcat('', '-X', 'auto.offset.reset=earliest', '-q', '-e', '-G', 'readers', 'grouped');
    expect(await read()).toBe('a\nb\nc\n');
    await kcat('d\n', '-P', '-t', 'grouped');
    expect(await read()).toBe('d\n');
  });

  it('-Q finds offsets by time', async () => {
    await kcat('x\ny\n', '-P', '-t', 'timed');
    expect(await kcat('', '-Q', '-t', 'timed:0:0')).toContain('timed [0] offset 0');
    expect(await kcat('', '-Q', '-t', 'timed:0:-1')).toContain('timed [0] offset 2');
  });

  it('is idempotent with acks=all', async () => {
    const lines = Array.from({ length: 1000 }, (_, i) => `line ${i}`).join('\n');
    await kcat(`${lines}\n`, '-P', '-t', 'idempotent', '-X', 'enable.idempotence=true', '-X', 'acks=all');
    const read = await kcat('', '-C', '-t', 'idempotent', '-o', 'beginning', '-e', '-q');
    expect(read.trimEnd()).toBe(lines);
  });

  it('is told of a record that is too large', async () => {
    const { status, stderr } = await run(
      'kcat',
      ['-b', cluster.bootstrapServers, '-P', '-t', 'large', '-X', 'message.max.bytes=5000000'],
      { input: `${'x'.repeat(2_000_000)}\n` },
    );
    expect(status).not.toBe(0);
    expect(stderr).toContain('Message size too large');
  });
});
