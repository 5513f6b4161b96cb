import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildBatch } from '../../../broker/src/records/build-batch';
import { outputOf, runCommand } from './run-command';

const fixtures = resolve(__dirname, '../../fixtures');
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'odradek-dump-'));
  execFileSync('tar', ['xzf', join(fixtures, 'logdir-3.9.tar.gz'), '-C', directory]);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The files that a listing of Kafka's tool is about, as they are called there. */
function filesOf(listing: string): string[] {
  return [...listing.matchAll(/^Dumping (.*)$/gm)].map(([, file = '']) => file);
}

async function dump(listing: string, ...options: string[]): Promise<string> {
  const files = filesOf(listing).map((file) => join(directory, file));
  const shown = await outputOf('kafka-dump-log', ['--files', files.join(','), ...options]);
  return shown.replaceAll(`${directory}/`, '');
}

// What is no UTF-8 becomes as many replacement characters as a decoder sees fit.
const sameReplacements = (text: string) => text.replace(/\ufffd+/g, '\ufffd').split('\n');

describe('files that Apache Kafka 3.9 wrote', () => {
  test('are shown line by line as by its own tool', async () => {
    const expected = gunzipSync(readFileSync(join(fixtures, 'logdir-3.9.dump.txt.gz'))).toString();
    expect(filesOf(expected).length).toBeGreaterThan(50);
    const shown = await dump(expected, '--print-data-log');
    expect(sameReplacements(shown)).toEqual(sameReplacements(expected));
  });

  test('are shown with the contents of __consumer_offsets', async () => {
    const expected = readFileSync(join(fixtures, 'logdir-3.9.dump-offsets.txt'), 'utf8');
    expect(await dump(expected, '--offsets-decoder')).toBe(expected);
  });

  test('have sane indexes', async () => {
    const listing = gunzipSync(readFileSync(join(fixtures, 'logdir-3.9.dump.txt.gz'))).toString();
    const files = filesOf(listing).filter((file) => /\.(time)?index$/.test(file));
    const full = files.filter((file) => readFileSync(join(directory, file)).length > 0);
    const { code, stdout } = await runCommand('kafka-dump-log', [
      '--files',
      full.map((file) => join(directory, file)).join(','),
      '--index-sanity-check',
    ]);
    expect(code).toBe(0);
    expect(stdout.match(/passed sanity check\.$/gm)).toHaveLength(full.length);
  });
});

describe('what is wrong', () => {
  const plain = () => join(directory, 'kafka1', 'plain-0', '00000000000000000000');

  test('an index that does not agree with its log is told, and the exit code is 1', async () => {
    const copy = join(directory, 'wrong-0');
    cpSync(join(directory, 'kafka1', 'plain-0'), copy, { recursive: true });
    const index = Buffer.alloc(8);
    index.writeInt32BE(3, 0);
    writeFileSync(join(copy, '00000000000000000000.index'), index);
    const { code, stderr } = await runCommand('kafka-dump-log', ['--files', join(copy, '00000000000000000000.index')]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Mismatches in :.*\.index\n {2}Index offset: 3, log offset: \d+\n$/);
  });

  test('a batch that was cut short is told', async () => {
    const copy = join(directory, 'short-0');
    cpSync(join(directory, 'kafka1', 'plain-0'), copy, { recursive: true });
    const log = join(copy, '00000000000000000000.log');
    const whole = readFileSync(log).length;
    truncateSync(log, whole - 1);
    expect(await outputOf('kafka-dump-log', ['--files', log])).toMatch(
      /Found \d+ invalid bytes at the end of 00000000000000000000\.log\n$/,
    );
  });

  test('of a cleaned log, what is not there any more: sequences as they were, holes last first, as by Kafka', async () => {
    const log = join(directory, '00000000000000000010.log');
    const records = [11, 14, 16].map((offset) => ({ offset, value: 'x', timestamp: 1 }));
    writeFileSync(log, buildBatch({ records, baseOffset: 10, lastOffset: 17, producerId: 5, baseSequence: 100 }));
    const { stdout, stderr } = await runCommand('kafka-dump-log', ['--files', log, '--deep-iteration']);
    expect([...stdout.matchAll(/sequence: (\d+) /g)].map(([, sequence]) => sequence)).toEqual(['101', '104', '106']);
    expect(stderr).toBe(`Non-consecutive offsets in ${log}\n  14 is followed by 16\n  11 is followed by 14\n`);
  });

  test('a length that cannot be ends the dump with an error that names the file', async () => {
    const log = join(directory, '00000000000000000000.log');
    writeFileSync(log, Buffer.alloc(100));
    const { code, stderr } = await runCommand('kafka-dump-log', ['--files', log]);
    expect(code).toBe(1);
    expect(stderr).toContain(`${log}: record batch at byte 0 has length 0`);
  });

  test('a file that is not there, or is no file of a log', async () => {
    expect((await runCommand('kafka-dump-log', ['--files', '/nowhere/0.log'])).stderr).toMatch(
      /^\/nowhere\/0\.log cannot be read: ENOENT/,
    );
    expect((await runCommand('kafka-dump-log', ['--files', `${plain()}.txt`])).stderr).toMatch(
      /^Ignoring unknown file/,
    );
  });
});
