import { cpSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type BrokerProcess,
  output,
  peers as peersDirectory,
  Running,
  startBrokerProcess,
  temporaryDirectory,
} from './harness';
import { contents, mixedLoad, recordsIn, smallSegments } from './mixed-load';
import { ApacheTools } from './tool-runner';

const directory = temporaryDirectory();
let tools: ApacheTools;
let broker: BrokerProcess;

beforeAll(async () => {
  tools = new ApacheTools('3.9');
  broker = await startBrokerProcess(directory.path, smallSegments);
});
afterAll(async () => {
  await tools[Symbol.asyncDispose]();
  await broker[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

function filesOf(logDir: string, suffix: RegExp): string[] {
  return readdirSync(logDir, { recursive: true, encoding: 'utf8' })
    .filter((name) => suffix.test(name))
    .map((name) => path.join(logDir, name))
    .sort();
}

/** Lines in which the dump tool finds fault with something. */
function complaints(dump: string): string[] {
  const fault =
    /mismatch|non-consecutive|out of order|isvalid: false|invalid bytes|could not|found .* (in|at)|warn|error|exception/i;
  return dump.split('\n').filter((line) => !/^(\||key:|payload:)/.test(line) && fault.test(line));
}

interface Dumped {
  readonly text: string;
  /** Records of each partition, by its directory. */
  readonly records: ReadonlyMap<string, number>;
  readonly counts: string;
}

/** Everything in a log directory through the dump tool, which may not complain about any of it. */
async function dump(logDir: string): Promise<Dumped> {
  const dumpLog = async (files: readonly string[], ...args: readonly string[]): Promise<string> => {
    const { status, stdout, stderr } = await tools.call('dump-log', [...args, '--files', files.join(',')], {
      timeoutMs: 60_000,
    });
    expect([status, stderr, complaints(stdout)]).toEqual([0, '', []]);
    return stdout;
  };
  const logs = filesOf(logDir, /\.log$/);
  const text = await dumpLog(logs, '--deep-iteration', '--print-data-log');
  const records = new Map<string, number>();
  for (const part of text.split(/^Dumping /m).slice(1)) {
    const partition = path.basename(path.dirname(part.slice(0, part.indexOf('\n'))));
    records.set(partition, (records.get(partition) ?? 0) + (part.match(/^\| offset: \d+ /gm)?.length ?? 0));
  }
  const indexes = filesOf(logDir, /\.(index|timeindex)$/);
  const entries = (await dumpLog(indexes)).match(/^(offset: \d+ position: |timestamp: \d+ offset: )/gm) ?? [];
  const sane = filesOf(logDir, /\.index$/);
  const passed = (await dumpLog(sane, '--index-sanity-check')).match(/passed sanity check|is empty/g) ?? [];
  expect(passed).toHaveLength(sane.length);
  const snapshots = filesOf(logDir, /\.snapshot$/);
  const producers = (await dumpLog(snapshots)).match(/^producerId: \d+ /gm) ?? [];
  expect(filesOf(logDir, /\.log$/).map((file) => file.replace(/log$/, 'index'))).toEqual(sane);
  const counts =
    `${logs.length} segments with ${[...records.values()].reduce((sum, each) => sum + each, 0)} records, ` +
    `${indexes.length} indexes with ${entries.length} entries, ${snapshots.length} snapshots with ${producers.length} producers`;
  return { text, records, counts };
}

/** What the partitions hold, as clients were told: end minus start offset. */
function recordsToRead(found: ReadonlyMap<string, string>): Map<string, number> {
  const numbers = (command: string) =>
    new Map(
      found
        .get(command)!
        .split('\n')
        .flatMap((line) => {
          const [topic, partition, offset] = line.split(':');
          return offset === undefined ? [] : [[`${topic}-${partition}`, Number(offset)]];
        }),
    );
  const starts = numbers('get-offsets --time -2');
  return new Map([...numbers('get-offsets --time -1')].map(([name, end]) => [name, end - starts.get(name)!]));
}

function checkRecords(dumped: Dumped, found: ReadonlyMap<string, string>): void {
  for (const [partition, count] of recordsToRead(found)) {
    // A low watermark inside a segment leaves what is below it in the file.
    if (partition.startsWith('lowered')) expect(dumped.records.get(partition)).toBeGreaterThanOrEqual(count);
    else expect([partition, dumped.records.get(partition)]).toEqual([partition, count]);
  }
}

describe("the dump tool of Apache Kafka 3.9 reads this broker's files without a complaint", () => {
  let before: Map<string, string>;

  it('after a clean stop: every segment, index, time index and snapshot', async () => {
    await mixedLoad(tools, broker.bootstrap, 1);
    before = await contents(tools, broker.bootstrap);
    expect(await broker.broker.stop('SIGTERM')).toBe(0);
    const dumped = await dump(broker.logDir);
    checkRecords(dumped, before);
    for (const codec of ['gzip', 'snappy', 'lz4', 'zstd']) expect(dumped.text).toContain(`compresscodec: ${codec} `);
    expect(dumped.text).toMatch(/LogAppendTime: \d+/);
    console.log(`after a clean stop: ${dumped.counts}; ${recordsIn(before)} records read by clients`);
  });

  it('with the decoder of __consumer_offsets: groups and offsets', async () => {
    const files = filesOf(broker.logDir, /__consumer_offsets-\d+\/\d+\.log$/);
    const text = await tools.output('dump-log', ['--offsets-decoder', '--print-data-log', '--files', files.join(',')]);
    expect(complaints(text)).toEqual([]);
    const keys = text.match(/ key: \{"type":"\d",.*?\} payload: /g) ?? [];
    const kinds = ['0', '1', '2'].map((type) => keys.filter((key) => key.includes(`"type":"${type}"`)).length);
    expect(kinds[1]).toBeGreaterThan(10);
    expect(kinds[2]).toBeGreaterThan(5);
    // The newest record of each committed offset is what the group was described with.
    const committed = new Map<string, string>();
    for (const [, group, topic, partition, value] of text.matchAll(
      / key: \{"type":"1","data":\{"group":"(.*?)","topic":"(.*?)","partition":(\d+)\}\} payload: (.*)/g,
    )) {
      const [, offset] = /"offset":(\d+)/.exec(value) ?? [];
      if (offset === undefined) committed.delete(`${group} ${topic} ${partition}`);
      else committed.set(`${group} ${topic} ${partition}`, offset);
    }
    const described = [
      ...before.get('consumer-groups --describe --all-groups')!.matchAll(/^(\S+ \S+ \d+) (\d+) \d+ \d+ /gm),
    ].map(([, name, offset]) => `${name} ${offset}`);
    expect([...committed].map(([name, offset]) => `${name} ${offset}`).sort()).toEqual(described.sort());
    console.log(
      `__consumer_offsets: ${kinds[1]} offset records, ${kinds[2]} group records, ${described.length} offsets left`,
    );
  });

  it('after kill -9 while a producer writes, as it is, and after the recovery', async () => {
    await broker.restart('SIGTERM');
    await mixedLoad(tools, broker.bootstrap, 2);
    const loaded = await contents(tools, broker.bootstrap);
    await using producer = new Running(path.join(peersDirectory, 'kafka'), [
      ...'3.9 verifiable-producer --topic killed --throughput -1 --bootstrap-server'.split(' '),
      broker.bootstrap,
    ]);
    await producer.printed(/"value":"20000"/);
    await broker.broker.stop('SIGKILL');
    await producer.stop('SIGKILL');
    const copy = path.join(directory.path, 'killed');
    cpSync(broker.logDir, copy, { recursive: true });
    const asLeft = await dump(copy);
    checkRecords(asLeft, loaded);

    await broker.restart('SIGKILL');
    const recovered = await contents(tools, broker.bootstrap);
    // As in Kafka, a low watermark that was moved in the last minute may be forgotten, and no record is lost by that.
    for (const [what, value] of loaded) {
      if (what !== 'records of lowered-2' && !/offsets|--describe$/.test(what))
        expect([what, recovered.get(what)]).toEqual([what, value]);
    }
    const acknowledged = [...producer.log.matchAll(/"producer_send_success".*"value":"(\d+)".*"offset":(\d+)/g)];
    expect(acknowledged.length).toBeGreaterThan(20_000);
    const read = await output('kcat', ['-b', broker.bootstrap, '-C', '-t', 'killed', '-o', 'beginning', '-e', '-q']);
    const values = read.trimEnd().split('\n');
    expect(values).toEqual(values.map((_, at) => String(at)));
    for (const [, value, offset] of acknowledged) if (values[Number(offset)] !== value) expect(value).toBe('there');
    expect(await broker.broker.stop('SIGTERM')).toBe(0);
    const afterwards = await dump(broker.logDir);
    checkRecords(afterwards, recovered);
    console.log(
      `after kill -9: ${asLeft.counts}; ${acknowledged.length} acknowledged, ${values.length} there after the recovery`,
    );
    console.log(`after the recovery: ${afterwards.counts}`);
  });
});
