import type { Log } from '../../../../broker/src/log/log';
import type { FetchIsolation } from '../../../../broker/src/log/fetch-data';
import { KafkaError } from '../../../../broker/src/protocol/errors';
import {
  isControlBatch,
  isTransactional,
  isValidBatch,
  lastOffset,
  magicOf,
  nextBatchSize,
  producerId,
} from '../../../../broker/src/records/batch-header';
import { ControlRecordType, controlRecordType } from '../../../../broker/src/records/control-records';
import { readRecords } from '../../../../broker/src/records/read-records';
import { bytesOf } from '../support';
import { contentOf, type Written } from './world';
import { startMs } from './memory-files';

/** What can be had of a log, by clients that check checksums. */
export interface Observation {
  /** What each thing is, in words that can be compared. */
  readonly aspects: ReadonlyMap<string, string>;
  /** By offset. */
  readonly records: ReadonlyMap<number, string>;
  readonly committed: ReadonlyMap<number, string>;
  /** Reads that were refused, or that came to a batch whose checksum is wrong. */
  readonly refused: readonly string[];
  readonly invalid: number;
}

/** Thrown things that are none of Kafka's errors, and records that are not what was written. */
export class Findings {
  readonly crashes: string[] = [];
  readonly wrong: string[] = [];
}

export async function observe(log: Log, written: Written, findings: Findings): Promise<Observation> {
  const refused: string[] = [];
  const reader = new Reader(log, written, findings, refused);
  const records = await reader.readAll('logEnd');
  const committed = await reader.readAll('txnCommitted');
  await reader.readEach();
  const times: string[] = [];
  for (const timestamp of [startMs, startMs + 55, startMs + 121, startMs + 1000, -3]) {
    const found = await reader.guarded(`looking for time ${timestamp}`, () => log.fetchOffsetByTimestamp(timestamp));
    times.push(`${timestamp - startMs}: ${found?.offset}`);
  }
  const producers = [...log.activeProducers()].map((entry) => {
    const batches = entry.batches.map(({ lastSequence, lastOffset: last }) => `${lastSequence} at ${last}`);
    return `${entry.producerId}/${entry.producerEpoch} ${batches.at(-1)} ${entry.currentTxnFirstOffset}`;
  });
  const aspects = new Map([
    ['log start offset', `${log.logStartOffset}`],
    ['log end offset', `${log.logEndOffset}`],
    ['high watermark', `${log.highWatermark}`],
    ['last stable offset', `${log.lastStableOffset}`],
    ['leader epochs', log.leaderEpochs.map(({ epoch, startOffset }) => `${epoch} ${startOffset}`).join(', ')],
    ['topic id', `${log.topicId}`],
    ['records', [...records.keys()].join(' ')],
    ['committed records', [...committed.keys()].join(' ')],
    ['offsets by time', times.join(', ')],
    ['producers', producers.sort().join(', ')],
  ]);
  return { aspects, records, committed, refused, invalid: reader.invalid };
}

const mostReads = 400;

class Reader {
  invalid = 0;

  constructor(
    readonly log: Log,
    readonly written: Written,
    readonly findings: Findings,
    readonly refused: string[],
  ) {}

  async guarded<T>(doing: string, work: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      const { name, message, stack } = error as Error;
      const isClear = error instanceof KafkaError && !/unexpected|failed: (Type|Range|Reference)?Error/.test(message);
      if (isClear) this.refused.push(`${doing}: ${message}`);
      else this.findings.crashes.push(`${doing}: ${name} ${stack}`);
      return undefined;
    }
  }

  /** As a consumer does, from the start to the end; it goes on behind what it cannot have. */
  async readAll(isolation: FetchIsolation): Promise<Map<number, string>> {
    const found = new Map<number, string>();
    const { log } = this;
    const end = Math.min(log.logEndOffset, Math.max(-1, ...this.written.records.keys()) + 50);
    let next = log.logStartOffset;
    for (let reads = 0; next < end && reads < mostReads; reads++) {
      const before = next;
      const read = await this.#read(next, 1024 * 1024, isolation);
      if (read !== undefined) next = this.#take(read, next, isolation, found);
      if (isolation === 'txnCommitted' && next === before && next >= log.lastStableOffset) break;
      if (next === before) next++;
    }
    return found;
  }

  /** Every offset by itself: the index leads to it. */
  async readEach(): Promise<void> {
    const { log } = this;
    for (const offset of this.written.records.keys()) {
      if (offset < log.logStartOffset || offset >= log.logEndOffset) continue;
      const read = await this.#read(offset, 1, 'logEnd');
      if (read !== undefined) this.#take(read, offset, 'logEnd', new Map());
    }
  }

  async #read(offset: number, maxBytes: number, isolation: FetchIsolation) {
    return this.guarded(`reading offset ${offset}`, async () => {
      const { ranges, abortedTransactions } = await this.log.read(offset, maxBytes, isolation, true);
      return { bytes: await bytesOf(ranges), aborted: [...(abortedTransactions ?? [])] };
    });
  }

  /** What a client hands out of a response, as Apache's does; returns where it goes on. */
  #take(
    { bytes, aborted }: { bytes: Buffer; aborted: { producerId: number; firstOffset: number }[] },
    from: number,
    isolation: FetchIsolation,
    found: Map<number, string>,
  ): number {
    const isCommitted = isolation === 'txnCommitted';
    const waiting = aborted.sort((a, b) => a.firstOffset - b.firstOffset);
    const ongoing = new Set<number>();
    let next = from;
    for (let at = 0, size = 0; (size = sizeAt(bytes, at)) !== 0; at += size) {
      if (size < 0 || !isValidBatch(bytes, at, size)) {
        this.invalid++;
        return next;
      }
      const last = lastOffset(bytes, at);
      while (waiting.length > 0 && waiting[0].firstOffset <= last) ongoing.add(waiting.shift()!.producerId);
      const isNew = magicOf(bytes, at) === 2;
      if (isNew && isControlBatch(bytes, at)) {
        const [marker] = readRecords(bytes, at);
        if (controlRecordType(marker?.key ?? null) === ControlRecordType.ABORT) ongoing.delete(producerId(bytes, at));
      } else if (!(isCommitted && isNew && isTransactional(bytes, at) && ongoing.has(producerId(bytes, at)))) {
        this.#handOut(bytes, at, from, isCommitted, found);
      }
      next = Math.max(next, last + 1);
    }
    return next;
  }

  #handOut(bytes: Buffer, at: number, from: number, isCommitted: boolean, found: Map<number, string>): void {
    try {
      for (const record of readRecords(bytes, at)) {
        if (record.offset < from) continue;
        const content = contentOf(record);
        found.set(record.offset, content);
        const should = this.written.records.get(record.offset);
        if (content !== should) {
          this.findings.wrong.push(`offset ${record.offset} is ${content}, and was written as ${should}`);
        } else if (isCommitted && !this.written.committed.has(record.offset)) {
          this.findings.wrong.push(`offset ${record.offset} is of a transaction that was not committed`);
        }
      }
    } catch (error) {
      this.findings.wrong.push(`a batch with a right checksum cannot be read: ${String(error)}`);
    }
  }
}

/** Of the batch there; 0 when it is not whole, -1 when there can be none: both as clients see it. */
function sizeAt(bytes: Buffer, at: number): number {
  try {
    return nextBatchSize(bytes, at, bytes.length);
  } catch {
    return -1;
  }
}
