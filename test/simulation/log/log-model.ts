import type { LogConfig } from '../../../broker/src/log/log-config';

/** A record as a producer sent it. */
export interface ModelRecord {
  readonly offset: number;
  readonly key: string | null;
  /** null: a tombstone. */
  readonly value: string | null;
  /** `key=value` of its headers. */
  readonly headers: string;
  readonly timestamp: number;
}

export type BatchKind = 'data' | 'commit' | 'abort';

/** A batch as it was appended. */
export interface ModelBatch {
  readonly kind: BatchKind;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly records: readonly ModelRecord[];
  readonly bytes: number;
  readonly leaderEpoch: number;
  readonly appendedAtMs: number;
  /** -1: none. */
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly isTransactional: boolean;
  isAcknowledged: boolean;
  /** It was not flushed, and a loss of power has taken it from the middle of a log that may have gaps. */
  isLost: boolean;
}

/** What becomes of the records of a batch in the eyes of a consumer. */
export type Outcome = 'visible' | 'open' | 'aborted';

/** What is known of a producer, from its batches. */
export interface ModelProducer {
  epoch: number;
  lastSequence: number;
  /** -1: no transaction is open. */
  openSince: number;
  lastBatch: ModelBatch;
  lastData: ModelBatch | undefined;
}

/** How one life of a log ended. */
export type End = 'clean stop' | 'kill -9' | 'loss of power';

/** What a log has to be: everything that was ever appended, and what may be gone of it. */
export class LogModel {
  batches: ModelBatch[] = [];
  /** Offset of the next record. */
  end = 0;
  /** Log start offset, as it was last seen. */
  start = 0;
  /** DeleteRecords asked for it. */
  deleteTo = 0;
  /** What lies before was removed at least once, and may be back in part after a crash. */
  mayBeGoneBefore = 0;
  /** Highest high watermark: nothing below is truncated. */
  committed = 0;
  /** Up to where it was flushed: no crash may take that. */
  promised = 0;
  /** A truncation to here is under way. */
  #cutTo = Infinity;
  wasCompacted = false;
  mayDelete = false;

  constructor(public config: LogConfig) {
    this.configure(config);
  }

  configure(config: LogConfig): void {
    this.config = config;
    this.wasCompacted ||= config.cleanupCompact;
    this.mayDelete ||= config.cleanupDelete;
  }

  append(batch: Omit<ModelBatch, 'isAcknowledged' | 'isLost'>): ModelBatch {
    const added = { ...batch, isAcknowledged: false, isLost: false };
    this.batches.push(added);
    this.end = batch.lastOffset + 1;
    return added;
  }

  /** From now until it is done, either is right after a crash. */
  truncating(offset: number): void {
    this.#cutTo = offset;
    this.promised = Math.min(this.promised, offset);
    for (const batch of this.batches) if (batch.lastOffset >= offset) batch.isAcknowledged = false;
  }

  truncated(offset: number): void {
    this.#cutTo = Infinity;
    this.batches = this.batches.filter(({ lastOffset }) => lastOffset < offset);
    this.end = Math.min(this.end, offset);
    this.promised = Math.min(this.promised, this.end);
    this.committed = Math.min(this.committed, this.end);
  }

  /** First offsets of batches from `offset` on, and the end: where the log may be cut. */
  boundaries(offset: number): number[] {
    return [...this.batches.map(({ baseOffset }) => baseOffset).filter((base) => base >= offset), this.end];
  }

  flushed(offset: number): void {
    this.promised = Math.max(this.promised, Math.min(offset, this.end, this.#cutTo));
  }

  get present(): ModelBatch[] {
    return this.batches.filter(({ isLost }) => !isLost);
  }

  /** What is known of producers, as of all batches that are there. */
  producers(): Map<number, ModelProducer> {
    const producers = new Map<number, ModelProducer>();
    for (const batch of this.present) {
      if (batch.producerId < 0) continue;
      const before = producers.get(batch.producerId);
      const isData = batch.kind === 'data';
      // A marker of an epoch whose data were lost with the power begins it without a sequence.
      const same = before?.epoch === batch.producerEpoch ? before : undefined;
      const openSince = !isData ? -1 : before && before.openSince >= 0 ? before.openSince : batch.baseOffset;
      producers.set(batch.producerId, {
        epoch: batch.producerEpoch,
        lastSequence: isData ? batch.baseSequence + batch.records.length - 1 : (same?.lastSequence ?? -1),
        openSince: batch.isTransactional ? openSince : -1,
        lastBatch: batch,
        lastData: isData ? batch : same?.lastData,
      });
    }
    return producers;
  }

  /** How each transaction ended whose batch this is. */
  outcomes(): Map<ModelBatch, Outcome> {
    const outcomes = new Map<ModelBatch, Outcome>();
    const open = new Map<number, ModelBatch[]>();
    for (const batch of this.present) {
      if (!batch.isTransactional) {
        outcomes.set(batch, 'visible');
      } else if (batch.kind === 'data') {
        outcomes.set(batch, 'open');
        open.set(batch.producerId, [...(open.get(batch.producerId) ?? []), batch]);
      } else {
        for (const ended of open.get(batch.producerId) ?? []) {
          outcomes.set(ended, batch.kind === 'commit' ? 'visible' : 'aborted');
        }
        open.delete(batch.producerId);
      }
    }
    return outcomes;
  }

  /** The log starts at `start`: what is wrong with that. */
  sawStart(start: number, wallMs: number): string[] {
    const faults: string[] = [];
    const gone = this.present.filter(({ lastOffset }) => lastOffset >= this.start && lastOffset < start);
    if (start > Math.max(this.start, this.deleteTo)) {
      const { retentionMs, retentionBytes } = this.config;
      const left = this.present.filter(({ baseOffset }) => baseOffset >= start);
      const leftBytes = left.reduce((sum, { bytes }) => sum + bytes, 0);
      const isTooMuch = retentionBytes >= 0 && leftBytes >= retentionBytes;
      // A segment is as old as the newest record that compaction has left in it.
      const compacted = this.wasCompacted ? this.#compactedAway(wallMs) : new Set<number>();
      for (const { kind, lastOffset, records } of gone) {
        const isOld = ({ offset, timestamp }: ModelRecord) =>
          compacted.has(offset) || (retentionMs >= 0 && wallMs - timestamp > retentionMs);
        const isMarker = this.wasCompacted && kind !== 'data';
        if (!this.mayDelete || !(isTooMuch || isMarker || records.every(isOld))) {
          faults.push(`nothing allows that offset ${lastOffset} is gone`);
        }
      }
    }
    this.start = start;
    this.mayBeGoneBefore = Math.max(this.mayBeGoneBefore, start);
    return faults;
  }

  /** Offsets of records that compaction may have taken. */
  #compactedAway(wallMs: number): Set<number> {
    const offsets = new Set<number>();
    const outcomes = this.outcomes();
    const newerMs = new Map<string, number>();
    for (const batch of [...this.present].reverse()) {
      const outcome = outcomes.get(batch)!;
      for (const record of batch.kind === 'data' ? [...batch.records].reverse() : []) {
        const { key, offset, timestamp } = record;
        const newer = key === null ? undefined : newerMs.get(key);
        if (this.#isCompactedAway(record, batch, outcome, newer, wallMs)) offsets.add(offset);
        if (key !== null && outcome === 'visible') newerMs.set(key, Math.min(newer ?? Infinity, timestamp));
      }
    }
    return offsets;
  }

  /**
   * What is wrong with the records that are found from the log's start on, below `below`: none may be there that was not
   * appended or has another content, and of those that were appended only those may be missing that retention,
   * DeleteRecords or compaction may have taken. `isCommitted`: as a read-committed consumer sees them.
   */
  faults(found: readonly ModelRecord[], below: number, isCommitted: boolean, wallMs: number): string[] {
    const faults: string[] = [];
    const outcomes = this.outcomes();
    const expected = new Map<number, { readonly record: ModelRecord; readonly batch: ModelBatch }>();
    for (const batch of this.present) {
      if (batch.kind !== 'data') continue;
      for (const record of batch.records) expected.set(record.offset, { record, batch });
    }
    let last = -1;
    for (const record of found) {
      const { offset } = record;
      const known = expected.get(offset);
      if (offset <= last) faults.push(`offset ${offset} comes after ${last}`);
      if (known === undefined) faults.push(`at offset ${offset} is ${text(record)}, which was never appended there`);
      else if (text(known.record) !== text(record)) {
        faults.push(`at offset ${offset} is ${text(record)}, and ${text(known.record)} was appended`);
      } else if (isCommitted && offset >= this.mayBeGoneBefore && outcomes.get(known.batch) !== 'visible') {
        // (What may be gone may be back after a loss of power, without the marker that ended it.)
        faults.push(`offset ${offset} is read, and its transaction is ${outcomes.get(known.batch)}`);
      }
      last = offset;
    }
    const there = new Set(found.map(({ offset }) => offset));
    const newest = new Map<string, ModelRecord>();
    const compacted = this.#compactedAway(wallMs);
    for (const { record, batch } of [...expected.values()].reverse()) {
      const { offset, key } = record;
      const outcome = outcomes.get(batch)!;
      const newer = key === null ? undefined : newest.get(key);
      if (outcome === 'visible' && key !== null && newer === undefined) newest.set(key, record);
      if (offset >= below) continue;
      if (there.has(offset)) {
        if (newer !== undefined && newer.offset >= below) continue;
        if (outcome !== 'visible' || newer?.value !== null || record.value === null) continue;
        if (!there.has(newer.offset) && offset >= this.mayBeGoneBefore) {
          faults.push(`${text(record)} at offset ${offset} is back: its tombstone at ${newer.offset} is gone`);
        }
        continue;
      }
      if (offset < this.mayBeGoneBefore || (isCommitted && outcome !== 'visible')) continue;
      if (!compacted.has(offset)) faults.push(`offset ${offset} (${text(record)}, ${outcome}) is gone`);
    }
    return faults;
  }

  #isCompactedAway(
    { key, value }: ModelRecord,
    { appendedAtMs }: ModelBatch,
    outcome: Outcome,
    newerMs: number | undefined,
    wallMs: number,
  ): boolean {
    if (!this.wasCompacted || outcome === 'open') return false;
    if (outcome === 'aborted' || key === null) return true;
    const { deleteRetentionMs, minCompactionLagMs } = this.config;
    if (newerMs !== undefined && newerMs <= wallMs - minCompactionLagMs) return true;
    return value === null && wallMs - appendedAtMs >= deleteRetentionMs;
  }

  /** The first offset that a transaction is open at, of what cannot be gone. */
  firstOpen(): number {
    const open = [...this.outcomes()].filter(([, outcome]) => outcome === 'open').map(([{ baseOffset }]) => baseOffset);
    return Math.min(Infinity, ...open.filter((offset) => offset >= this.mayBeGoneBefore));
  }
}

function text({ key, value, headers, timestamp }: ModelRecord): string {
  return `${key}=${value}[${headers}]@${timestamp}`;
}
