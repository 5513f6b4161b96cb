import { join } from 'node:path';
import type { Files, OpenFile } from '../io/files';
import type { Job } from '../io/jobs';
import { type Logger, silentLogger } from '../logging/logger';
import { KafkaError } from '../protocol/errors';
import { baseOffset, lastOffset, magicOf, partitionLeaderEpoch } from '../records/batch-header';
import { scanBatches, type BatchVisitor } from './batch-scanner';
import { TransactionIndexCheck } from './check-transaction-index';
import { buildIndexes } from './index-builder';
import { LeaderEpochCache } from './leader-epoch-cache';
import {
  formatLeaderEpochs,
  leaderEpochCheckpointName,
  readLeaderEpochs,
  type EpochEntry,
} from './leader-epoch-checkpoint';
import { offsetFromFilename, Suffix } from './log-file-names';
import { loadProducerState, replayBatch } from './producer-state-loader';
import { ProducerStateManager } from './producer-state-manager';
import { listSegments, listSnapshots, segmentPath, writePlain, writeSynced, type SegmentFile } from './segment-files';
import { offsetEntryBytes, offsetEntryPosition, offsetIndexDefect, withoutZeroTail } from './sparse-index';
import { settleTemporaryFiles } from './temporary-files';
import { abortedTxnsOf, formatAbortedTxn, txnIndexDefect } from './transaction-index';

export interface RecoverLogInput {
  readonly directory: string;
  readonly partition: string;
  readonly hadCleanShutdown: boolean;
  /** Everything below was flushed; from the checkpoint. */
  readonly recoveryPoint: number;
  /** From the checkpoint. */
  readonly logStartOffset: number;
  /** Whether offsets may be missing between two segments: a cleaner has been there. */
  readonly mayHaveGaps: boolean;
  readonly indexIntervalBytes: number;
  readonly producerIdExpirationMs: number;
  readonly wallMs: number;
}

export interface RecoverLogResult {
  /** By base offset; empty when there are none (any more). */
  readonly segments: readonly SegmentFile[];
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly recoveryPoint: number;
  /** Whether a producer snapshot at the log end offset is there. */
  readonly hasSnapshot: boolean;
  /** Offsets of the producer snapshots that are there, ascending. */
  readonly snapshots: readonly number[];
  /** What leader-epoch-checkpoint says. */
  readonly leaderEpochs: readonly EpochEntry[];
}

/**
 * Brings a partition's directory into the state that a clean shutdown leaves (Kafka's LogLoader). After an unclean one
 * every segment from the recovery point on is read: at the first batch that is not whole or whose CRC does not agree
 * the log is cut and later segments are removed; indexes, leader epochs and producer state are made anew.
 */
export const recoverLogJob: Job<RecoverLogInput, RecoverLogResult> = {
  name: 'recover-log',
  module: __filename,
  run: recoverLog,
};

export async function recoverLog(
  files: Files,
  input: RecoverLogInput,
  progress: (message: string) => void,
): Promise<RecoverLogResult> {
  return new LogRecovery(files, input, progress).run();
}

class LogRecovery {
  readonly #files: Files;
  readonly #input: RecoverLogInput;
  readonly #progress: (message: string) => void;
  readonly #producers: ProducerStateManager;
  #epochs!: LeaderEpochCache;
  #epochsAreLost = false;
  /** Of the files in the directory. */
  #names: ReadonlySet<string> = new Set();
  #transactionIndexes: TransactionIndexCheck | undefined;
  #segments: SegmentFile[] = [];
  #snapshots: number[] = [];

  constructor(files: Files, input: RecoverLogInput, progress: (message: string) => void) {
    this.#files = files;
    this.#input = input;
    this.#progress = progress;
    this.#producers = new ProducerStateManager(input.partition, input.producerIdExpirationMs, this.#warnings());
  }

  async run(): Promise<RecoverLogResult> {
    const { directory, hadCleanShutdown } = this.#input;
    const names = await settleTemporaryFiles(this.#files, directory, this.#progress);
    this.#segments = await listSegments(this.#files, directory, names);
    this.#snapshots = listSnapshots(names);
    await this.#removeOrphanedIndexes(names);
    await this.#readEpochs();
    this.#names = new Set(names);
    let logEndOffset = hadCleanShutdown ? await this.#endOfCleanLog() : undefined;
    if (logEndOffset === undefined) {
      logEndOffset = await this.#recoverUnflushed();
    }
    logEndOffset = await this.#startAnewWhenEndIsBelowStart(logEndOffset);
    const logStartOffset = Math.max(this.#input.logStartOffset, this.#segments[0]?.baseOffset ?? 0);
    if (this.#epochsAreLost) {
      await this.#relearnEpochs();
    }
    await this.#trimEpochs(logStartOffset, logEndOffset);
    const hasSnapshot = await this.#settleProducerState(logStartOffset, logEndOffset);
    return {
      segments: this.#segments,
      logStartOffset,
      logEndOffset,
      recoveryPoint: hadCleanShutdown ? logEndOffset : Math.min(this.#input.recoveryPoint, logEndOffset),
      hasSnapshot,
      leaderEpochs: this.#epochs.entries,
      snapshots: this.#snapshots,
    };
  }

  async #removeOrphanedIndexes(names: readonly string[]): Promise<void> {
    const bases = new Set(this.#segments.map((segment) => segment.baseOffset));
    for (const name of names) {
      const offset = offsetFromFilename(name);
      const isIndex = [Suffix.OFFSET_INDEX, Suffix.TIME_INDEX, Suffix.TXN_INDEX].some((suffix) =>
        name.endsWith(suffix),
      );
      if (isIndex && offset !== undefined && !bases.has(offset)) {
        this.#progress(`Removing ${join(this.#input.directory, name)}: there is no segment that it is an index of.`);
        await this.#files.remove(join(this.#input.directory, name));
      }
    }
  }

  async #readEpochs(): Promise<void> {
    const { directory, partition } = this.#input;
    let entries: Awaited<ReturnType<typeof readLeaderEpochs>>;
    try {
      entries = await readLeaderEpochs(this.#files, directory);
      if (entries === undefined && this.#segments.some(({ size }) => size > 0)) {
        const path = join(directory, leaderEpochCheckpointName);
        this.#progress(`Leader epochs of ${partition} are taken from its log: ${path} is missing or empty.`);
        this.#epochsAreLost = true;
      }
    } catch (error) {
      if (!(error instanceof KafkaError)) {
        throw error;
      }
      this.#progress(`Leader epochs of ${partition} are taken from its log: ${error.message}.`);
      this.#epochsAreLost = true;
    }
    this.#epochs = new LeaderEpochCache(partition, this.#warnings(), entries ?? []);
  }

  /** From what the batches say: the checkpoint cannot be read. */
  async #relearnEpochs(): Promise<void> {
    this.#epochs.clear();
    for (const { baseOffset: base, size } of this.#segments) {
      const file = await this.#files.open(segmentPath(this.#input.directory, base, Suffix.LOG), 'read');
      try {
        await scanBatches(file, 0, size, (bytes, at) => this.#learnEpoch(bytes, at));
      } finally {
        await file.close();
      }
    }
  }

  #learnEpoch(bytes: Buffer, at: number): void {
    const epoch = partitionLeaderEpoch(bytes, at);
    if (epoch >= 0 && this.#epochs.epochForOffset(baseOffset(bytes, at)) !== epoch) {
      this.#epochs.assign(epoch, baseOffset(bytes, at));
    }
  }

  // --- after a clean shutdown ---

  /** `undefined` when the log is not as a clean shutdown leaves it. */
  async #endOfCleanLog(): Promise<number | undefined> {
    for (const segment of this.#segments) {
      const path = segmentPath(this.#input.directory, segment.baseOffset, Suffix.OFFSET_INDEX);
      await this.#checkIndexes(segment, this.#has(path) ? undefined : `${path} is missing`);
    }
    const last = this.#segments.at(-1);
    if (last === undefined) {
      return this.#input.logStartOffset;
    }
    const file = await this.#files.open(segmentPath(this.#input.directory, last.baseOffset, Suffix.LOG), 'read');
    try {
      const end = await this.#endOfSegment(file, last);
      if (end === undefined) {
        this.#progress(
          `The log of ${this.#input.partition} does not end with a whole batch in spite of a clean shutdown.`,
        );
      }
      return end;
    } finally {
      await file.close();
    }
  }

  #has(path: string): boolean {
    return this.#names.has(path.slice(this.#input.directory.length + 1));
  }

  /** Makes indexes anew when there is a defect already, or the one of transactions does not agree with the log. */
  async #checkIndexes(segment: SegmentFile, defect?: string): Promise<void> {
    const path = segmentPath(this.#input.directory, segment.baseOffset, Suffix.TXN_INDEX);
    if (defect === undefined && this.#has(path)) {
      this.#transactionIndexes ??= new TransactionIndexCheck(this.#files, this.#input.directory, this.#segments);
      const wrong = await this.#transactionIndexes.defect(await this.#files.readFile(path), segment);
      defect = wrong === undefined ? undefined : `${path}: ${wrong}`;
    }
    if (defect !== undefined) {
      this.#progress(`The indexes of a segment of ${this.#input.partition} are made anew: ${defect}.`);
      await this.#rebuildProducersTo(segment.baseOffset);
      // Its epochs are known: what it says of them is not followed by what the segments behind it say.
      await this.#recoverSegment(segment, false, false);
    }
  }

  async #endOfSegment(file: OpenFile, segment: SegmentFile): Promise<number | undefined> {
    const path = segmentPath(this.#input.directory, segment.baseOffset, Suffix.OFFSET_INDEX);
    const entries = withoutZeroTail(await this.#files.readFile(path), offsetEntryBytes);
    const sane = entries.length > 0 && offsetIndexDefect(entries, segment.size) === undefined;
    const from = sane ? offsetEntryPosition(entries, entries.length / offsetEntryBytes - 1) : 0;
    for (const start of from > 0 ? [from, 0] : [0]) {
      let next = segment.baseOffset;
      let newest: { readonly epoch: number; readonly offset: number } | undefined;
      const { end } = await scanBatches(file, start, segment.size, (bytes, at) => {
        // Not of this segment, or out of order: the log must not go on from there.
        if (lastOffset(bytes, at) < next) return false;
        next = lastOffset(bytes, at) + 1;
        if (magicOf(bytes, at) === 2) newest = { epoch: partitionLeaderEpoch(bytes, at), offset: next - 1 };
        return true;
      });
      if (end === segment.size) {
        if (newest !== undefined) this.#checkEpochs(newest.epoch, newest.offset);
        return next;
      }
    }
    return undefined;
  }

  /** The last batch says of which epoch it is: the checkpoint should, too. */
  #checkEpochs(epoch: number, offset: number): void {
    const { directory, partition, logStartOffset } = this.#input;
    const noted = this.#epochs.epochForOffset(offset);
    if (epoch < 0 || noted === epoch || offset < logStartOffset || this.#epochsAreLost) return;
    this.#progress(
      `Leader epochs of ${partition} are taken from its log: ${join(directory, leaderEpochCheckpointName)} says ` +
        `${noted ?? 'nothing'} of offset ${offset}, which is of epoch ${epoch}.`,
    );
    this.#epochsAreLost = true;
  }

  // --- after an unclean shutdown ---

  /** Reads every segment from the recovery point on; returns the log end offset. */
  async #recoverUnflushed(): Promise<number> {
    const { partition, recoveryPoint } = this.#input;
    let first = this.#segments.findLastIndex((segment) => segment.baseOffset <= recoveryPoint);
    first = Math.max(0, first);
    if (this.#input.hadCleanShutdown) {
      first = Math.max(0, this.#segments.length - 1);
    }
    const unflushed = this.#segments.slice(first);
    if (unflushed.length === 0) {
      return this.#input.logStartOffset;
    }
    for (const segment of this.#segments.slice(0, first)) await this.#checkIndexes(segment);
    await this.#rebuildProducersTo(unflushed[0].baseOffset);
    let end = unflushed[0].baseOffset;
    for (const [index, segment] of unflushed.entries()) {
      this.#progress(
        `Recovering ${partition}: segment ${segment.baseOffset} of ${segment.size} bytes, ` +
          `${index} of ${unflushed.length} done.`,
      );
      const recovered = await this.#recoverSegment(segment, true);
      end = recovered.nextOffset;
      const dropped = unflushed.slice(index + 1);
      if (recovered.truncatedBytes > 0) {
        this.#progress(
          `Corruption in segment ${segment.baseOffset} of ${partition} (${recovered.defect}): ` +
            `${recovered.truncatedBytes} bytes cut off, the log ends at offset ${end}.`,
        );
        await this.#removeSegments(dropped);
        break;
      }
      const next = dropped.at(0)?.baseOffset;
      // Where offsets may be missing there is something behind them, or nothing is lost by taking them for lost.
      const isGap = next !== undefined && next > end;
      const isLoss = isGap && (!this.#input.mayHaveGaps || dropped.every(({ size }) => size === 0));
      if (next !== undefined && (next < end || isLoss)) {
        // A segment has lost its end as a whole, or one that was removed is back: with the power, names go, too.
        this.#progress(`The log of ${partition} ends at offset ${end}: segment ${next} does not go on from there.`);
        await this.#removeSegments(dropped);
        break;
      }
    }
    return end;
  }

  /** Makes indexes, epochs and producer state of a segment anew; cuts it at the first bad batch when it may. */
  async #recoverSegment(
    segment: SegmentFile,
    mayTruncate: boolean,
    learnsEpochs = true,
  ): Promise<{ nextOffset: number; truncatedBytes: number; defect: string | undefined }> {
    const { directory, indexIntervalBytes } = this.#input;
    const path = (suffix: string) => segmentPath(directory, segment.baseOffset, suffix);
    const file = await this.#files.open(path(Suffix.LOG), 'write');
    try {
      const aborted: Buffer[] = [];
      const following = this.#segments.find(({ baseOffset: base }) => base > segment.baseOffset)?.baseOffset;
      let next = segment.baseOffset;
      let refusal: string | undefined;
      /** The batch before the present one, when offsets are missing before it: no checksum is over where it begins. */
      let leap: { readonly position: number; readonly next: number } | undefined;
      let liar: number | undefined;
      const visit: BatchVisitor = (bytes, at, _, position) => {
        const first = baseOffset(bytes, at);
        const last = lastOffset(bytes, at);
        const isBack = (magicOf(bytes, at) === 2 ? first : last) < next;
        const isBeyond = last - segment.baseOffset > 0x7fffffff || last >= (following ?? Infinity);
        if (isBack || isBeyond || last < first) {
          if (isBack && leap !== undefined && first >= leap.next) liar = leap.position;
          refusal =
            liar === undefined
              ? `a batch has offsets ${first} to ${last}, where ${next} is next`
              : `a batch ends at offset ${next - 1}, and the next one begins at ${first}`;
          return false;
        }
        leap = first > next ? { position, next } : undefined;
        next = last + 1;
        // The checkpoint may be older than the last append: what the batches say counts.
        if (learnsEpochs && magicOf(bytes, at) === 2) this.#learnEpoch(bytes, at);
        this.#learn(bytes, at, aborted);
        return true;
      };
      const built = await buildIndexes(file, segment.size, segment.baseOffset, indexIntervalBytes, true, visit);
      const sound = mayTruncate && liar !== undefined ? liar : built.scan.end;
      const truncatedBytes = segment.size - sound;
      if (truncatedBytes > 0 && mayTruncate) {
        await file.truncate(sound);
        // Behind it may be the next segment soon, and then nobody would look for what a loss of power brings back.
        await file.sync();
        this.#replaceSegment({ ...segment, size: sound });
      }
      if (mayTruncate && liar !== undefined) {
        await this.#rebuildProducersTo(segment.baseOffset);
        const { nextOffset } = await this.#recoverSegment({ ...segment, size: sound }, false);
        return { nextOffset, truncatedBytes, defect: refusal };
      }
      if (truncatedBytes > 0 && !mayTruncate) aborted.push(...(await this.#abortedFrom(next, segment)));
      // Those of the last segment are flushed with it; the recovery point soon lies behind the others.
      const isLast = segment.baseOffset === this.#segments.at(-1)?.baseOffset;
      const write = isLast ? writePlain : writeSynced;
      await write(this.#files, path(Suffix.OFFSET_INDEX), built.offsetEntries);
      await write(this.#files, path(Suffix.TIME_INDEX), built.timeEntries);
      if (aborted.length > 0) {
        await write(this.#files, path(Suffix.TXN_INDEX), Buffer.concat(aborted));
      } else {
        await this.#files.remove(path(Suffix.TXN_INDEX));
      }
      this.#producers.mapEndOffset = next;
      await this.#writeSnapshot();
      return { nextOffset: next, truncatedBytes, defect: refusal ?? built.scan.defect };
    } finally {
      await file.close();
    }
  }

  /** What the transaction index says of offsets that a damaged segment cannot be read up to. */
  async #abortedFrom(offset: number, segment: SegmentFile): Promise<Buffer[]> {
    const path = segmentPath(this.#input.directory, segment.baseOffset, Suffix.TXN_INDEX);
    if (!this.#has(path)) return [];
    const entries = await this.#files.readFile(path);
    if (txnIndexDefect(entries, segment.baseOffset) !== undefined) return [];
    return abortedTxnsOf(entries).flatMap((txn) => (txn.lastOffset >= offset ? [formatAbortedTxn(txn)] : []));
  }

  #learn(bytes: Buffer, at: number, aborted: Buffer[]): void {
    if (magicOf(bytes, at) < 2) {
      return;
    }
    const ended = replayBatch(this.#producers, bytes, at, this.#progress);
    if (ended?.completed.isAborted === true) {
      const { producerId, firstOffset, lastOffset: marker } = ended.completed;
      const { lastStableOffset } = ended;
      aborted.push(formatAbortedTxn({ producerId, firstOffset, lastOffset: marker, lastStableOffset }));
    }
  }

  async #removeSegments(segments: readonly SegmentFile[]): Promise<void> {
    for (const { baseOffset: base } of segments) {
      this.#progress(`Removing segment ${base} of ${this.#input.partition}: it lies behind the corruption.`);
      for (const suffix of [Suffix.LOG, Suffix.OFFSET_INDEX, Suffix.TIME_INDEX, Suffix.TXN_INDEX]) {
        await this.#files.remove(segmentPath(this.#input.directory, base, suffix));
      }
    }
    this.#segments = this.#segments.filter((segment) => !segments.includes(segment));
    // One that came back with the next loss of power would lie over what is appended from now on.
    if (segments.length > 0) await this.#files.syncDirectory(this.#input.directory);
  }

  #replaceSegment(changed: SegmentFile): void {
    this.#segments = this.#segments.map((segment) => (segment.baseOffset === changed.baseOffset ? changed : segment));
  }

  async #startAnewWhenEndIsBelowStart(logEndOffset: number): Promise<number> {
    const { logStartOffset, partition } = this.#input;
    if (this.#segments.length === 0 || logEndOffset >= logStartOffset) {
      return Math.max(logEndOffset, this.#segments.length === 0 ? logStartOffset : logEndOffset);
    }
    this.#progress(
      `The log of ${partition} ends at offset ${logEndOffset}, before its start offset ${logStartOffset} ` +
        '(files must have been removed): it begins anew there.',
    );
    await this.#removeSegments(this.#segments);
    this.#epochs.clear();
    this.#producers.clear(logStartOffset);
    for (const offset of this.#snapshots.splice(0)) {
      await this.#removeSnapshot(offset);
    }
    return logStartOffset;
  }

  async #trimEpochs(logStartOffset: number, logEndOffset: number): Promise<void> {
    this.#epochs.truncateFromEnd(logEndOffset);
    this.#epochs.truncateFromStart(logStartOffset);
    if (this.#epochs.version > 0 || this.#epochsAreLost) {
      const path = join(this.#input.directory, leaderEpochCheckpointName);
      await this.#files.replaceFile(path, formatLeaderEpochs(this.#epochs.entries));
    }
  }

  // --- producers ---

  /** Sees to it that the producer state is that at the end of the log, and in a snapshot. */
  async #settleProducerState(logStartOffset: number, logEndOffset: number): Promise<boolean> {
    await this.#removeStraySnapshots();
    if (this.#segments.length === 0 || this.#snapshots.includes(logEndOffset)) {
      return this.#snapshots.includes(logEndOffset);
    }
    if (this.#input.hadCleanShutdown && this.#segments.some(({ size }) => size > 0)) {
      const path = segmentPath(this.#input.directory, logEndOffset, Suffix.PRODUCER_SNAPSHOT);
      this.#progress(`The producers of ${this.#input.partition} are taken from its log: ${path} is missing.`);
    }
    await this.#rebuildProducersTo(logEndOffset, logStartOffset);
    return this.#writeSnapshot();
  }

  async #rebuildProducersTo(offset: number, logStartOffset = this.#input.logStartOffset): Promise<void> {
    const { directory, wallMs } = this.#input;
    const source = { files: this.#files, directory, segments: this.#segments, snapshots: this.#snapshots };
    const notice = this.#progress;
    await loadProducerState(this.#producers, { ...source, logStartOffset, wallMs, notice }, offset);
  }

  /** Snapshots that belong to no segment go, except the latest when it is behind the last segment's start. */
  async #removeStraySnapshots(): Promise<void> {
    const bases = new Set(this.#segments.map((segment) => segment.baseOffset));
    const lastBase = this.#segments.at(-1)?.baseOffset ?? -1;
    const kept: number[] = [];
    const latestStray = this.#snapshots.findLast((offset) => !bases.has(offset));
    for (const offset of this.#snapshots) {
      if (bases.has(offset) || (offset === latestStray && offset > lastBase)) {
        kept.push(offset);
      } else {
        await this.#removeSnapshot(offset);
      }
    }
    this.#snapshots = kept;
  }

  async #writeSnapshot(): Promise<boolean> {
    const offset = this.#producers.mapEndOffset;
    if (!this.#snapshots.includes(offset) && offset > 0) {
      const path = segmentPath(this.#input.directory, offset, Suffix.PRODUCER_SNAPSHOT);
      await writePlain(this.#files, path, this.#producers.snapshot());
      this.#snapshots.push(offset);
      this.#snapshots.sort((a, b) => a - b);
    }
    return this.#snapshots.includes(offset);
  }

  async #removeSnapshot(offset: number): Promise<void> {
    await this.#files.remove(segmentPath(this.#input.directory, offset, Suffix.PRODUCER_SNAPSHOT));
  }

  #warnings(): Logger {
    const warn = (message: string) => this.#progress(message);
    return { ...silentLogger, warn };
  }
}
