import type { Files } from '../io/files';
import { KafkaError } from '../protocol/errors';
import { baseOffset, isValidBatch, lastOffset, magicOf } from '../records/batch-header';
import { scanBatches, type BatchVisitor } from './batch-scanner';
import { Suffix } from './log-file-names';
import { messageOffsetOnly } from './log-offset-metadata';
import type { CompletedTxn } from './producer-append-info';
import { CorruptSnapshotError, parseProducerSnapshot } from './producer-snapshot';
import type { ProducerStateManager } from './producer-state-manager';
import { segmentPath } from './segment-files';

/** A partition's directory, as far as its producer state is concerned. */
export interface ProducerStateSource {
  readonly files: Files;
  readonly directory: string;
  /** By base offset. */
  readonly segments: readonly { readonly baseOffset: number; readonly size: number }[];
  /** Offsets of the snapshots that are there, ascending; those that are removed are taken out of it. */
  readonly snapshots: number[];
  readonly logStartOffset: number;
  readonly wallMs: number;
  /** Told what had to be passed over. */
  readonly notice: (message: string) => void;
}

/**
 * Brings the producer state to what it was at `offset`: from the last snapshot before it that can be read, and the
 * batches between the two. Snapshots of later offsets, and those that cannot be read, are removed.
 */
export async function loadProducerState(
  producers: ProducerStateManager,
  source: ProducerStateSource,
  offset: number,
): Promise<void> {
  for (let last = source.snapshots.at(-1); last !== undefined && last > offset; last = source.snapshots.at(-1)) {
    await removeLastSnapshot(source);
  }
  producers.clear(source.logStartOffset);
  await loadLatestSnapshot(producers, source);
  if (producers.mapEndOffset < (source.segments.at(0)?.baseOffset ?? 0)) {
    // What came between is gone: sequences have gone on, and transactions have ended.
    producers.clear(source.logStartOffset);
  }
  const from = producers.mapEndOffset;
  const first = Math.max(
    0,
    source.segments.findLastIndex((segment) => segment.baseOffset <= from),
  );
  for (const segment of source.segments.slice(first)) {
    if (segment.baseOffset < offset && from < offset) {
      await replaySegment(producers, source, segment, from, offset);
    }
  }
  producers.mapEndOffset = Math.max(offset, producers.mapEndOffset);
}

async function loadLatestSnapshot(producers: ProducerStateManager, source: ProducerStateSource): Promise<void> {
  for (let offset = source.snapshots.at(-1); offset !== undefined; offset = source.snapshots.at(-1)) {
    const path = segmentPath(source.directory, offset, Suffix.PRODUCER_SNAPSHOT);
    try {
      producers.loadSnapshot(parseProducerSnapshot(await source.files.readFile(path)), offset, source.wallMs);
      return;
    } catch (error) {
      if (!(error instanceof CorruptSnapshotError)) {
        throw error;
      }
      source.notice(`Producer snapshot ${path} is removed and an older one used: ${error.message}`);
      await removeLastSnapshot(source);
    }
  }
}

async function removeLastSnapshot(source: ProducerStateSource): Promise<void> {
  const offset = source.snapshots.pop();
  if (offset !== undefined) {
    await source.files.remove(segmentPath(source.directory, offset, Suffix.PRODUCER_SNAPSHOT));
  }
}

async function replaySegment(
  producers: ProducerStateManager,
  source: ProducerStateSource,
  segment: { readonly baseOffset: number; readonly size: number },
  from: number,
  to: number,
): Promise<void> {
  const path = segmentPath(source.directory, segment.baseOffset, Suffix.LOG);
  const file = await source.files.open(path, 'read');
  try {
    const visit: BatchVisitor = (bytes, at, size, position) => {
      if (lastOffset(bytes, at) >= to) {
        return false;
      }
      if (baseOffset(bytes, at) < from) {
        return true;
      }
      if (at + size <= bytes.length && !isValidBatch(bytes, at, size)) {
        source.notice(`The batch at byte ${position} of ${path} says nothing of producers: its CRC is wrong`);
      } else {
        replayBatch(producers, bytes, at, source.notice);
      }
      return true;
    };
    const { end, defect } = await scanBatches(file, 0, segment.size, visit);
    if (defect !== undefined) {
      source.notice(`Producers are known only up to byte ${end} of ${path}, where there is no batch: ${defect}`);
    }
  } finally {
    await file.close();
  }
}

/** Takes over a batch of the log, and completes the transaction that it ends. Returns that one, and what was stable then. */
export function replayBatch(
  producers: ProducerStateManager,
  bytes: Buffer,
  at: number,
  notice: (message: string) => void,
): { readonly completed: CompletedTxn; readonly lastStableOffset: number } | undefined {
  if (magicOf(bytes, at) < 2) {
    return undefined;
  }
  try {
    const completed = producers.replay(bytes, at, messageOffsetOnly(baseOffset(bytes, at)));
    if (completed === undefined) {
      return undefined;
    }
    const lastStableOffset = producers.lastStableOffset(completed);
    producers.completeTxn(completed);
    return { completed, lastStableOffset };
  } catch (error) {
    if (!(error instanceof KafkaError)) {
      throw error;
    }
    notice(`A control record of ${producers.partition} is passed over: ${error.message}`);
    return undefined;
  }
}
