import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Log } from '../../../broker/src/log/log';
import { KafkaError } from '../../../broker/src/protocol/errors';
import { isValidBatch, nextBatchSize } from '../../../broker/src/records/batch-header';
import { buildEndTransactionMarker, ControlRecordType } from '../../../broker/src/records/control-records';
import { CompressionType } from '../../../broker/src/records/compression-type';
import { readRecords } from '../../../broker/src/records/read-records';
import {
  append,
  batchOf,
  openManager,
  readBytes,
  readRecordsFrom,
  recordingLogger,
  TestDirectory,
  topicPartition,
} from './support';

const config = { segmentBytes: 700, indexIntervalBytes: 100 };
const root = new TestDirectory();
const pristine = root.join('pristine');
const damaged = root.join('damaged');
/** What each offset holds, as it was appended. */
const written = new Map<number, string>();

beforeAll(async () => {
  const manager = await openManager(pristine, { config });
  const log = await manager.getOrCreate(topicPartition, 'L_SSrBYeR2WGwzmRaOsn_A');
  let baseSequence = 0;
  for (let i = 0; i < 14; i++) {
    const compression = i % 3 === 0 ? CompressionType.GZIP : CompressionType.NONE;
    const isOf5 = i % 2 === 0 && i !== 4;
    const input = isOf5 ? { producerId: 5, producerEpoch: 0, baseSequence } : {};
    if (isOf5) baseSequence += 2;
    const transactional = i === 4 ? { producerId: 6, producerEpoch: 0, baseSequence: 0, transactional: true } : {};
    await append(
      log,
      batchOf([`a${i}`, `b${i}`.repeat(9)], { compression, ...input, ...transactional }, 1e12 + i * 10),
      {
        leaderEpoch: Math.floor(i / 5),
      },
    );
    if (i === 6) {
      const marker = {
        type: ControlRecordType.ABORT,
        producerId: 6,
        producerEpoch: 0,
        coordinatorEpoch: 0,
        timestamp: 1e12,
      };
      await append(log, buildEndTransactionMarker(marker), { origin: 'coordinator', leaderEpoch: 1 });
    }
  }
  log.updateHighWatermark(log.logEndOffset);
  expect(log.numberOfSegments).toBeGreaterThan(2);
  for (const { offset, timestamp, value } of await readRecordsFrom(log)) written.set(offset, `${timestamp} ${value}`);
  await manager.shutdown();
});
afterAll(() => root[Symbol.dispose]());

const kinds = ['flip', 'zero', 'cut'] as const;
type Kind = (typeof kinds)[number];

function damage(path: string, at: number, kind: Kind): void {
  const bytes = readFileSync(path);
  if (kind === 'cut') return writeFileSync(path, bytes.subarray(0, at));
  bytes[at] = kind === 'zero' ? 0 : bytes[at] ^ 0xff;
  writeFileSync(path, bytes);
}

/** Which damage no checksum can show: where a batch says to begin and of which leader epoch it is. */
function isOutsideOfChecksums(path: string, at: number): boolean {
  if (!path.endsWith('.log')) return false;
  const bytes = readFileSync(path);
  let start = 0;
  while (start + bytes.readInt32BE(start + 8) + 12 <= at) start += bytes.readInt32BE(start + 8) + 12;
  return at - start < 8 || (at - start >= 12 && at - start < 16);
}

/** Reads everything that can be had, as a client that checks checksums; a failure is a KafkaError, or it is a finding. */
async function readable(log: Log, findings: string[]): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  for (let from = log.logStartOffset; from < log.logEndOffset;) {
    const before = from;
    try {
      const bytes = await readBytes(log, from);
      for (let at = 0, size = 0; (size = nextBatchSize(bytes, at, bytes.length)) > 0; at += size) {
        const isSound = isValidBatch(bytes, at, size);
        for (const { offset, timestamp, value } of isSound ? readRecords(bytes, at) : []) {
          found.set(offset, `${timestamp} ${value}`);
          from = Math.max(from, offset + 1);
        }
      }
    } catch (error) {
      if (!(error instanceof KafkaError)) findings.push(`reading: ${String(error)}`);
    }
    if (from === before) from++;
  }
  for (const timestamp of [1e12, 1e12 + 55, 1e12 + 1000]) {
    await log.fetchOffsetByTimestamp(timestamp).catch((error: unknown) => {
      if (!(error instanceof KafkaError)) findings.push(`looking for a time: ${String(error)}`);
    });
  }
  return found;
}

/** Opens the directory; returns what is wrong with that. */
async function consequences(name: string, at: number, kind: Kind, crashed: boolean): Promise<string[]> {
  rmSync(damaged, { recursive: true, force: true });
  cpSync(pristine, damaged, { recursive: true });
  const path = join(damaged, name);
  const checked = !isOutsideOfChecksums(path, at);
  damage(path, at, kind);
  if (crashed) {
    writeFileSync(join(damaged, 'recovery-point-offset-checkpoint'), '0\n0\n');
    rmSync(join(damaged, '.kafka_cleanshutdown'), { force: true });
  }
  const findings: string[] = [];
  const logger = recordingLogger();
  try {
    const manager = await openManager(damaged, { config, logger });
    try {
      const log = await manager.getOrCreate(topicPartition);
      const found = await readable(log, findings);
      const wrong = [...found].filter(([offset, content]) => written.get(offset) !== content);
      if (wrong.length > 0 && checked) findings.push(`wrong records: ${JSON.stringify(wrong.slice(0, 3))}`);
      const lost = written.size - found.size;
      if (crashed && lost > 0 && logger.lines.length < 2) findings.push(`${lost} records are gone without a word`);
      if (manager.liveLogDirs.length === 0) findings.push('the log directory is offline');
      const end = log.logEndOffset;
      await append(log, batchOf(['after']), { leaderEpoch: 9 });
      log.updateHighWatermark(log.logEndOffset);
      if (log.logEndOffset !== end + 1) findings.push('the next record did not follow');
    } finally {
      await manager.shutdown();
    }
  } catch (error) {
    const isClear = error instanceof Error && /meta\.properties|log director/.test(error.message);
    if (!isClear) findings.push(`the start failed: ${String((error as Error).stack)}`);
  }
  return findings.map(
    (finding) => `${name} byte ${at} ${kind}${crashed ? ', not shut down in order' : ''}: ${finding}`,
  );
}

function filesOf(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(directory, name)).isFile() && statSync(join(directory, name)).size > 0)
    .sort();
}

describe('a byte that is not what it was', () => {
  it('ends nothing and gives nobody a wrong record: any byte of any file', async () => {
    const findings: string[] = [];
    const everyNth = Number(process.env.EVERY ?? 53);
    let count = 0;
    for (const name of filesOf(pristine)) {
      const { size } = statSync(join(pristine, name));
      for (let at = 0; at < size; at++) {
        for (const kind of kinds) {
          for (const crashed of [false, true]) {
            if (count++ % everyNth === 0) findings.push(...(await consequences(name, at, kind, crashed)));
          }
        }
      }
    }
    expect(findings.slice(0, 20)).toEqual([]);
    expect(count).toBeGreaterThan(10_000);
  }, 3_600_000);
});
