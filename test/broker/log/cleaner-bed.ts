import type { Log } from '../../../broker/src/log/log';
import { defaultCleanerConfig } from '../../../broker/src/log/cleaner-config';
import type { Io } from '../../../broker/src/io/io';
import type { LogConfig } from '../../../broker/src/log/log-config';
import type { LogManager, LogManagerOptions } from '../../../broker/src/log/log-manager';
import type { Logger } from '../../../broker/src/logging/logger';
import { nextBatchSize } from '../../../broker/src/records/batch-header';
import { buildBatch, type BatchInput, type RecordInput } from '../../../broker/src/records/build-batch';
import { buildEndTransactionMarker, type ControlRecordType } from '../../../broker/src/records/control-records';
import {
  append,
  bytesOf,
  ioWith,
  ManualClock,
  openManager,
  readRecordsFrom,
  recordingLogger,
  TestDirectory,
  topicPartition,
} from './support';

/** Cleans only what it is told to. */
export const quiet = { ...defaultCleanerConfig, threads: 0 };

type BedOptions = Partial<LogManagerOptions> & { readonly makeIo?: (clock: ManualClock) => Io };

/** A log whose cleaner does only what it is told. */
export class Bed implements AsyncDisposable {
  readonly root = new TestDirectory();
  readonly clock = new ManualClock();
  readonly logger: Logger & { readonly lines: string[] } = recordingLogger();
  manager!: LogManager;
  log!: Log;

  static async open(config: Partial<LogConfig> = {}, options: BedOptions = {}): Promise<Bed> {
    const bed = new Bed();
    await bed.reopen(config, options);
    return bed;
  }

  async reopen(config: Partial<LogConfig> = {}, { makeIo = ioWith, ...options }: BedOptions = {}): Promise<void> {
    this.manager = await openManager(this.root.path, {
      io: makeIo(this.clock),
      logger: this.logger,
      config: { cleanupCompact: true, cleanupDelete: false, fileDeleteDelayMs: 60_000, ...config },
      cleaner: quiet,
      ...options,
    });
    this.log = await this.manager.getOrCreate(topicPartition);
  }

  async add(records: readonly RecordInput[], input: Partial<BatchInput> = {}): Promise<number> {
    const stamped = records.map((record) => ({ timestamp: this.clock.now, ...record }));
    const { lastOffset: last } = await append(this.log, buildBatch({ records: stamped, ...input }));
    this.log.updateHighWatermark(this.log.logEndOffset);
    return last;
  }

  async mark(type: ControlRecordType, producerId: number): Promise<void> {
    const marker = { type, producerId, producerEpoch: 0, coordinatorEpoch: 0, timestamp: this.clock.now };
    await append(this.log, buildEndTransactionMarker(marker), { origin: 'coordinator' });
    this.log.updateHighWatermark(this.log.logEndOffset);
  }

  /** Everything that is in the log now is cleaned. */
  async clean(): Promise<boolean> {
    await this.log.roll();
    return this.manager.cleaner!.cleanFilthiest();
  }

  /** `key=value@offset` of each record. */
  records(): Promise<string[]> {
    return this.recordsFrom(this.log.logStartOffset);
  }

  async recordsFrom(from: number): Promise<string[]> {
    return (await readRecordsFrom(this.log, from)).map(
      ({ key, value, offset }) => `${key?.toString() ?? ''}=${value?.toString() ?? 'null'}@${offset}`,
    );
  }

  /** All batches, also those without records. */
  async batches(): Promise<Buffer[]> {
    const batches: Buffer[] = [];
    for (const segment of this.log.segments) {
      const range = segment.range(await segment.openedFile(), 0, segment.size);
      const bytes = await bytesOf([{ ...range, hot: false, release: range.release }]);
      for (let at = 0, size = 0; (size = nextBatchSize(bytes, at, bytes.length)) > 0; at += size) {
        batches.push(bytes.subarray(at, at + size));
      }
    }
    return batches;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager.shutdown();
    this.root[Symbol.dispose]();
  }
}

export const kv = (key: string, value: string | null): RecordInput => ({ key, value });
