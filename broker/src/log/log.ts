import { join } from 'node:path';
import type { Timer } from '../io/clock';
import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import { ErrorCode, KafkaError } from '../protocol/errors';
import { analyzeReplicatedRecords } from '../records/analyze-replicated';
import { newAppendInfo, type AppendInfo } from '../records/append-info';
import { baseOffset, batchSize, magicOf, partitionLeaderEpoch } from '../records/batch-header';
import type { RecordRules } from '../records/record-rules';
import { validateAndAssignOffsets } from '../records/validate-records';
import type { FetchData, FetchIsolation } from './fetch-data';
import type { HotTail } from './hot-tail';
import type { IndexCache } from './index-cache';
import { LastRecords } from './last-records';
import { LeaderEpochCache } from './leader-epoch-cache';
import { leaderEpochCheckpointName } from './leader-epoch-checkpoint';
import { CorruptSegmentError } from './corrupt-segment-error';
import { LeaderEpochWriter } from './leader-epoch-writer';
import { UnexpectedAppendOffsetError, type AppendCallback, type AppendOptions, type LogAppendInfo } from './log-append';
import type { LogConfig } from './log-config';
import { isSystemError, storageError, type LogDirectory } from './log-directory';
import { Suffix } from './log-file-names';
import { messageOffsetOnly, type LogOffsetMetadata } from './log-offset-metadata';
import { LogReader } from './log-reader';
import type { RecoverLogResult } from './log-recovery';
import { LogSegment } from './log-segment';
import { LookupGate } from './lookup-gate';
import type { MaybePromise } from './maybe-promise';
import { OperationQueue } from './operation-queue';
import { formatPartitionMetadata, partitionMetadataName } from './partition-metadata';
import { checkProducers, type CheckedProducers } from './check-producers';
import type { CompletedTxn } from './producer-append-info';
import { loadProducerState } from './producer-state-loader';
import type { BatchMetadata, ProducerStateEntry } from './producer-state-entry';
import { ProducerStateManager } from './producer-state-manager';
import { recordRulesOf } from './record-rules-of';
import { segmentsToDelete } from './retention';
import { renameSegment, segmentPath } from './segment-files';
import type { SegmentContext } from './segment-indexes';
import { SegmentList } from './segment-list';
import { ListOffsetsTimestamp, type TimestampAndOffset } from './timestamp-and-offset';
import { firstOffsetSince, offsetOfMaxTimestamp, offsetsBefore } from './timestamp-lookup';
import { movedMarkerName } from './partition-directory';
import { partitionName, type TopicPartition } from './topic-partition';
import { collectAborted, type AbortedTxn } from './transaction-index';
import type { VerificationGuard } from './verification-state-entry';

/** What all logs of a broker share. */
export interface LogEnvironment {
  readonly io: Io;
  readonly logger: Logger;
  readonly indexCache: IndexCache;
  readonly hotTail: HotTail;
  readonly producerIdExpirationMs: number;
  /** Whether transactions are written only when the coordinator knows of them. @default never */
  readonly transactionVerificationEnabled?: () => boolean;
  /**
   * Bytes of appends to one log that may wait while a segment is being rolled or the disk is slow, and twice as many of
   * those to all logs of a directory; more are refused with REQUEST_TIMED_OUT.
   */
  readonly maxWaitingBytes: number;
  /**
   * Writes recovery-point-offset-checkpoint: a log was cut below its recovery point, and after a crash what it got since
   * would not be looked at. Rejects when that cannot be done.
   */
  checkpointRecoveryPoints(directory: LogDirectory): Promise<void>;
  /** Writes replication-offset-checkpoint: a log was cut below its high watermark. Rejects when that cannot be done. */
  checkpointHighWatermarks(directory: LogDirectory): Promise<void>;
  /** A log is being cut at `offset`: what was noted of later offsets is not true any more. */
  truncated?(log: Log, offset: number): Promise<void>;
}

/** Makes a copy the same as the log; to be given up when it is not wanted any more. Returns whether it is. */
export type LastCopy = (isWanted: () => boolean) => Promise<boolean>;

/** How long appends wait for the directory that a log moves to. */
const longestMovePauseMs = 5_000;

interface Parts {
  readonly environment: LogEnvironment;
  readonly directory: LogDirectory;
  readonly context: SegmentContext;
  readonly topicPartition: TopicPartition;
  readonly topicId: string | undefined;
  readonly config: LogConfig;
  readonly segments: SegmentList;
  readonly epochs: LeaderEpochCache;
  readonly producers: ProducerStateManager;
  readonly snapshots: number[];
  readonly recovered: RecoverLogResult;
}

/**
 * A partition's log on this broker (Kafka's UnifiedLog). Appends are written in the turn that they come in, unless the
 * disk may not answer at once; what needs more (that, a new segment, truncation, deletion) is done in order, and appends
 * wait meanwhile. Offsets and segments are changed only by operations in that order; readers see what is there.
 */
export class Log {
  readonly topicPartition: TopicPartition;
  readonly directory: LogDirectory;
  readonly #environment: LogEnvironment;
  readonly #context: SegmentContext;
  readonly #logger: Logger;
  readonly #name: string;
  readonly #segments: SegmentList;
  readonly #epochs: LeaderEpochCache;
  readonly #epochWriter: LeaderEpochWriter;
  readonly #producers: ProducerStateManager;
  readonly #reader: LogReader;
  readonly #queue: OperationQueue;
  readonly #validated: AppendInfo = newAppendInfo();
  /** Offsets of the producer snapshots on disk, ascending. */
  #snapshots: number[];
  #topicId: string | undefined;
  #config: LogConfig;
  #rules: RecordRules;
  #rollAfterMs: number;
  #logStartOffset: number;
  #logEndOffset: number;
  #recoveryPoint: number;
  #highWatermark: LogOffsetMetadata;
  #firstUnstable: LogOffsetMetadata | undefined;
  #closed: 'open' | 'closed' | 'deleted' = 'open';
  /** The copy in another log directory that has taken this one's place. */
  #successor: Log | undefined;
  #truncations = 0;
  #rolls = 0;
  #lastFlushMs: number;
  #flushing: Promise<void> | undefined;
  readonly #gate = new LookupGate();
  /** Work that goes on beside the appends; it is waited for when the log closes. */
  readonly #background = new Set<Promise<unknown>>();
  /** The segments that retention takes away are being renamed. */
  #deleting: Promise<void> = Promise.resolve();
  /** Names in the partition's directory, and its own name: durable after the next flush. */
  #directoryChanged = false;
  #isNew = false;
  #awaitedFlushes = 0;
  /** Files about which something was said. */
  readonly #damaged = new Set<string>();

  private constructor(parts: Parts) {
    const { environment, recovered } = parts;
    this.#environment = environment;
    this.directory = parts.directory;
    this.#queue = new OperationQueue(parts.directory.waiting);
    this.#context = parts.context;
    this.topicPartition = parts.topicPartition;
    this.#name = partitionName(parts.topicPartition);
    this.#logger = environment.logger;
    this.#topicId = parts.topicId;
    this.#config = parts.config;
    this.#rules = recordRulesOf(parts.config);
    this.#rollAfterMs = this.#jitteredSegmentMs();
    this.#segments = parts.segments;
    this.#epochs = parts.epochs;
    this.#epochWriter = new LeaderEpochWriter(
      this.#name,
      this.#epochs,
      async (bytes) =>
        this.#gate.lookup(() => this.directory.files.replaceFile(join(this.path, leaderEpochCheckpointName), bytes)),
      (work) => this.#inBackground('writing leader-epoch-checkpoint', work),
    );
    this.#producers = parts.producers;
    this.#snapshots = parts.snapshots;
    this.#logStartOffset = recovered.logStartOffset;
    this.#logEndOffset = recovered.logEndOffset;
    this.#recoveryPoint = recovered.recoveryPoint;
    this.#highWatermark = messageOffsetOnly(recovered.logStartOffset);
    this.#lastFlushMs = environment.io.clock.monotonicMs();
    this.#updateFirstUnstable();
    const learned = (known: LogOffsetMetadata, exact: LogOffsetMetadata) => {
      if (known === this.#highWatermark) {
        this.#highWatermark = exact;
      }
    };
    this.#reader = new LogReader(this.#name, this.#segments, this, learned, (segment, offset, next) => {
      if (!this.#config.cleanupCompact && offset < next) {
        this.#complain(
          segment.path(Suffix.LOG),
          `it ends before offset ${offset}, and the next segment begins at ${next}`,
        );
      }
    });
  }

  /** Opens what recovery has left in the directory; with an empty directory, a new log. */
  static async open(
    environment: LogEnvironment,
    directory: LogDirectory,
    path: string,
    topicPartition: TopicPartition,
    topicId: string | undefined,
    config: LogConfig,
    recovered: RecoverLogResult,
  ): Promise<Log> {
    const { files } = directory;
    const name = partitionName(topicPartition);
    const wallMs = environment.io.clock.wallMs();
    const context: SegmentContext = {
      files,
      logger: environment.logger,
      indexCache: environment.indexCache,
      hotTail: environment.hotTail,
      directory: path,
      indexIntervalBytes: config.indexIntervalBytes,
      segmentIndexBytes: config.segmentIndexBytes,
      preallocatedBytes: config.preallocate ? config.segmentBytes : 0,
    };
    const segments = new SegmentList();
    for (const { baseOffset: base, size, mtimeMs } of recovered.segments) {
      segments.add(LogSegment.found(context, base, size, mtimeMs, wallMs));
    }
    try {
      if (segments.all.length === 0) {
        segments.add(await LogSegment.create(context, recovered.logEndOffset, wallMs));
      } else {
        await segments.last.openForAppend();
      }
      const producers = new ProducerStateManager(name, environment.producerIdExpirationMs, environment.logger);
      const snapshots = [...recovered.snapshots];
      producers.mapEndOffset = recovered.logEndOffset;
      if (recovered.hasSnapshot) {
        const notice = (message: string) => environment.logger.warn(`${message}.`);
        const { logStartOffset, logEndOffset } = recovered;
        const source = { files, directory: path, segments: segments.all, snapshots, logStartOffset, wallMs, notice };
        await loadProducerState(producers, source, logEndOffset);
      }
      const epochs = new LeaderEpochCache(name, environment.logger, recovered.leaderEpochs);
      const parts = { environment, directory, context, topicPartition, topicId, config, segments, epochs, producers };
      const log = new Log({ ...parts, snapshots, recovered });
      log.#directoryChanged = recovered.segments.length === 0;
      log.#isNew = log.#directoryChanged;
      if (log.#tooMuchUnflushed) {
        // What a crash has left is not on the disk yet: nobody may count on it before.
        await log.flush();
      }
      return log;
    } catch (error) {
      for (const segment of segments.all) await segment.abandon();
      throw error;
    }
  }

  /** 22 characters of base64url; `undefined` when the directory has no partition.metadata. */
  get topicId(): string | undefined {
    return this.#topicId;
  }

  /** The entry of log.dirs that it is in. */
  get logDir(): string {
    return this.directory.path;
  }

  /** The partition's own directory. */
  get path(): string {
    return this.#context.directory;
  }

  get config(): LogConfig {
    return this.#config;
  }

  set config(config: LogConfig) {
    this.#config = config;
    this.#rules = recordRulesOf(config);
    this.#rollAfterMs = this.#jitteredSegmentMs();
    this.#context.indexIntervalBytes = config.indexIntervalBytes;
    this.#context.segmentIndexBytes = config.segmentIndexBytes;
    this.#context.preallocatedBytes = config.preallocate ? config.segmentBytes : 0;
  }

  get logStartOffset(): number {
    return this.#logStartOffset;
  }

  /** Offset of the next record. */
  get logEndOffset(): number {
    return this.#logEndOffset;
  }

  get logEndOffsetMetadata(): LogOffsetMetadata {
    const { baseOffset: segmentBaseOffset, size } = this.#segments.last;
    return { messageOffset: this.#logEndOffset, segmentBaseOffset, relativePositionInSegment: size };
  }

  get highWatermark(): number {
    return this.#highWatermark.messageOffset;
  }

  get highWatermarkMetadata(): LogOffsetMetadata {
    return this.#highWatermark;
  }

  /** Up to where a read-committed consumer may read. */
  get lastStableOffset(): number {
    return this.#lastStableOffsetMetadata().messageOffset;
  }

  get lastStableOffsetMetadata(): LogOffsetMetadata {
    return this.#lastStableOffsetMetadata();
  }

  /** Everything below was flushed. */
  get recoveryPoint(): number {
    return this.#recoveryPoint;
  }

  get unflushedMessages(): number {
    return this.#logEndOffset - this.#recoveryPoint;
  }

  /** Monotonic time of the last flush. */
  get lastFlushMs(): number {
    return this.#lastFlushMs;
  }

  get sizeInBytes(): number {
    return this.#segments.sizeInBytes;
  }

  get numberOfSegments(): number {
    return this.#segments.all.length;
  }

  /** Base offset of the segment that is appended to. */
  get activeSegmentBaseOffset(): number {
    return this.#segments.last.baseOffset;
  }

  /** Base offset of the first segment: the log start offset may lie further on. */
  get firstSegmentBaseOffset(): number {
    return this.#segments.first.baseOffset;
  }

  get isClosed(): boolean {
    return this.#closed !== 'open';
  }

  /** By base offset; the last one is appended to. */
  get segments(): readonly LogSegment[] {
    return this.#segments.all;
  }

  /** How often it was truncated: what was made of its records before may be wrong afterwards. */
  get truncations(): number {
    return this.#truncations;
  }

  activeProducers(): IterableIterator<ProducerStateEntry> {
    return this.#producers.entries();
  }

  /** Whether nobody has written for so long to the transaction that began first: it hangs (KIP-664). */
  hasLateTransaction(wallMs: number, lateAfterMs: number): boolean {
    const last = this.#producers.oldestTxnLastTimestamp;
    return last !== undefined && last > 0 && wallMs - last > lateAfterMs;
  }

  get producerIdCount(): number {
    return this.#producers.size;
  }

  // --- append ---

  /**
   * Appends record batches: as a leader (offsets and leader epoch are set in place) or, with origin `replication`, as a
   * follower. `bytes` belong to the log until `done`. Batches that a producer has sent before are not written again, and
   * are answered as they were then.
   * @returns where it has to wait, how to take it back: whether it had not begun yet; it is not answered then
   */
  append(bytes: Buffer, options: AppendOptions, done: AppendCallback): (() => boolean) | undefined {
    if (this.#successor !== undefined) return this.#successor.append(bytes, options, done);
    if (this.#queue.idle) {
      const longer = this.#append(bytes, options, done);
      if (longer !== undefined) {
        this.#queue.hold(longer);
      }
      return undefined;
    }
    try {
      this.#refuseTooMuch(this.#queue.waitingBytes, bytes.length);
    } catch (error) {
      done(this.#failed(error, 'an append'), undefined);
      return undefined;
    }
    return this.#queue.push(() => this.#append(bytes, options, done), bytes.length);
  }

  /** Throws REQUEST_TIMED_OUT: so much waits already that no more can. */
  #refuseTooMuch(waitingHere: number, bytes: number): void {
    const { maxWaitingBytes } = this.#environment;
    const { path, waiting } = this.directory;
    const isTooMuch = waitingHere + bytes > maxWaitingBytes;
    if (!isTooMuch && waiting.bytes + bytes <= 2 * maxWaitingBytes) return;
    const [waitingBytes, where] = isTooMuch ? [waitingHere, this.#name] : [waiting.bytes, `log directory ${path}`];
    throw new KafkaError(
      ErrorCode.REQUEST_TIMED_OUT,
      `${waitingBytes} bytes wait to be appended to ${where}: its disk is too slow`,
    );
  }

  #append(bytes: Buffer, options: AppendOptions, done: AppendCallback): Promise<void> | undefined {
    if (this.#successor !== undefined) {
      this.#successor.append(bytes, options, done);
      return undefined;
    }
    let error: KafkaError | undefined;
    let info: LogAppendInfo | undefined;
    try {
      const wallMs = this.#environment.io.clock.wallMs();
      const validated = this.#validate(bytes, options, wallMs);
      if (validated.numBatches === 0) {
        info = this.#nothingAppended();
      } else if (this.#shouldRoll(validated, wallMs)) {
        this.#refuseTooMuch(0, bytes.length);
        return this.#rollAndWrite(validated, options, done);
      } else if (!this.#segments.last.isPrompt) {
        this.#refuseTooMuch(0, bytes.length);
        return this.#writeLater(validated, options, done);
      } else {
        const transactionIndex = this.#write(validated, options, wallMs);
        info = this.#written;
        if (transactionIndex !== undefined) {
          return transactionIndex.then(
            () => this.#answer(undefined, info, done),
            (failure: unknown) => this.#answer(this.#failed(failure, 'writing a transaction index'), undefined, done),
          );
        }
      }
    } catch (failure) {
      error = this.#failed(failure, 'an append');
    }
    this.#answer(error, info, done);
    return undefined;
  }

  async #rollAndWrite(validated: AppendInfo, options: AppendOptions, done: AppendCallback): Promise<void> {
    let error: KafkaError | undefined;
    let info: LogAppendInfo | undefined;
    try {
      const newBaseOffset = Math.max(this.#logEndOffset, options.origin === 'replication' ? validated.firstOffset : 0);
      await this.#whileWaiting(validated.records, () => this.#roll(newBaseOffset));
      // Meanwhile the directory may have failed.
      this.#checkUsable();
      await this.#writeUnhurried(validated, options);
      info = this.#written;
    } catch (failure) {
      error = this.#failed(failure, 'rolling a segment');
    }
    this.#answer(error, info, done);
  }

  /** For a disk that may take its time. */
  async #writeLater(validated: AppendInfo, options: AppendOptions, done: AppendCallback): Promise<void> {
    let error: KafkaError | undefined;
    let info: LogAppendInfo | undefined;
    try {
      await this.#writeUnhurried(validated, options);
      info = this.#written;
    } catch (failure) {
      error = this.#failed(failure, 'an append');
    }
    this.#answer(error, info, done);
  }

  #answer(error: KafkaError | undefined, info: LogAppendInfo | undefined, done: AppendCallback): void {
    // A duplicate, too: what it repeats may still be on its way to the disk.
    if (info !== undefined && this.#tooMuchUnflushed) {
      this.#awaitedFlushes++;
      const flushed = (failure: KafkaError | undefined): void => {
        this.#awaitedFlushes--;
        done(failure, failure === undefined ? info : undefined);
      };
      this.flush().then(() => flushed(undefined), flushed);
      return;
    }
    done(error, info);
  }

  get #tooMuchUnflushed(): boolean {
    return this.unflushedMessages > 0 && this.unflushedMessages >= this.#config.flushMessages;
  }

  /**
   * A client is about to write something of a transaction: what to let the write through with, once the coordinator has
   * said that the transaction is open; `undefined` when it is known to be (KIP-890).
   */
  maybeStartTransactionVerification(
    producerId: number,
    sequence: number,
    epoch: number,
  ): VerificationGuard | undefined {
    if ((this.#producers.entry(producerId)?.currentTxnFirstOffset ?? -1) >= 0) {
      return undefined;
    }
    return this.#producers.startVerification(producerId, sequence, epoch, this.#environment.io.clock.wallMs()).guard;
  }

  /**
   * Runs `work` when every append that came before is done, and before any that comes later: nothing is half written
   * while a leader's epoch begins or ends.
   */
  between<T>(work: () => T): Promise<T> {
    return this.#exclusive(
      'changing the role of a partition',
      async () => work(),
      (successor) => successor.between(work),
    );
  }

  #validate(bytes: Buffer, options: AppendOptions, wallMs: number): AppendInfo {
    this.#checkUsable();
    const info = this.#validated;
    if (options.origin === 'replication') {
      analyzeReplicatedRecords(bytes, info);
      if (info.numBatches > 0 && info.firstOffset < this.#logEndOffset) {
        throw new UnexpectedAppendOffsetError(
          `offsets ${info.firstOffset} to ${info.lastOffset} were to be appended to ${this.#name}, ` +
            `where ${this.#logEndOffset} is next and ${this.#logStartOffset} is the start`,
          info.firstOffset,
          info.lastOffset,
        );
      }
    } else {
      const { origin, leaderEpoch } = options;
      const assignment = { offset: this.#logEndOffset, leaderEpoch, now: wallMs, origin };
      validateAndAssignOffsets(bytes, this.#rules, assignment, info);
    }
    if (info.records.length > this.#config.segmentBytes) {
      throw new KafkaError(
        ErrorCode.RECORD_LIST_TOO_LARGE,
        `${info.records.length} bytes of records were to be appended to ${this.#name}, ` +
          `where segment.bytes is ${this.#config.segmentBytes}`,
      );
    }
    return info;
  }

  /** What the last #write did. */
  #written: LogAppendInfo | undefined;

  /** Writes validated batches; returns a promise when the transaction index is being written too. */
  #write(info: AppendInfo, options: AppendOptions, wallMs: number): Promise<void> | undefined {
    const checked = this.#checkProducers(info, options);
    if (checked?.duplicate !== undefined) {
      this.#written = this.#duplicateOf(checked.duplicate);
      return undefined;
    }
    const { records, numBatches, lastOffset, maxTimestamp: timestamp, shallowOffsetOfMaxTimestamp } = info;
    const segment = this.#segments.last;
    const { size: sizeBefore } = segment;
    try {
      segment.append(records, numBatches, lastOffset, timestamp, shallowOffsetOfMaxTimestamp, wallMs);
    } catch (error) {
      // What was written would lie before the next batch, which has the same offsets.
      if (segment.size !== sizeBefore) throw this.directory.unusable(error, `indexing an append to ${this.#name}`);
      throw error;
    }
    return this.#appended(info, checked);
  }

  /**
   * The same by the thread pool, where the disk may not answer at once. Nothing of it is seen before it is written; the
   * queue is held meanwhile.
   */
  async #writeUnhurried(info: AppendInfo, options: AppendOptions): Promise<void> {
    const { clock } = this.#environment.io;
    if (this.#segments.last.isPrompt) {
      await this.#write(info, options, clock.wallMs());
      return;
    }
    const checked = this.#checkProducers(info, options);
    if (checked?.duplicate !== undefined) {
      this.#written = this.#duplicateOf(checked.duplicate);
      return;
    }
    const { records, numBatches, lastOffset, maxTimestamp, shallowOffsetOfMaxTimestamp } = info;
    const segment = this.#segments.last;
    await this.#whileWaiting(records, () => segment.write(records));
    // Meanwhile the directory may have failed.
    this.#checkUsable();
    segment.appended(records, numBatches, lastOffset, maxTimestamp, shallowOffsetOfMaxTimestamp, clock.wallMs());
    await this.#appended(info, checked);
  }

  /** Counts `records` as waiting for the directory meanwhile. */
  async #whileWaiting(records: Buffer, work: () => Promise<void>): Promise<void> {
    const { waiting } = this.directory;
    waiting.bytes += records.length;
    try {
      await work();
    } finally {
      waiting.bytes -= records.length;
    }
  }

  /** What the producers' states say to the batches, which come next. Epochs that begin with them are noted. */
  #checkProducers(info: AppendInfo, { origin, verificationGuard: guard }: AppendOptions): CheckedProducers | undefined {
    this.#assignEpochs(info);
    if (info.numBatches === 1 && info.producerId < 0) return undefined;
    const { baseOffset: segmentBaseOffset, size } = this.#segments.last;
    const verification = this.#environment.transactionVerificationEnabled?.() ? { guard } : undefined;
    return checkProducers(this.#producers, info.records, origin, segmentBaseOffset, size, verification);
  }

  /** Batches were written: they are a part of the log now. Returns a promise as `#write` does. */
  #appended(info: AppendInfo, checked: CheckedProducers | undefined): Promise<void> | undefined {
    const { records, firstOffset, lastOffset, maxTimestamp } = info;
    this.#logEndOffset = lastOffset + 1;
    if (this.#highWatermark.messageOffset >= this.#logEndOffset) {
      this.#highWatermark = this.logEndOffsetMetadata;
    }
    let transactionIndex: Promise<void> | undefined;
    if (checked !== undefined) {
      for (const update of checked.updates) {
        this.#producers.update(update);
      }
      transactionIndex = this.#completeTransactions(checked.completed);
      this.#updateFirstUnstable();
    }
    this.#producers.mapEndOffset = this.#logEndOffset;
    this.#written = {
      firstOffset,
      lastOffset,
      logAppendTimeMs: info.logAppendTime,
      maxTimestamp,
      logStartOffset: this.#logStartOffset,
      bytes: records.length,
      records: info.numRecords,
      duplicate: false,
    };
    return transactionIndex;
  }

  #assignEpochs(info: AppendInfo): void {
    if (info.numBatches === 1 && info.lastLeaderEpoch === this.#epochs.latestEpoch) {
      return;
    }
    const before = this.#epochs.version;
    const { records } = info;
    for (let at = 0; at < records.length; at += batchSize(records, at)) {
      if (magicOf(records, at) >= 2) {
        this.#epochs.assign(partitionLeaderEpoch(records, at), baseOffset(records, at));
      } else {
        this.#epochs.clear();
      }
    }
    if (this.#epochs.version !== before) {
      this.#epochWriter.write();
    }
  }

  #completeTransactions(completed: readonly CompletedTxn[]): Promise<void> | undefined {
    const aborted: AbortedTxn[] = [];
    for (const transaction of completed) {
      const lastStableOffset = this.#producers.lastStableOffset(transaction);
      if (transaction.isAborted) {
        const { producerId, firstOffset, lastOffset } = transaction;
        aborted.push({ producerId, firstOffset, lastOffset, lastStableOffset });
      }
      this.#producers.completeTxn(transaction);
    }
    if (aborted.length === 0) {
      return undefined;
    }
    const segment = this.#segments.last;
    return (async () => {
      try {
        await segment.appendAbortedTxns(aborted);
      } catch (error) {
        // The marker is in the log already: an index without it would show aborted records for good.
        throw this.directory.unusable(error, `writing a transaction index of ${this.#name}`);
      }
    })();
  }

  #duplicateOf(batch: BatchMetadata): LogAppendInfo {
    return {
      firstOffset: batch.lastOffset - batch.offsetDelta,
      lastOffset: batch.lastOffset,
      logAppendTimeMs: batch.timestamp,
      maxTimestamp: batch.timestamp,
      logStartOffset: this.#logStartOffset,
      bytes: 0,
      records: batch.offsetDelta + 1,
      duplicate: true,
    };
  }

  #nothingAppended(): LogAppendInfo {
    const { logStartOffset } = this;
    const none = { firstOffset: -1, lastOffset: -1, logAppendTimeMs: -1, maxTimestamp: -1, bytes: 0, records: 0 };
    return { ...none, logStartOffset, duplicate: false };
  }

  // --- segments ---

  #shouldRoll(info: AppendInfo, wallMs: number): boolean {
    const limits = { segmentBytes: this.#config.segmentBytes, segmentMs: this.#rollAfterMs };
    const segment = this.#segments.last;
    return segment.shouldRoll(info.records.length, info.maxTimestamp, info.lastOffset, limits, wallMs);
  }

  #jitteredSegmentMs(): number {
    const { segmentMs, segmentJitterMs, cleanupCompact, maxCompactionLagMs } = this.#config;
    // The segment that is appended to is not cleaned: it must end before its oldest record is due (KIP-354).
    const rollMs = cleanupCompact && maxCompactionLagMs > 0 ? Math.min(maxCompactionLagMs, segmentMs) : segmentMs;
    const bound = Math.min(segmentJitterMs, rollMs, 2 ** 48);
    return bound > 0 ? rollMs - this.#environment.io.random.below(bound) : rollMs;
  }

  /** Begins a new segment at the log's end. */
  roll(): Promise<void> {
    return this.#exclusive('rolling a segment', () => this.#roll(this.#logEndOffset));
  }

  async #roll(newBaseOffset: number): Promise<void> {
    const old = this.#segments.last;
    if (old.size === 0 && old.baseOffset === newBaseOffset) {
      return;
    }
    this.#rolls++;
    await old.becomeInactive();
    await old.trim();
    if (this.#recoveryPoint >= newBaseOffset && old.size > 0) {
      // It was flushed before its indexes got their last entries, and after a crash nobody looks at it.
      await this.#flushSegment(old);
    }
    const segment = await this.#createSegment(newBaseOffset);
    this.#directoryChanged = true;
    if (old.size === 0) {
      // A follower's first batch lies too far from the base of an empty segment.
      this.#segments.add(segment);
      this.#segments.remove([old]);
      // Its name is free at once: after a truncation there may be another segment of this base offset.
      await this.#renameDeleted([old]);
      void this.#unattended('removing an empty segment', () => this.#removeSegmentFiles([old], Suffix.DELETED));
    } else {
      this.#segments.add(segment);
    }
    this.#rollAfterMs = this.#jitteredSegmentMs();
    this.#producers.mapEndOffset = newBaseOffset;
    const snapshot = this.#takeSnapshot();
    if (this.#highWatermark.messageOffset >= this.#logEndOffset) {
      this.#highWatermark = this.logEndOffsetMetadata;
    }
    this.#logger.debug(`Rolled a segment of ${this.#name} at offset ${newBaseOffset}.`);
    void this.#inBackground('flushing a rolled segment', async () => {
      await snapshot;
      await this.#flushTo(newBaseOffset);
      if (!old.isActive) {
        await old.closeIndexes();
      }
    });
  }

  /** Goes on at `offset`, which lies behind the end: what the log that this is a copy of had between was compacted away. */
  skipTo(offset: number): Promise<void> {
    return this.#exclusive('passing over a gap', async () => {
      if (offset <= this.#logEndOffset) return;
      await this.#roll(offset);
      this.#logEndOffset = offset;
    });
  }

  async #createSegment(baseOffset: number): Promise<LogSegment> {
    const segment = await LogSegment.create(this.#context, baseOffset, this.#environment.io.clock.wallMs());
    try {
      this.#checkUsable();
      return segment;
    } catch (error) {
      // The directory has failed meanwhile: nobody would close the files.
      await segment.abandon();
      throw error;
    }
  }

  /** Writes the producer state as it is now, unless there is a snapshot of this offset. */
  #takeSnapshot(): Promise<void> {
    const offset = this.#producers.mapEndOffset;
    if (offset <= (this.#snapshots.at(-1) ?? 0)) {
      return Promise.resolve();
    }
    const bytes = this.#producers.snapshot();
    this.#snapshots.push(offset);
    const path = segmentPath(this.#context.directory, offset, Suffix.PRODUCER_SNAPSHOT);
    return this.#inBackground('writing a producer snapshot', () => this.directory.files.replaceFile(path, bytes));
  }

  // --- flush ---

  /** Everything that is in the log now is on stable storage when this resolves, and the recovery point is behind it. */
  flush(): Promise<void> {
    return this.#flushTo(this.#logEndOffset).catch((error: unknown) => {
      throw this.#failed(error, 'a flush');
    });
  }

  async #flushTo(offset: number): Promise<void> {
    while (this.#flushing !== undefined) {
      await this.#flushing;
    }
    if ((this.#recoveryPoint >= offset && !this.#directoryChanged) || this.#closed === 'deleted') {
      return;
    }
    const flushing = this.#flushNow(offset);
    const settled = flushing.catch(() => {});
    this.#flushing = settled;
    try {
      await flushing;
    } finally {
      if (this.#flushing === settled) {
        this.#flushing = undefined;
      }
    }
  }

  async #flushNow(offset: number): Promise<void> {
    const truncations = this.#truncations;
    const rolls = this.#rolls;
    for (const segment of this.#segments.between(this.#recoveryPoint, offset)) {
      await this.#flushSegment(segment);
    }
    await this.#epochWriter.written();
    // What was taken away unflushed must not be back behind the recovery point.
    await this.#deleting;
    if (this.#directoryChanged) {
      this.#directoryChanged = false;
      try {
        await this.directory.files.syncDirectory(this.#context.directory);
        if (this.#isNew) {
          await this.directory.files.syncDirectory(this.directory.path);
          this.#isNew = false;
        }
      } catch (error) {
        this.#directoryChanged = true;
        throw error;
      }
    }
    if (truncations === this.#truncations) {
      // The indexes of a segment that was rolled meanwhile got their last entries when they were flushed, perhaps: it
      // counts with the next flush.
      const flushed = rolls === this.#rolls ? offset : Math.min(offset, this.#segments.last.baseOffset - 1);
      this.#recoveryPoint = Math.max(this.#recoveryPoint, flushed);
    }
    this.#lastFlushMs = this.#environment.io.clock.monotonicMs();
  }

  async #flushSegment(segment: LogSegment): Promise<void> {
    segment.retain();
    try {
      await segment.flush();
    } catch (error) {
      // Retention may take it away meanwhile.
      if (this.#segments.all.includes(segment)) {
        throw error;
      }
    } finally {
      segment.release();
    }
  }

  // --- watermarks ---

  /** Moves the high watermark anywhere between the log's start and end; returns what it became. */
  updateHighWatermark(highWatermark: number | LogOffsetMetadata): number {
    const wanted = typeof highWatermark === 'number' ? messageOffsetOnly(highWatermark) : this.#placed(highWatermark);
    let next = wanted;
    if (wanted.messageOffset < this.#logStartOffset) {
      next = messageOffsetOnly(this.#logStartOffset);
    } else if (wanted.messageOffset >= this.#logEndOffset) {
      next = this.logEndOffsetMetadata;
    }
    this.#setHighWatermark(next);
    return next.messageOffset;
  }

  /**
   * Moves it forward only, by offset or (same offset) to a newer segment; returns the old one when it moved. While
   * appends wait for a flush that flush.messages asks for, it goes no further than what is flushed.
   */
  maybeIncrementHighWatermark(highWatermark: LogOffsetMetadata): LogOffsetMetadata | undefined {
    if (highWatermark.messageOffset > this.#logEndOffset) {
      throw new KafkaError(
        ErrorCode.UNKNOWN_SERVER_ERROR,
        `high watermark ${highWatermark.messageOffset} of ${this.#name} is beyond its log end offset ${this.#logEndOffset}`,
      );
    }
    const old = this.#highWatermark;
    if (this.#awaitedFlushes > 0 && highWatermark.messageOffset > this.#recoveryPoint) {
      if (this.#recoveryPoint <= old.messageOffset) {
        return undefined;
      }
      highWatermark = messageOffsetOnly(this.#recoveryPoint);
    }
    const moved =
      old.messageOffset < highWatermark.messageOffset ||
      (old.messageOffset === highWatermark.messageOffset && old.segmentBaseOffset < highWatermark.segmentBaseOffset);
    if (!moved) {
      return undefined;
    }
    this.#setHighWatermark(this.#placed(highWatermark));
    return old;
  }

  /** The place of an offset may be of a time before its segment was exchanged: then only the offset counts. */
  #placed(of: LogOffsetMetadata): LogOffsetMetadata {
    const { segmentBaseOffset: base, relativePositionInSegment: position, messageOffset } = of;
    const { last, all } = this.#segments;
    if (base < 0 || (base === last.baseOffset && position <= last.size)) return of;
    const index = this.#segments.floorIndex(base);
    const isThere = index >= 0 && all[index].baseOffset === base && position <= all[index].size;
    // The end of a segment that is not the last one moves when the segment is compacted.
    return isThere && messageOffset < all[index + 1]?.baseOffset ? of : messageOffsetOnly(messageOffset);
  }

  #setHighWatermark(highWatermark: LogOffsetMetadata): void {
    this.#highWatermark = highWatermark;
    this.#producers.onHighWatermarkUpdated(highWatermark.messageOffset);
    this.#updateFirstUnstable();
  }

  #updateFirstUnstable(): void {
    const first = this.#producers.firstUnstableOffset;
    this.#firstUnstable =
      first !== undefined && first.messageOffset < this.#logStartOffset
        ? messageOffsetOnly(this.#logStartOffset)
        : first;
  }

  #lastStableOffsetMetadata(): LogOffsetMetadata {
    const unstable = this.#firstUnstable;
    return unstable !== undefined && unstable.messageOffset < this.highWatermark ? unstable : this.#highWatermark;
  }

  /**
   * DeleteRecords, retention, and the leader's log start offset. Throws OFFSET_OUT_OF_RANGE above the high watermark.
   * Returns whether it moved; segments that lie before it go with the next `deleteOldSegments`.
   */
  maybeIncrementLogStartOffset(offset: number): boolean {
    if (this.#successor !== undefined) return this.#successor.maybeIncrementLogStartOffset(offset);
    this.#checkUsable();
    if (offset > this.highWatermark) {
      throw new KafkaError(
        ErrorCode.OFFSET_OUT_OF_RANGE,
        `log start offset ${offset} was asked for ${this.#name}, whose high watermark is ${this.highWatermark}`,
      );
    }
    if (offset <= this.#logStartOffset) {
      return false;
    }
    // The recovery point stays: this start may be forgotten in a crash, and what lies before it be there unflushed.
    this.#logStartOffset = offset;
    this.#epochs.truncateFromStart(offset);
    this.#epochWriter.write();
    this.#producers.onLogStartOffsetIncremented(offset);
    this.#updateFirstUnstable();
    this.#logger.info(`The log of ${this.#name} now starts at offset ${offset}.`);
    return true;
  }

  // --- read ---

  /**
   * Whole batches from the one that holds `offset`, up to `maxBytes` (the first one in any case with `minOneMessage`),
   * from one segment. A promise only when a disk has to be asked. Throws, or rejects with, OFFSET_OUT_OF_RANGE and
   * KAFKA_STORAGE_ERROR.
   */
  read(offset: number, maxBytes: number, isolation: FetchIsolation, minOneMessage: boolean): MaybePromise<FetchData> {
    if (this.#successor !== undefined) return this.#successor.read(offset, maxBytes, isolation, minOneMessage);
    this.#checkUsable();
    const limit = this.#limitOf(isolation);
    const committed = isolation === 'txnCommitted';
    return this.#guarded(() =>
      this.#gate.lookup(() => this.#reader.read(offset, maxBytes, limit, committed, minOneMessage)),
    );
  }

  #limitOf(isolation: FetchIsolation): LogOffsetMetadata {
    switch (isolation) {
      case 'logEnd':
        return this.logEndOffsetMetadata;
      case 'highWatermark':
        return this.#highWatermark;
      case 'txnCommitted':
        return this.#lastStableOffsetMetadata();
    }
  }

  /**
   * ListOffsets. `timestamp` is a time, or one of ListOffsetsTimestamp; `undefined`: there is no such record.
   * LATEST answers the log end offset: what a consumer may see is for the caller to say.
   */
  async fetchOffsetByTimestamp(timestamp: number): Promise<TimestampAndOffset | undefined> {
    if (this.#successor !== undefined) return this.#successor.fetchOffsetByTimestamp(timestamp);
    this.#checkUsable();
    switch (timestamp) {
      case ListOffsetsTimestamp.EARLIEST:
      case ListOffsetsTimestamp.EARLIEST_LOCAL: {
        const first = this.#epochs.earliestEntry;
        const known = first !== undefined && first.startOffset <= this.#logStartOffset;
        return { timestamp: -1, offset: this.#logStartOffset, leaderEpoch: known ? first.epoch : undefined };
      }
      case ListOffsetsTimestamp.LATEST:
        return { timestamp: -1, offset: this.#logEndOffset, leaderEpoch: this.#epochs.latestEpoch };
      case ListOffsetsTimestamp.LATEST_TIERED:
        return { timestamp: -1, offset: -1, leaderEpoch: -1 };
    }
    return this.#guarded(() =>
      this.#withSegments((segments) =>
        timestamp === ListOffsetsTimestamp.MAX_TIMESTAMP
          ? offsetOfMaxTimestamp(segments)
          : firstOffsetSince(segments, this.#logStartOffset, timestamp),
      ),
    );
  }

  /** Asks something of the segments; `work` may have to do it twice, when some of them go meanwhile. */
  inspect<T>(work: (segments: readonly LogSegment[]) => Promise<T>): Promise<T> {
    return Promise.resolve(this.#guarded(() => this.#withSegments(work)));
  }

  /**
   * Work on the segments as they are now. When it fails and segments were removed meanwhile, their files had other names
   * already: it is done again with those that are left.
   */
  async #withSegments<T>(work: (segments: readonly LogSegment[]) => Promise<T>): Promise<T> {
    for (;;) {
      let segments: readonly LogSegment[] = [];
      try {
        return await this.#gate.lookup(() => {
          segments = [...this.#segments.all];
          segments.forEach((segment) => segment.retain());
          return work(segments);
        });
      } catch (error) {
        if (this.isClosed || segments.every((segment) => this.#segments.all.includes(segment))) {
          throw error;
        }
      } finally {
        segments.forEach((segment) => segment.release());
      }
    }
  }

  /** ListOffsets v0: up to `maxOffsets` offsets, latest first, of segments last written at `timestamp` or before. */
  legacyFetchOffsetsBefore(timestamp: number, maxOffsets: number): number[] {
    if (this.#successor !== undefined) {
      return this.#successor.legacyFetchOffsetsBefore(timestamp, maxOffsets);
    }
    this.#checkUsable();
    const wallMs = this.#environment.io.clock.wallMs();
    const { logStartOffset, logEndOffset } = this;
    return offsetsBefore(this.#segments.all, logStartOffset, logEndOffset, timestamp, maxOffsets, wallMs);
  }

  // --- leader epochs ---

  get latestEpoch(): number | undefined {
    return this.#epochs.latestEpoch;
  }

  get leaderEpochs(): LeaderEpochCache['entries'] {
    return this.#epochs.entries;
  }

  /** OffsetForLeaderEpoch; `undefined` when nothing is known of it. */
  endOffsetForEpoch(leaderEpoch: number): { leaderEpoch: number; endOffset: number } | undefined {
    return this.#epochs.endOffsetFor(leaderEpoch, this.#logEndOffset);
  }

  /** This broker became leader with this epoch. */
  assignEpochStartOffset(leaderEpoch: number, startOffset: number): void {
    this.#checkUsable();
    this.#epochs.assign(leaderEpoch, startOffset);
    this.#epochWriter.write();
  }

  // --- truncation and deletion ---

  /** Cuts the log so that `offset` is next. Returns whether records went. */
  truncateTo(offset: number): Promise<boolean> {
    if (!Number.isSafeInteger(offset) || offset < 0) {
      throw new RangeError(`offset ${offset} to truncate ${this.#name} to is not one`);
    }
    return this.#exclusive(
      'a truncation',
      () => this.#truncateTo(offset),
      (successor) => successor.truncateTo(offset),
    );
  }

  async #truncateTo(offset: number): Promise<boolean> {
    if (offset >= this.#logEndOffset) {
      this.#epochs.truncateFromEnd(offset);
      this.#epochWriter.write();
      return false;
    }
    this.#logger.info(`Truncating ${this.#name} from offset ${this.#logEndOffset} to ${offset}.`);
    if (this.#segments.first.baseOffset > offset) {
      await this.#truncateFullyAndStartAt(offset, undefined);
      return true;
    }
    await this.#beforeTruncation();
    return this.#orUnusable('a truncation', () => this.#cut(offset));
  }

  async #cut(offset: number): Promise<boolean> {
    const gone = this.#segments.all.filter((segment) => segment.baseOffset > offset);
    this.#segments.remove(gone);
    const segment = this.#segments.last;
    this.#truncations++;
    this.#logEndOffset = offset;
    this.#logStartOffset = Math.min(this.#logStartOffset, offset);
    if (this.highWatermark > offset) {
      this.#setHighWatermark(messageOffsetOnly(offset));
      // After a kill the old one would make committed of whatever had come in the meantime.
      await this.#environment.checkpointHighWatermarks(this.directory);
    }
    await this.#lowerRecoveryPoint(offset);
    // The newest first: what a crash leaves must have no gap.
    await this.#renameDeleted([...gone].reverse());
    this.#directoryChanged = true;
    if (gone.length > 0) {
      // A segment that came back would lie over what is appended from now on.
      await this.directory.files.syncDirectory(this.#context.directory);
    }
    if (!segment.isActive) {
      await segment.openForAppend();
    }
    await segment.truncateTo(offset, this.#environment.io.clock.wallMs());
    this.#epochs.truncateFromEnd(offset);
    this.#truncations++;
    this.#epochWriter.write();
    await this.#reloadProducers();
    this.#lowerHighWatermark();
    void this.#unattended('removing truncated segments', () => this.#removeSegmentFiles(gone, Suffix.DELETED));
    return true;
  }

  /** Drops everything; `offset` is next. `logStartOffset` may lie before it (then records are to be fetched). */
  truncateFullyAndStartAt(offset: number, logStartOffset?: number): Promise<void> {
    return this.#exclusive(
      'a truncation',
      () => this.#truncateFullyAndStartAt(offset, logStartOffset),
      (successor) => successor.truncateFullyAndStartAt(offset, logStartOffset),
    );
  }

  async #truncateFullyAndStartAt(offset: number, logStartOffset: number | undefined): Promise<void> {
    this.#logger.info(`Dropping all of ${this.#name}; it starts anew at offset ${offset}.`);
    await this.#beforeTruncation();
    await this.#orUnusable('a truncation', () => this.#cutAll(offset, logStartOffset));
  }

  async #cutAll(offset: number, logStartOffset: number | undefined): Promise<void> {
    const gone = [...this.#segments.all];
    await this.#renameDeleted(gone);
    const segment = await this.#createSegment(offset);
    this.#directoryChanged = true;
    await this.directory.files.syncDirectory(this.#context.directory);
    this.#segments.remove(gone);
    this.#segments.add(segment);
    this.#truncations++;
    this.#logEndOffset = offset;
    this.#logStartOffset = logStartOffset ?? offset;
    await this.#lowerRecoveryPoint(offset);
    this.#recoveryPoint = offset;
    this.#epochs.clear();
    this.#truncations++;
    this.#epochWriter.write();
    this.#producers.clear(offset);
    await this.#removeSnapshots(() => true);
    const isLower = this.highWatermark > offset;
    this.#highWatermark = this.logEndOffsetMetadata;
    if (isLower) await this.#environment.checkpointHighWatermarks(this.directory);
    this.#updateFirstUnstable();
    void this.#unattended('removing truncated segments', () => this.#removeSegmentFiles(gone, Suffix.DELETED));
  }

  /**
   * What is done half way leaves a log that only loading it anew puts right. Its whole directory goes offline: failing the
   * log alone, the directory would be called clean at the next shutdown, and nothing be recovered.
   */
  async #orUnusable<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.directory.unusable(error, `${doing} of ${this.#name}`);
    }
  }

  async #lowerRecoveryPoint(offset: number): Promise<void> {
    await this.#environment.truncated?.(this, offset);
    if (offset < this.#recoveryPoint) {
      this.#recoveryPoint = offset;
      await this.#environment.checkpointRecoveryPoints(this.directory);
    }
  }

  /**
   * A flush, or the writing of a snapshot, that is under way must not touch what is cut off. Whoever looked at the log
   * before, between and after what a truncation waits for must not take what he saw for what is there in the end: so
   * truncations are counted when one begins, when the log ends elsewhere, and when its epochs do.
   */
  async #beforeTruncation(): Promise<void> {
    this.#truncations++;
    while (this.#flushing !== undefined) {
      await this.#flushing;
    }
    await this.#settleBackground();
  }

  async #reloadProducers(): Promise<void> {
    await loadProducerState(
      this.#producers,
      {
        files: this.directory.files,
        directory: this.#context.directory,
        segments: this.#segments.all,
        snapshots: this.#snapshots,
        logStartOffset: this.#logStartOffset,
        wallMs: this.#environment.io.clock.wallMs(),
        notice: (message) => this.#logger.warn(`${message}.`),
      },
      this.#logEndOffset,
    );
    this.#updateFirstUnstable();
  }

  #lowerHighWatermark(): void {
    if (this.#highWatermark.messageOffset >= this.#logEndOffset) {
      this.#setHighWatermark(this.logEndOffsetMetadata);
    }
  }

  /**
   * Retention: removes segments that lie before the log start offset and, with cleanup.policy delete, those that are
   * too old or too much. Nothing above the high watermark goes. Returns how many went.
   */
  async deleteOldSegments(): Promise<number> {
    this.#checkUsable();
    const ages = new Map<LogSegment, { readonly timestamp: number; readonly size: number }>();
    await this.#guarded(() =>
      this.#withSegments(async (segments) => {
        for (const segment of segments) {
          const { size } = segment;
          ages.set(segment, { timestamp: await segment.largestTimestamp(), size });
        }
      }),
    );
    const { gone, renamed } = await this.#exclusive('retention', async () => {
      const wallMs = this.#environment.io.clock.wallMs();
      const { highWatermark, logStartOffset, logEndOffset, config } = this;
      const offsets = { highWatermark, logStartOffset, logEndOffset };
      // Of a segment that was appended to meanwhile the age is not known: its newest record is newer.
      const timestampOf = (segment: LogSegment) => {
        const age = ages.get(segment);
        return age?.size === segment.size ? age.timestamp : undefined;
      };
      const chosen = segmentsToDelete(this.#segments.all, config, offsets, timestampOf, wallMs);
      if (chosen.length > 0 && chosen.length === this.#segments.all.length) {
        await this.#roll(logEndOffset);
        if (this.#segments.last === chosen[chosen.length - 1].segment) {
          chosen.pop();
        }
      }
      const segments = chosen.map(({ segment }) => segment);
      for (const { segment, why } of chosen) {
        this.#logger.info(`Deleting segment ${segment.baseOffset} of ${this.#name}: ${why}.`);
      }
      if (segments.length > 0) {
        this.#segments.remove(segments);
        this.maybeIncrementLogStartOffset(Math.min(this.#segments.first.baseOffset, this.highWatermark));
      }
      // Begun before the next operation: that may change the names.
      const renaming = this.#inBackground('deleting segments', async () => {
        // Older segments before newer ones: what a crash leaves must have no gap. And none without its snapshot: with an
        // older one transactions would be taken for open whose markers are gone.
        const earlier = this.#deleting;
        const deleting = (async () => {
          await earlier;
          await this.#renameDeleted(segments);
          this.#directoryChanged = true;
          await this.#removeSnapshots((offset) => offset <= (segments.at(-1)?.baseOffset ?? -1));
        })();
        this.#deleting = deleting.catch(() => {});
        await deleting;
      });
      return { gone: segments, renamed: () => renaming };
    });
    await renamed();
    if (gone.length > 0) this.#removeLater(gone);
    return gone.length;
  }

  /** Segments that have the suffix `.deleted`: after file.delete.delay.ms. */
  #removeLater(segments: readonly LogSegment[]): void {
    this.#environment.io.clock.timer(this.#config.fileDeleteDelayMs, () => {
      if (this.#closed === 'open') {
        void this.#unattended('deleting segments', () => this.#removeSegmentFiles(segments, Suffix.DELETED));
      }
    });
  }

  // --- compaction ---

  /** Aborted transactions that touch the offsets [start, end): all of those that are stable. */
  collectAbortedTransactions(start: number, end: number): Promise<AbortedTxn[]> {
    return this.inspect(async (segments) => {
      const found: AbortedTxn[] = [];
      for (const segment of segments.slice(Math.max(0, this.#segments.floorIndex(start)))) {
        if (collectAborted(await segment.txnEntries(), start, end, found)) {
          break;
        }
      }
      return found;
    });
  }

  /** What each producer that is known wrote last. */
  lastRecordsOfActiveProducers(): LastRecords {
    return LastRecords.of(this.#producers.entries());
  }

  /**
   * A compacted segment, complete and on the disk under names that end with `.cleaned`, takes the place of `old`, which
   * lie side by side and are not appended to. A crash at any moment leaves either them or what takes their place, and
   * the next start ends it (see settleTemporaryFiles). Returns false, and does nothing, when the log was changed since
   * `truncations` or some of `old` are gone.
   */
  async replaceSegments(size: number, old: readonly LogSegment[], truncations: number): Promise<boolean> {
    const mayReplace = (): boolean => {
      const { all } = this.#segments;
      const first = all.indexOf(old[0]);
      const isThere = first >= 0 && old.every((segment, index) => all[first + index] === segment);
      return this.#truncations === truncations && isThere && !old.includes(this.#segments.last);
    };
    if (!mayReplace()) return false;
    // What may take long is done while appends go on.
    try {
      this.#checkUsable();
      await this.#settleBackground();
      // What made records superfluous must not be lost before they are: newer ones of the same key, and the markers that
      // have decided of their transactions, which may be in the last segment.
      await this.#flushTo(this.#logEndOffset);
      // What is recovered after a crash begins behind the holes that are made then. Only a truncation lowers it.
      await this.#environment.checkpointRecoveryPoints(this.directory);
    } catch (error) {
      throw this.#failed(error, 'compaction');
    }
    return this.#exclusive('compaction', async () => {
      if (!mayReplace()) return false;
      await this.#withoutLookups(() => this.#orUnusable('an exchange of segments', () => this.#exchange(size, old)));
      return true;
    });
  }

  /** Work that gives files other names: meanwhile none is looked for by its name, nor flushed. */
  async #withoutLookups(work: () => Promise<void>): Promise<void> {
    while (this.#background.size > 0 || this.#flushing !== undefined) {
      await this.#flushing;
      await this.#settleBackground();
    }
    const renamed = this.#gate.withoutLookups(work);
    const settled = renamed.catch(() => {});
    this.#flushing = settled;
    try {
      await renamed;
    } finally {
      if (this.#flushing === settled) this.#flushing = undefined;
    }
  }

  async #exchange(size: number, old: readonly LogSegment[]): Promise<void> {
    const { files } = this.directory;
    const { baseOffset: base } = old[0];
    const { lastModifiedMs } = old[old.length - 1];
    await renameSegment(files, this.#context.directory, base, Suffix.CLEANED, Suffix.SWAP);
    await this.#renameDeleted(old);
    await renameSegment(files, this.#context.directory, base, Suffix.SWAP, '');
    const wallMs = this.#environment.io.clock.wallMs();
    const segment = LogSegment.found(this.#context, base, size, lastModifiedMs, wallMs);
    this.#segments.replace(old, segment);
    const bases = new Set(old.map(({ baseOffset }) => baseOffset));
    if (bases.has(this.#highWatermark.segmentBaseOffset)) {
      this.#highWatermark = messageOffsetOnly(this.highWatermark);
    }
    bases.delete(base);
    await this.#removeSnapshots((offset) => bases.has(offset));
    this.#directoryChanged = true;
    void this.#inBackground('compaction', async () => {
      try {
        await files.setModified(segment.path(Suffix.LOG), lastModifiedMs);
        await files.syncDirectory(this.#context.directory);
      } finally {
        this.#removeLater(old);
      }
    });
  }

  async #renameDeleted(segments: readonly LogSegment[]): Promise<void> {
    for (const segment of segments) {
      await segment.rename(Suffix.DELETED);
    }
  }

  /** Removes files of segments that are not in the list any more, once nobody reads them. */
  async #removeSegmentFiles(segments: readonly LogSegment[], suffix = ''): Promise<void> {
    for (const segment of segments) {
      await segment.abandon();
      if (this.#closed !== 'deleted') {
        await this.#gate.lookup(() => segment.removeFiles(suffix));
      }
    }
  }

  async #removeSnapshots(which: (offset: number) => boolean): Promise<void> {
    const gone = this.#snapshots.filter(which);
    this.#snapshots = this.#snapshots.filter((offset) => !gone.includes(offset));
    for (const offset of gone) {
      await this.directory.files.remove(segmentPath(this.#context.directory, offset, Suffix.PRODUCER_SNAPSHOT));
    }
  }

  // --- the rest of its life ---

  /** Forgets producers that have not written for producer.id.expiration.ms. */
  removeExpiredProducers(): void {
    this.#producers.removeExpired(this.#environment.io.clock.wallMs());
  }

  /** Writes partition.metadata. Throws INCONSISTENT_TOPIC_ID when the partition belongs to another topic. */
  async assignTopicId(topicId: string): Promise<void> {
    if (this.#topicId === topicId) {
      return;
    }
    if (this.#topicId !== undefined) {
      throw new KafkaError(
        ErrorCode.INCONSISTENT_TOPIC_ID,
        `the directory of ${this.#name} belongs to topic id ${this.#topicId}, not to ${topicId}`,
      );
    }
    this.#topicId = topicId;
    await this.#guarded(() =>
      this.directory.files.replaceFile(
        join(this.#context.directory, partitionMetadataName),
        formatPartitionMetadata(topicId),
      ),
    );
  }

  /** Flushes, writes the producer snapshot and closes the files. Appends that wait are done before. */
  async close(): Promise<void> {
    await this.#exclusive('closing', async () => {
      await this.#settleBackground();
      if (this.#closed === 'open') {
        await this.#flushTo(this.#logEndOffset);
        await this.#takeSnapshot();
        this.#closed = 'closed';
        for (const segment of this.#segments.all) {
          await segment.close();
        }
      }
    });
  }

  /** Closes the files without writing, each when nobody reads it any more: the log directory has failed. */
  abandon(): void {
    this.#closed = 'closed';
    this.#abandonSegments();
  }

  #abandonSegments(): void {
    for (const segment of this.#segments.all) {
      segment.abandon().catch(() => {});
    }
  }

  /**
   * Takes the partition away: its directory gets another name, nothing can be appended or read any more, and readers
   * that hold ranges go on.
   */
  async renameDirectory(path: string): Promise<void> {
    const rename = async (): Promise<void> => {
      this.#closed = 'deleted';
      await this.#settleBackground();
      if (this.#successor !== undefined) await this.#gate.none();
      this.#abandonSegments();
      await this.directory.files.rename(this.#context.directory, path);
      this.#context.directory = path;
      await this.directory.files.syncDirectory(this.directory.path);
    };
    // Of one that was replaced nothing is used any more.
    if (this.#successor !== undefined) await this.#guarded(rename);
    else await this.#exclusive('deleting a partition', rename);
  }

  /**
   * Has a copy in another log directory take this log's place (Kafka's replaceCurrentWithFutureLog). Appends wait while
   * `lastCopy` makes the two the same, and while the copy gets its directory's new name, `path`, for good; `replaced` is
   * called in the turn in which it has it. Who waits then, or still holds on to this log, appends to the copy and reads from
   * it. What is left of this log is the caller's to rename. When the other directory takes too long, appends go on here.
   * @returns whether it was done: `lastCopy` may find that it cannot
   */
  async replaceBy(successor: Log, path: string, lastCopy: LastCopy, replaced: () => void): Promise<boolean> {
    const former = successor.path;
    let prepared: Promise<boolean> = Promise.resolve(false);
    let isDone = false;
    try {
      isDone = await this.#exclusive('moving to another log directory', async () => {
        let isWanted = true;
        prepared = this.#prepareSuccessor(successor, path, lastCopy, () => isWanted);
        const isReady = await this.#within(longestMovePauseMs, prepared);
        isWanted = false;
        if (isReady === undefined) {
          this.#logger.warn(
            `${this.#name} is not moved yet: ${successor.logDir} has not answered for ${longestMovePauseMs / 1000} s. ` +
              'Appends go on where it is; then the move is tried again.',
          );
        }
        if (isReady !== true || this.#closed !== 'open') return false;
        successor.updateHighWatermark(this.highWatermark);
        // Records may have been deleted since the last copy.
        successor.maybeIncrementLogStartOffset(Math.min(this.#logStartOffset, successor.highWatermark));
        successor.#producers.adoptVerifications(this.#producers);
        this.#successor = successor;
        this.#closed = 'deleted';
        replaced();
        return true;
      });
    } finally {
      // Nothing of this attempt is on its way when there is another one.
      const isNamed = await prepared.catch(() => false);
      if (isNamed && !isDone) await successor.#exclusive('renaming a copy', () => successor.#rename(former, false));
    }
    return isDone;
  }

  /** Returns whether the copy is the same as this log and has its name. It has not when it is not wanted any more. */
  async #prepareSuccessor(successor: Log, path: string, lastCopy: LastCopy, isWanted: () => boolean): Promise<boolean> {
    if (!(await lastCopy(isWanted)) || !isWanted()) return false;
    // An epoch of this leader in which nothing was written yet.
    for (const { epoch, startOffset } of this.#epochs.entries) {
      if (epoch > (successor.latestEpoch ?? -1)) successor.assignEpochStartOffset(epoch, startOffset);
    }
    if (this.#topicId !== undefined) await successor.assignTopicId(this.#topicId);
    await successor.flush();
    return isWanted() && successor.#takeName(path, isWanted);
  }

  /** `undefined` when it takes longer; it goes on then. */
  async #within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
    let timer: Timer | undefined;
    const tooLong = new Promise<undefined>((resolve) => {
      timer = this.#environment.io.clock.timer(ms, () => resolve(undefined));
    });
    try {
      return await Promise.race([work, tooLong]);
    } finally {
      timer?.cancel();
    }
  }

  /** The directory gets its name for good. Returns false, and has the one that it had, when that is not wanted any more. */
  #takeName(path: string, isWanted: () => boolean): Promise<boolean> {
    return this.#exclusive('naming a moved partition', async () => {
      const former = this.path;
      if (isWanted()) await this.#rename(path, true);
      if (!isWanted() && this.path !== former) await this.#rename(former, false);
      return this.path === path;
    });
  }

  #rename(path: string, isMoved: boolean): Promise<void> {
    return this.#withoutLookups(async () => {
      const { files } = this.directory;
      // Before the name: a start that finds this partition twice knows by it which one is newer.
      if (isMoved) await files.replaceFile(join(this.path, movedMarkerName), Buffer.alloc(0));
      await files.rename(this.path, path);
      this.#context.directory = path;
      await files.syncDirectory(this.directory.path);
      if (!isMoved) await files.remove(join(path, movedMarkerName));
    });
  }

  /** Whether it has taken the place of another log in an other directory, which may still be there. */
  async hasMoved(): Promise<boolean> {
    const marker = await this.#guarded(() => this.directory.files.stat(join(this.path, movedMarkerName)));
    return marker !== undefined;
  }

  /** The log whose place it took is gone. Does nothing when this one is closed or deleted, too. */
  async forgetMove(): Promise<void> {
    if (this.#closed !== 'open') return;
    const forgetting = async (): Promise<void> => {
      await this.directory.files.remove(join(this.path, movedMarkerName));
      await this.directory.files.syncDirectory(this.path);
    };
    const forgotten = Promise.resolve(this.#guarded(forgetting));
    // Its directory does not get another name meanwhile.
    const settled: Promise<void> = forgotten.catch(() => {}).finally(() => this.#background.delete(settled));
    this.#background.add(settled);
    await forgotten;
  }

  /** Removes the directory that `renameDirectory` renamed, once nobody reads from it. */
  async removeDirectory(): Promise<void> {
    for (const segment of this.#segments.all) {
      await segment.abandon();
    }
    await this.#guarded(() => this.directory.files.removeDirectory(this.#context.directory));
  }

  async #settleBackground(): Promise<void> {
    while (this.#background.size > 0) {
      await Promise.allSettled(this.#background);
    }
  }

  #checkUsable(): void {
    this.directory.checkOnline();
    if (this.#closed !== 'open') {
      throw storageError(`the log of ${this.#name} is ${this.#closed}`);
    }
  }

  /** `instead`: what is done where another log has taken this one's place meanwhile. */
  #exclusive<T>(doing: string, work: () => Promise<T>, instead?: (successor: Log) => Promise<T>): Promise<T> {
    return this.#queue.exclusive(async () => {
      if (this.#successor !== undefined && instead !== undefined) return instead(this.#successor);
      try {
        this.#checkUsable();
        return await work();
      } catch (error) {
        throw this.#failed(error, doing);
      }
    });
  }

  /** A file of the log is not what it should be: said once. */
  #complain(path: string, why: string): void {
    if (this.#damaged.has(path)) return;
    this.#damaged.add(path);
    this.#logger.error(`${path} is damaged: ${why}.`);
  }

  /** Turns a system error on the way, now or later, into KAFKA_STORAGE_ERROR. */
  #guarded<T>(work: () => MaybePromise<T>): MaybePromise<T> {
    try {
      const result = work();
      return result instanceof Promise
        ? result.catch((error: unknown) => {
            throw this.#failed(error, 'a read');
          })
        : result;
    } catch (error) {
      throw this.#failed(error, 'a read');
    }
  }

  /** Work whose failure takes the directory offline and is otherwise only logged. Closing and truncation wait for it. */
  #inBackground(doing: string, work: () => Promise<void>): Promise<void> {
    const running: Promise<void> = this.#unattended(doing, work).finally(() => this.#background.delete(running));
    this.#background.add(running);
    return running;
  }

  /** The same, and nothing waits for it: removal of files waits for their readers. */
  async #unattended(doing: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (this.#closed === 'open') {
        this.#logger.error(`${doing} of ${this.#name} failed.`, { error: this.#failed(error, doing) });
      }
    }
  }

  #failed(error: unknown, doing: string): KafkaError {
    if (this.#closed === 'deleted' && isSystemError(error)) {
      return storageError(`the log of ${this.#name} is deleted`); // its directory has another name
    }
    let cause = error;
    if (isSystemError(error)) {
      cause = this.directory.failed(error, `${doing} of ${this.#name}`);
    } else if (this.directory.failure !== undefined && !(error instanceof KafkaError)) {
      // Whatever came of it: files are closed under those who were about to use them.
      cause = storageError(`${doing} of ${this.#name} failed: log directory ${this.directory.path} is offline`);
    }
    if (cause instanceof KafkaError) {
      if (cause instanceof CorruptSegmentError) this.#complain(cause.path, cause.message);
      return cause;
    }
    this.#logger.error(`${doing} of ${this.#name} failed unexpectedly.`, { error: cause });
    const message = `${doing} of ${this.#name} failed: ${String(cause)}`;
    return Object.assign(new KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR, message), { cause });
  }
}
