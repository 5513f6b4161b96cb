import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nextBatchSize } from '../../broker/src/records/batch-header';
import { numberOf } from './cluster-kinds';
import { Book, recordOf, type Outcome } from './exchange/book';
import { differences } from './exchange/broker-view';
import { Exchange } from './exchange/exchange';
import { dumpAll } from './exchange/log-files';
import { temporaryDirectory } from './harness';
import { ApacheTools } from './tool-runner';

const moreTurns = numberOf('TURNS', 0);
const seed = numberOf('SEED', Math.floor(Math.random() * 2 ** 31));
const directory = temporaryDirectory();
afterAll(() => directory[Symbol.dispose]());

it(
  'Apache Kafka 3.9 and this broker take turns on log directories, stopped and killed',
  async () => {
    const faults = await Exchange.run({
      directory: directory.path,
      seed,
      moreTurns,
      zookeeper: 'embedded',
      report: (line) => console.log(line),
    });
    expect(faults, `SEED=${seed} TURNS=${moreTurns}`).toEqual([]);
  },
  600_000 + moreTurns * 120_000,
);

describe('what the exchange would complain of', () => {
  let tools: ApacheTools;
  beforeAll(() => {
    tools = new ApacheTools('3.9');
  });
  afterAll(() => tools[Symbol.asyncDispose]());

  /** A copy of partitions that the exchange has left. */
  function copyOf(name: string, ...partitions: readonly string[]): string {
    const to = path.join(directory.path, name);
    mkdirSync(to);
    for (const logDir of ['logs-1', 'logs-2'].map((each) => path.join(directory.path, each))) {
      for (const partition of readdirSync(logDir).filter((each) => partitions.includes(each))) {
        cpSync(path.join(logDir, partition), path.join(to, partition), { recursive: true });
      }
    }
    return to;
  }

  /** The largest file of a partition with that suffix, changed; its path. */
  function change(logDir: string, partition: string, suffix: string, how: (bytes: Buffer) => Buffer): string {
    const files = readdirSync(path.join(logDir, partition)).filter((name) => name.endsWith(suffix));
    const [file] = files
      .map((name) => path.join(logDir, partition, name))
      .sort((a, b) => readFileSync(b).length - readFileSync(a).length);
    writeFileSync(file, how(readFileSync(file)));
    return file;
  }

  const dump = async (logDir: string): Promise<string[]> => {
    const { faults } = await dumpAll(tools, [logDir], { sparse: new Set(), preallocated: false });
    return faults.filter((fault) => !fault.startsWith('dump-log'));
  };

  it('checksums, holes, bytes at the end, indexes that disagree: either tool', async () => {
    const logDir = copyOf('wrong', 'none-0', 'gzip-0', 'snappy-0', 'lz4-0', 'zstd-0');
    expect(await dump(logDir)).toEqual([]);
    const flipped = (at: number) => (bytes: Buffer) => {
      bytes[at] ^= 1;
      return bytes;
    };
    change(logDir, 'none-0', '.log', flipped(17));
    // Without what points into it.
    for (const name of readdirSync(path.join(logDir, 'gzip-0')).filter((each) => each.endsWith('index'))) {
      rmSync(path.join(logDir, 'gzip-0', name));
    }
    const hole = change(logDir, 'gzip-0', '.log', (bytes) => {
      const first = nextBatchSize(bytes, 0, bytes.length);
      const second = nextBatchSize(bytes, first, bytes.length);
      return Buffer.concat([bytes.subarray(0, first), bytes.subarray(first + second)]);
    });
    const index = change(logDir, 'snappy-0', '.index', flipped(3));
    const time = change(logDir, 'lz4-0', '.timeindex', flipped(7));
    change(logDir, 'zstd-0', '.log', (bytes) => Buffer.concat([bytes, Buffer.from('what?')]));
    writeFileSync(path.join(logDir, 'zstd-0', 'leader-epoch-checkpoint'), '0\n2\n3 10\n1 20\n');
    const faults = (await dump(logDir)).join('\n');
    for (const tool of ['our', "Apache's"]) {
      const found = (what: string) => new RegExp(`^${tool} dump-log.*: .*${what}`, 'm');
      expect(faults).toMatch(found('isvalid: false'));
      expect(faults).toMatch(found(`Non-consecutive offsets in ${hole}`));
      expect(faults).toMatch(found(`Mismatches in :${index}`));
      expect(faults).toMatch(found(`Found timestamp mismatch in :${time}`));
      expect(faults).toMatch(found('Found 5 invalid bytes at the end'));
    }
    expect(faults).toContain('zstd-0/leader-epoch-checkpoint: 1 20 comes after 3 10');
  });

  it('indexes that a broker would not take, and snapshots', async () => {
    const logDir = copyOf('insane', 'none-0', 'gzip-0');
    const index = change(logDir, 'none-0', '.index', (bytes) => bytes);
    truncateSync(index, readFileSync(index).length - 3);
    change(logDir, 'gzip-0', '.snapshot', (bytes) => {
      bytes[bytes.length - 1] ^= 1;
      return bytes;
    });
    const faults = (await dump(logDir)).join('\n');
    for (const tool of ['our', "Apache's"]) {
      expect(faults).toMatch(new RegExp(`^${tool} dump-log --index-sanity-check: `, 'm'));
      expect(faults).toMatch(new RegExp(`^${tool} dump-log .*corrupt`, 'im'));
    }
  });
});

it('answers that differ, and those of one alone', () => {
  const [was, is] = [
    new Map([
      ['a', '1'],
      ['b', '2'],
      ['epoch 0', '0'],
    ]),
    new Map([
      ['a', '1'],
      ['b', '3'],
      ['c', '4'],
    ]),
  ];
  expect(differences(was, is)).toEqual(['b: was 2, is 3', 'epoch 0: was 0, is not told', 'c: was not told, is 4']);
  expect(differences(was, new Map([...was, ['epoch 1', '5']]))).toEqual([]);
});

describe('the book of what was acknowledged', () => {
  const lines = ['t\t0\t0\t1\tk\ta\t', 't\t0\t1\t2\tk\tb\t', 't\t0\t2\t3\tk\tc\th=1'].map(recordOf);
  const faultsOf = (book: Book, all = lines, committed = all, startOffset = 0, cleanedTo?: number) =>
    book.faults(all, committed, () => ({ startOffset, cleanedTo })).faults.join('\n');

  it('agrees with what was read, and with what was deleted by the log’s start', () => {
    const book = new Book();
    book.add(lines);
    expect(faultsOf(book)).toBe('');
    expect(faultsOf(book, lines.slice(1), lines.slice(1), 1)).toBe('');
  });

  it('finds what is lost, changed, written by nobody, or in disorder', () => {
    const book = new Book();
    book.add(lines);
    expect(faultsOf(book, lines.slice(1))).toMatch(/^lost: t-0@0/);
    expect(faultsOf(book, [{ ...lines[0], timestamp: 7 }, ...lines.slice(1)])).toMatch(/read: t-0@0 7/);
    expect(faultsOf(book, [lines[0], lines[1], { ...lines[2], headers: '' }])).toMatch(/read: t-0@2/);
    expect(faultsOf(book, [...lines, { ...lines[0], offset: 3 }])).toMatch(/^nobody wrote t-0@3/);
    expect(faultsOf(book, [lines[0], lines[2], lines[1]])).toMatch(/1 comes after 2/);
  });

  it('finds what a reader of what is committed must not be given, or has to be', () => {
    const book = new Book();
    const outcome: Outcome = { state: 'open' };
    book.add(lines.slice(0, 1));
    book.add(lines.slice(1, 2), outcome);
    book.add(lines.slice(2));
    expect(faultsOf(book, lines, lines.slice(0, 1))).toBe('');
    expect(faultsOf(book)).toContain('too much: t-0@1');
    outcome.state = 'aborted';
    expect(faultsOf(book, lines, [lines[0], lines[2]])).toBe('');
    expect(faultsOf(book, lines, lines.slice(0, 1))).toContain('not there: t-0@2');
    outcome.state = 'committed';
    expect(faultsOf(book, lines, [lines[0], lines[2]])).toContain('not there: t-0@1');
  });

  it('finds what the cleaner should have taken, and what it must not have', () => {
    const book = new Book();
    book.add(lines);
    expect(faultsOf(book, lines.slice(2), lines.slice(2), 0, 3)).toBe('');
    expect(faultsOf(book, lines, lines, 0, 3)).toContain('k is there again at 1');
    expect(faultsOf(book, lines.slice(0, 1), lines.slice(0, 1), 0, 1)).toContain('lost: t-0@2');
  });
});
