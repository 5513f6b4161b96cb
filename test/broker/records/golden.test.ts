import { describe, expect, it } from 'vitest';
import * as header from '../../../broker/src/records/batch-header';
import { compressionName } from '../../../broker/src/records/compression-type';
import {
  ControlRecordType,
  controlRecordType,
  markerCoordinatorEpoch,
} from '../../../broker/src/records/control-records';
import { readRecords } from '../../../broker/src/records/read-records';
import type { LogRecord } from '../../../broker/src/records/record';
import { walkBatches } from '../../../broker/src/records/walk-batches';
import { goldenDump, goldenLogs } from './golden-log-directory';

/** Renders a segment as Kafka's dump tool does with --deep-iteration --print-data-log. */
function dump(log: Buffer): string[] {
  const lines: string[] = [];
  walkBatches(log, (at, size) => {
    const timeName =
      header.timestampTypeOf(log, at) === header.TimestampType.CREATE_TIME ? 'CreateTime' : 'LogAppendTime';
    const horizon = header.hasDeleteHorizon(log, at) ? `[${header.deleteHorizonMs(log, at)}]` : '.empty';
    lines.push(
      `baseOffset: ${header.baseOffset(log, at)} lastOffset: ${header.lastOffset(log, at)} ` +
        `count: ${header.recordCount(log, at)} baseSequence: ${header.baseSequence(log, at)} ` +
        `lastSequence: ${header.lastSequence(log, at)} producerId: ${header.producerId(log, at)} ` +
        `producerEpoch: ${header.producerEpoch(log, at)} partitionLeaderEpoch: ${header.partitionLeaderEpoch(log, at)} ` +
        `isTransactional: ${header.isTransactional(log, at)} isControl: ${header.isControlBatch(log, at)} ` +
        `deleteHorizonMs: OptionalLong${horizon} position: ${at} ${timeName}: ${header.maxTimestamp(log, at)} ` +
        `size: ${size} magic: ${header.magicOf(log, at)} compresscodec: ${compressionName(header.compressionOf(log, at))} ` +
        `crc: ${header.storedCrc(log, at)} isvalid: ${header.isValidBatch(log, at, size)}`,
    );
    for (const record of readRecords(log, at)) {
      const first = header.baseSequence(log, at);
      const sequence = first < 0 ? -1 : header.incrementSequence(first, record.offset - header.baseOffset(log, at));
      lines.push(
        `| offset: ${record.offset} ${timeName}: ${record.timestamp} keySize: ${record.key?.length ?? -1} ` +
          `valueSize: ${record.value?.length ?? -1} sequence: ${sequence} ` +
          `headerKeys: [${record.headers.map((each) => each.key).join(',')}]` +
          (header.isControlBatch(log, at) ? marker(record) : data(record)),
      );
    }
  });
  return lines;
}

function marker(record: LogRecord): string {
  const type = controlRecordType(record.key) === ControlRecordType.COMMIT ? 'COMMIT' : 'ABORT';
  return ` endTxnMarker: ${type} coordinatorEpoch: ${markerCoordinatorEpoch(record.value)}`;
}

function data(record: LogRecord): string {
  const key = record.key === null ? '' : ` key: ${record.key.toString()}`;
  return key + (record.value === null ? '' : ` payload: ${record.value.toString()}`);
}

/** Random bytes hold newlines, which cut Kafka's line. */
function comparable(line: string): string {
  return line.replace(/( key: random-40000 payload: ).*/s, '$1');
}

describe('a log directory written by Apache Kafka 3.9', () => {
  const logs = goldenLogs('logdir-3.9.tar.gz');
  const expected = goldenDump();

  it('is there in full', () => {
    expect(expected.size).toBe(24);
    expect([...expected.values()].flat().filter((line) => line.startsWith('|')).length).toBe(1119);
  });

  it.each([...expected.keys()])('reads %s as the dump tool does', (path) => {
    const log = logs.get(path);
    expect(log).toBeDefined();
    expect(dump(log!).map(comparable)).toEqual(expected.get(path)!.map(comparable));
  });

  it.each(['logdir-3.9.tar.gz', 'logdir-3.9-killed.tar.gz'] as const)(
    'holds only whole, valid batches in %s',
    (name) => {
      let batches = 0;
      for (const log of goldenLogs(name).values()) {
        const walk = walkBatches(log, (at, size) => {
          batches++;
          expect(header.isValidBatch(log, at, size)).toBe(true);
          expect([...readRecords(log, at)]).toHaveLength(header.recordCount(log, at));
        });
        expect(walk).toMatchObject({ truncated: false, validBytes: log.length });
      }
      expect(batches).toBeGreaterThan(100);
    },
  );
});
