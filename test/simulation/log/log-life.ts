import type { Io } from '../../../broker/src/io/io';
import { defaultCleanerConfig } from '../../../broker/src/log/cleaner-config';
import type { Log } from '../../../broker/src/log/log';
import type { AppendOrigin, LogAppendInfo } from '../../../broker/src/log/log-append';
import { defaultLogConfig, type LogConfig } from '../../../broker/src/log/log-config';
import { LogManager } from '../../../broker/src/log/log-manager';
import type { Logger } from '../../../broker/src/logging/logger';
import { ErrorCode, KafkaError } from '../../../broker/src/protocol/errors';
import { batchSize, baseOffset, lastOffset, nextBatchSize } from '../../../broker/src/records/batch-header';
import { buildBatch } from '../../../broker/src/records/build-batch';
import { CompressionType } from '../../../broker/src/records/compression-type';
import { buildEndTransactionMarker, ControlRecordType } from '../../../broker/src/records/control-records';
import { storedBatches } from '../checks/replica-files';
import type { Disk } from '../io/disk';
import type { SeededRandom } from '../io/seeded-random';
import { simulationEpochMs } from '../io/simulated-host';
import { bytesOf, contentOf, readAt } from './log-content';
import type { LogModel, End, ModelBatch, ModelRecord } from './log-model';

const topic = 't';
const partition = { topic, partition: 0 };
export const logDir = '/data/logs';
const partitionPath = `${logDir}/t-0`;

const { MAX_SAFE_INTEGER: never } = Number;
const policies = [
  { cleanupCompact: false, cleanupDelete: true },
  { cleanupCompact: true, cleanupDelete: false },
  { cleanupCompact: true, cleanupDelete: true },
];

/** How a topic is set up in all lives of a log; only its cleanup.policy changes now and then. */
export function randomConfig(random: SeededRandom): LogConfig {
  return {
    ...defaultLogConfig,
    ...random.pick(policies),
    segmentBytes: random.pick([700, 1500, 4000]),
    segmentMs: random.pick([never, never, 60]),
    indexIntervalBytes: random.pick([1, 200, 1000]),
    segmentIndexBytes: random.pick([80, 1000]),
    retentionMs: random.pick([-1, 100, 400]),
    retentionBytes: random.pick([-1, 3000, 8000]),
    flushMessages: random.pick([never, never, 1, 9]),
    flushMs: random.pick([never, 20]),
    fileDeleteDelayMs: random.pick([0, 30]),
    deleteRetentionMs: random.pick([0, 40]),
    minCompactionLagMs: random.pick([0, 0, 30]),
    maxCompactionLagMs: random.pick([never, 80]),
    minCleanableDirtyRatio: 0.1,
    preallocate: random.chance(0.1),
  };
}

/** How fast the cleaner works and with how little memory. */
function cleanerConfig(random: SeededRandom) {
  return {
    ...defaultCleanerConfig,
    threads: random.pick([1, 1, 2]),
    backoffMs: 5,
    ioBufferSize: 0,
    dedupeBufferSize: 24 * random.pick([40, 200]),
    ioMaxBytesPerSecond: random.pick([Infinity, Infinity, 200_000]),
  };
}

/** What the log answered where it should not, and other breaches of what it promises. */
export class Breach extends Error {
  override readonly name = 'Breach';
}

function check(faults: readonly string[], what: string): void {
  if (faults.length > 0) throw new Breach(`${what}: ${faults.slice(0, 5).join('; ')}`);
}

function expectThat(isSo: boolean, what: () => string): void {
  if (!isSo) throw new Breach(what());
}

export interface Totals {
  /** Records that were acknowledged, in all lives. */
  acknowledged: number;
  /** Of the acknowledged ones that a crash met, those that were flushed, and those that were not. */
  flushed: number;
  lostUnflushed: number;
  cleanings: number;
  segmentsDeleted: number;
}

/** One life of a log: from its opening to its end. */
export class LogLife {
  /** `undefined` until it is opened. */
  log: Log | undefined;
  #manager!: LogManager;

  constructor(
    readonly io: Io,
    readonly disk: Disk,
    readonly model: LogModel,
    readonly random: SeededRandom,
    readonly totals: Totals,
    /** What is done to the log, and what it says. */
    readonly lines: string[],
  ) {}

  /** The process ends at this moment; returns what is wrong. */
  crashes(): string[] {
    this.#noteFlushed();
    return this.log === undefined ? [] : this.model.sawStart(this.log.logStartOffset, this.io.clock.wallMs());
  }

  /** Notes what a crash at this moment may not take. */
  #noteFlushed(): void {
    const { log, model } = this;
    if (log === undefined) return;
    model.flushed(log.recoveryPoint);
    if (model.config.flushMessages === 1) {
      for (const { isAcknowledged, lastOffset: last } of model.batches) {
        if (isAcknowledged) model.flushed(last + 1);
      }
    }
  }

  /** Opens what the former life has left, and checks it; runs random operations; ends in order if it is to. */
  async live(former: End | undefined, operations: number, endsInOrder: boolean): Promise<void> {
    await this.#open(former);
    for (let i = 0; i < operations; i++) {
      await this.#operate();
      this.#noteFlushed();
      this.#noteStart();
    }
    await this.#checkContent();
    this.#checkProducers();
    if (!endsInOrder) return;
    const { start } = this.model;
    await this.#manager.shutdown();
    // The cleaner may have had retention to do.
    check(this.model.sawStart(this.#log.logStartOffset, this.io.clock.wallMs()), `the start of the log (was ${start})`);
    this.#checkIndexes();
  }

  #noteStart(): void {
    check(this.model.sawStart(this.#log.logStartOffset, this.io.clock.wallMs()), 'the start of the log');
  }

  get #log(): Log {
    return this.log!;
  }

  #logger(): Logger {
    const heard = (message: string) => {
      this.#did(message);
      if (message.startsWith('Cleaned ')) this.totals.cleanings++;
      if (message.startsWith('Deleting segment ')) this.totals.segmentsDeleted++;
    };
    const logger: Logger = { debug: () => {}, info: heard, warn: heard, error: heard, child: () => logger };
    return logger;
  }

  // --- opening ---

  async #open(former: End | undefined): Promise<void> {
    const { model, random } = this;
    const committedBefore = model.committed;
    this.#manager = await LogManager.open(this.io, this.#logger(), {
      logDirs: [logDir],
      defaultConfig: model.config,
      topicConfig: () => model.config,
      flushRecoveryOffsetCheckpointMs: random.pick([20, 50, 1000]),
      flushStartOffsetCheckpointMs: random.pick([20, 1000]),
      retentionCheckMs: random.pick([15, 100]),
      flushCheckMs: 10,
      producerIdExpirationMs: never,
      recoveryThreadsPerDataDir: 1,
      cleaner: cleanerConfig(random),
    });
    await this.#manager.load();
    const log = await this.#manager.getOrCreate(partition);
    this.log = log;
    this.#did(`opened after a ${former}: ${log.logStartOffset} to ${log.logEndOffset}, committed ${log.highWatermark}`);
    this.#settle(former ?? 'clean stop', log);
    expectThat(
      log.highWatermark <= Math.max(committedBefore, model.start),
      () => `the high watermark is ${log.highWatermark}, and was never above ${committedBefore}`,
    );
    await this.#checkContent();
    this.#checkProducers();
    this.#checkEpochs();
  }

  /** What the end of the former life has taken is known now: was it allowed to? */
  #settle(former: End, log: Log): void {
    const { model, totals } = this;
    const { logStartOffset: start, logEndOffset: end } = log;
    const acknowledged = model.batches.filter(({ isAcknowledged }) => isAcknowledged);
    const least =
      former === 'loss of power'
        ? model.promised
        : Math.max(model.promised, ...acknowledged.map(({ lastOffset: last }) => last + 1));
    expectThat(end >= least, () => `the log ends at ${end} after a ${former}, and ${least} was promised`);
    expectThat(
      [...model.boundaries(0), model.start, model.deleteTo].includes(end),
      () => `the log ends at ${end} after a ${former}, and no batch does (${model.end} was the end)`,
    );
    if (former === 'clean stop') {
      expectThat(end === model.end, () => `the log ends at ${end} after a clean stop, and ended at ${model.end}`);
      expectThat(start >= model.start, () => `the log starts at ${start} after a clean stop, not at ${model.start}`);
    }
    const { promised } = model;
    const atRisk = acknowledged.filter(({ baseOffset: base }) => base >= promised);
    totals.flushed += recordsOf(acknowledged) - recordsOf(atRisk);
    model.truncated(end);
    model.end = end;
    const mayHaveGaps = former === 'loss of power' && model.wasCompacted;
    if (mayHaveGaps) {
      const there = new Set<number>();
      for (const batch of storedBatches(this.disk, partitionPath, 0, end)) there.add(batch.baseOffset);
      for (const batch of model.batches) {
        const isGone = batch.baseOffset >= promised && !there.has(batch.baseOffset);
        // Of what may have been removed it is not known whether it was lost.
        if (isGone && batch.lastOffset >= model.mayBeGoneBefore) batch.isLost = true;
      }
    }
    totals.lostUnflushed += recordsOf(atRisk.filter((batch) => batch.isLost || !model.batches.includes(batch)));
    // What is there after a crash is as good as acknowledged.
    for (const batch of model.batches) batch.isAcknowledged = true;
    check(model.sawStart(start, this.io.clock.wallMs()), `the start of the log after a ${former}`);
  }

  #did(what: string): void {
    this.lines.push(`${Math.round(this.io.clock.wallMs() - simulationEpochMs)} ms: ${what}`);
  }

  // --- operations ---

  async #operate(): Promise<void> {
    const { model, random } = this;
    const log = this.#log;
    const what = random.below(100);
    if (what < 50) {
      const appends = Array.from({ length: random.pick([1, 1, 1, 3]) }, () => this.#appendData());
      await Promise.all(appends);
      if (random.chance(0.5)) this.#commit(log.logEndOffset);
    } else if (what < 60) {
      await this.#endTransaction();
    } else if (what < 63) {
      await this.#repeat();
    } else if (what < 66) {
      this.#did('roll');
      await log.roll();
    } else if (what < 70) {
      this.#did('flush');
      await log.flush();
    } else if (what < 74) {
      const to = random.pick(model.boundaries(model.committed));
      this.#did(`truncate from ${model.end} to ${to}`);
      model.truncating(to);
      await log.truncateTo(to);
      model.truncated(to);
    } else if (what < 77) {
      const most = log.highWatermark;
      model.deleteTo = Math.max(
        model.deleteTo,
        most === 0 ? 0 : random.between(Math.min(log.logStartOffset, most), most),
      );
      this.#did(`delete records before ${model.deleteTo}`);
      log.maybeIncrementLogStartOffset(Math.min(model.deleteTo, log.highWatermark));
      this.#noteStart();
      if (random.chance(0.5)) await this.#manager.deleteOldSegments();
    } else if (what < 80) {
      await this.#manager.deleteOldSegments();
    } else if (what < 83) {
      model.configure({ ...model.config, ...random.pick(policies) });
      const { cleanupCompact, cleanupDelete } = model.config;
      this.#did(`cleanup.policy: compact ${cleanupCompact}, delete ${cleanupDelete}`);
      this.#manager.updateConfig(topic, model.config);
    } else if (what < 86) {
      this.#commit(random.pick(model.boundaries(model.committed)));
    } else if (what < 88) {
      await this.#manager.checkpointHighWatermarks();
    } else if (what < 93) {
      await this.#checkContent();
    } else {
      await new Promise<void>((resolve) => this.io.clock.timer(random.below(60), resolve));
    }
  }

  #commit(offset: number): void {
    if (offset <= this.#log.highWatermark) return;
    this.model.committed = Math.max(this.model.committed, offset);
    this.#log.updateHighWatermark(offset);
  }

  async #appendData(): Promise<void> {
    const { model, random } = this;
    // -1: without an id; 1 to 3: idempotent; 11 to 13: in transactions.
    const producerId = random.pick([-1, -1, 1, 2, 3, 11, 12, 13]);
    const known = model.producers().get(producerId);
    const isTransactional = producerId > 10;
    // A producer whose last records are gone may be known or not: it begins with a new epoch, as clients then do.
    const isForgotten = known !== undefined && (known.lastData?.baseOffset ?? -1) < model.mayBeGoneBefore;
    if (isForgotten && known.openSince >= 0) return;
    const bumps = isForgotten || (known !== undefined && known.openSince < 0 && random.chance(0.1));
    const producerEpoch = producerId < 0 ? -1 : (known?.epoch ?? 0) + (bumps ? 1 : 0);
    const baseSequence = producerId < 0 ? -1 : known === undefined || bumps ? 0 : known.lastSequence + 1;
    const wallMs = this.io.clock.wallMs();
    const mayLackKeys = !model.config.cleanupCompact;
    const base = model.end;
    const records = Array.from({ length: 1 + random.below(5) }, (_, index): ModelRecord => ({
      offset: base + index,
      key: mayLackKeys && random.chance(0.1) ? null : `key ${random.below(12)}`,
      value: random.chance(0.2) ? null : `${base + index}:${'x'.repeat(random.below(60))}`,
      headers: random.chance(0.2) ? `h=${random.below(100)}` : '',
      timestamp: wallMs - random.below(20),
    }));
    const bytes = buildBatch({
      records: records.map(({ headers, ...record }) => ({
        key: record.key,
        value: record.value,
        timestamp: record.timestamp,
        headers: headers === '' ? [] : [{ key: 'h', value: Buffer.from(headers.slice(2)) }],
      })),
      compression: random.chance(0.6) ? CompressionType.NONE : random.pick(Object.values(CompressionType)),
      producerId,
      producerEpoch,
      baseSequence,
      transactional: isTransactional,
    });
    const epoch = this.#leaderEpoch() + (random.chance(0.05) ? 1 : 0);
    const batch = model.append({
      kind: 'data',
      baseOffset: base,
      lastOffset: base + records.length - 1,
      records,
      bytes: bytes.length,
      leaderEpoch: epoch,
      appendedAtMs: wallMs,
      producerId,
      producerEpoch,
      baseSequence,
      isTransactional,
    });
    await this.#append(bytes, batch, 'client');
  }

  /** Of appends that are under way, too. */
  #leaderEpoch(): number {
    return Math.max(this.#log.latestEpoch ?? 0, this.model.batches.at(-1)?.leaderEpoch ?? 0);
  }

  async #endTransaction(): Promise<void> {
    const { model, random } = this;
    const open = [...model.producers()].filter(([, { openSince }]) => openSince >= 0);
    if (open.length === 0) return;
    const [producerId, { epoch: producerEpoch }] = random.pick(open);
    const kind = random.chance(0.5) ? 'commit' : 'abort';
    const wallMs = this.io.clock.wallMs();
    const type = kind === 'commit' ? ControlRecordType.COMMIT : ControlRecordType.ABORT;
    const bytes = buildEndTransactionMarker({
      type,
      producerId,
      producerEpoch,
      coordinatorEpoch: 0,
      timestamp: wallMs,
    });
    const batch = model.append({
      kind,
      baseOffset: model.end,
      lastOffset: model.end,
      records: [{ offset: model.end, key: null, value: null, headers: '', timestamp: wallMs }],
      bytes: bytes.length,
      leaderEpoch: this.#leaderEpoch(),
      appendedAtMs: wallMs,
      producerId,
      producerEpoch,
      baseSequence: -1,
      isTransactional: true,
    });
    await this.#append(bytes, batch, 'coordinator');
    if (random.chance(0.5)) this.#commit(this.#log.logEndOffset);
  }

  async #append(bytes: Buffer, batch: ModelBatch, origin: AppendOrigin): Promise<void> {
    const info = await appended(this.#log, bytes, origin, batch.leaderEpoch);
    const { firstOffset, lastOffset: last, duplicate } = info;
    expectThat(
      firstOffset === batch.baseOffset && last === batch.lastOffset && !duplicate,
      () =>
        `an append was answered with ${firstOffset} to ${last}, not with ${batch.baseOffset} to ${batch.lastOffset}`,
    );
    batch.isAcknowledged = true;
    this.#did(`appended ${batch.kind} ${firstOffset} to ${last} of producer ${batch.producerId}`);
    if (batch.kind === 'data') this.totals.acknowledged += batch.records.length;
  }

  /** Sends again what a producer has sent last, and what it cannot send. */
  async #repeat(): Promise<void> {
    const { model, random } = this;
    const log = this.#log;
    const known = [...model.producers()].filter(
      ([, { lastData, epoch }]) => lastData?.producerEpoch === epoch && lastData.baseOffset >= model.mayBeGoneBefore,
    );
    if (known.length === 0) return;
    const [producerId, { lastData, epoch: producerEpoch, lastSequence }] = random.pick(known);
    const { records, baseSequence, isTransactional } = lastData!;
    const input = { producerId, producerEpoch, transactional: isTransactional };
    const again = { records: records.map(({ timestamp }) => ({ key: 'k', value: 'again', timestamp })), ...input };
    const info = await appended(log, buildBatch({ ...again, baseSequence }), 'client', this.#leaderEpoch());
    expectThat(
      info.duplicate && info.firstOffset === lastData!.baseOffset,
      () => `what ${producerId} sent before at ${lastData!.baseOffset} was taken for new, at ${info.firstOffset}`,
    );
    for (const [wrong, code] of [
      [{ ...again, baseSequence: lastSequence + 3 }, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER],
      [{ ...again, producerEpoch: producerEpoch - 1, baseSequence: 0 }, ErrorCode.INVALID_PRODUCER_EPOCH],
    ] as const) {
      if (wrong.producerEpoch < 0) continue;
      const outcome = await appended(log, buildBatch(wrong), 'client', this.#leaderEpoch()).catch(
        (error: unknown) => error,
      );
      expectThat(
        outcome instanceof KafkaError && outcome.code === code,
        () => `what ${producerId} cannot send (${wrong.baseSequence}, ${wrong.producerEpoch}) got ${String(outcome)}`,
      );
    }
  }

  // --- checks ---

  async #checkContent(): Promise<void> {
    const { model } = this;
    const log = this.#log;
    const { lastStableOffset } = log;
    expectThat(
      lastStableOffset <= Math.max(model.start, Math.min(model.firstOpen(), log.highWatermark)),
      () => `the last stable offset is ${lastStableOffset}, and a transaction is open since ${model.firstOpen()}`,
    );
    const wanted = this.#someTimestamps();
    const times = await Promise.all(wanted.map((timestamp) => log.fetchOffsetByTimestamp(timestamp)));
    const reads = await this.#someReads();
    const committed = await contentOf(log, log.logStartOffset, 'txnCommitted');
    const found = await contentOf(log, log.logStartOffset, 'logEnd');
    const wallMs = this.io.clock.wallMs();
    check(model.sawStart(log.logStartOffset, wallMs), 'the start of the log');
    check(model.faults(found, log.logEndOffset, false, wallMs), 'all records');
    check(model.faults(committed, lastStableOffset, true, wallMs), 'committed records');
    for (const [index, timestamp] of wanted.entries()) {
      const at = times[index];
      // Records that may be gone may be there again after a loss of power, with indexes of another time.
      const missed = found.find(
        (record) =>
          record.timestamp >= timestamp &&
          record.offset >= model.mayBeGoneBefore &&
          record.offset < (at?.offset ?? Infinity),
      );
      expectThat(
        missed === undefined && (at === undefined || at.timestamp >= timestamp),
        () => `the first record since ${timestamp} is at ${missed?.offset}, and ${at?.offset} was found`,
      );
    }
    for (const { offset, first } of reads) {
      const missed = found.find((record) => record.offset >= offset && record.offset < first);
      expectThat(missed === undefined, () => `a read at ${offset} begins at ${first}, behind ${missed?.offset}`);
    }
  }

  /** Where reads of some offsets begin. */
  async #someReads(): Promise<{ readonly offset: number; readonly first: number }[]> {
    const reads: { offset: number; first: number }[] = [];
    const { logStartOffset: start, logEndOffset: end } = this.#log;
    for (let i = 0; i < 3 && start < end; i++) {
      const { offset, data } = await readAt(this.#log, this.random.between(start, end - 1), 1, 'logEnd');
      const bytes = await bytesOf(data.ranges);
      const isFound = bytes.length > 0;
      expectThat(!isFound || lastOffset(bytes, 0) >= offset, () => `a read at ${offset} ends before it`);
      reads.push({ offset, first: isFound ? baseOffset(bytes, 0) : end });
    }
    return reads;
  }

  #someTimestamps(): number[] {
    const records = this.model.batches.flatMap((batch) => batch.records);
    return records.length === 0 ? [] : Array.from({ length: 3 }, () => this.random.pick(records).timestamp);
  }

  #checkProducers(): void {
    const { model } = this;
    const entries = new Map([...this.#log.activeProducers()].map((entry) => [entry.producerId, entry]));
    for (const [producerId, producer] of model.producers()) {
      const { lastBatch, lastData, epoch, lastSequence, openSince } = producer;
      const entry = entries.get(producerId);
      // What was written before the log's start may be known from a snapshot, or not.
      if (lastBatch.baseOffset < model.mayBeGoneBefore) continue;
      const found = `epoch ${entry?.producerEpoch}, sequence ${entry?.lastSequence}`;
      const hasSequence = lastData !== undefined && lastData.baseOffset >= model.mayBeGoneBefore;
      expectThat(
        entry?.producerEpoch === epoch && (!hasSequence || entry.lastSequence === lastSequence),
        () => `of producer ${producerId} is known: ${found}; it wrote epoch ${epoch}, sequence ${lastSequence}`,
      );
      const since = entry?.currentTxnFirstOffset ?? -1;
      // The end of an earlier transaction may be gone with a segment, and its beginning be there.
      const hasLostAnEnd = openSince >= 0 && since >= 0 && since < model.mayBeGoneBefore;
      if ((openSince >= model.mayBeGoneBefore || openSince < 0) && !hasLostAnEnd) {
        expectThat(
          since === openSince,
          () => `the transaction of ${producerId} is open since ${since}, not ${openSince}`,
        );
      }
    }
    for (const [producerId, { lastSequence }] of entries) {
      expectThat(
        model.producers().has(producerId) || model.mayBeGoneBefore > 0,
        () => `producer ${producerId} is known with sequence ${lastSequence}, and it has written nothing`,
      );
    }
  }

  #checkEpochs(): void {
    const { model } = this;
    for (const { baseOffset: base, leaderEpoch } of model.present) {
      if (base < model.mayBeGoneBefore) continue;
      const epoch = this.#log.leaderEpochs.findLast(({ startOffset }) => startOffset <= base)?.epoch;
      expectThat(epoch === leaderEpoch, () => `offset ${base} is of leader epoch ${epoch}, not ${leaderEpoch}`);
    }
  }

  /** Every entry of an index of a closed log leads to the batch that it is of. */
  #checkIndexes(): void {
    const directory = this.disk.find(partitionPath);
    if (directory?.kind !== 'directory') return;
    for (const [name, file] of directory.entries) {
      const match = /^(\d{20})\.index$/.exec(name);
      const log = match && directory.entries.get(`${match[1]}.log`);
      if (!match || log?.kind !== 'file' || file.kind !== 'file') continue;
      const bytes = log.cached.view();
      const entries = file.cached.view();
      const batches = new Map<number, readonly [number, number]>();
      for (let at = 0; nextBatchSize(bytes, at, bytes.length) > 0; at += batchSize(bytes, at)) {
        batches.set(at, [baseOffset(bytes, at), lastOffset(bytes, at)]);
      }
      for (let at = 0; at < entries.length; at += 8) {
        const offset = Number(match[1]) + entries.readInt32BE(at);
        const batch = batches.get(entries.readInt32BE(at + 4));
        expectThat(
          batch !== undefined && batch[0] <= offset && offset <= batch[1],
          () => `entry ${at / 8} of ${name} (offset ${offset}) leads to ${batch?.join(' to ')}`,
        );
      }
    }
  }
}

function recordsOf(batches: readonly ModelBatch[]): number {
  return batches.reduce((sum, { kind, records }) => sum + (kind === 'data' ? records.length : 0), 0);
}

function appended(log: Log, bytes: Buffer, origin: AppendOrigin, leaderEpoch: number): Promise<LogAppendInfo> {
  return new Promise((resolve, reject) => {
    log.append(bytes, { origin, leaderEpoch }, (error, info) => (info === undefined ? reject(error!) : resolve(info)));
  });
}
