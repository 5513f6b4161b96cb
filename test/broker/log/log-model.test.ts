import {
  cpSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  appendFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Log } from '../../../broker/src/log/log';
import { segmentPath } from '../../../broker/src/log/segment-files';
import type { LogManager } from '../../../broker/src/log/log-manager';
import { buildBatch } from '../../../broker/src/records/build-batch';
import { CompressionType } from '../../../broker/src/records/compression-type';
import {
  append,
  ioWith,
  ManualClock,
  openManager,
  readBytes,
  readRecordsFrom,
  TestDirectory,
  topicPartition,
} from './support';

const config = { segmentBytes: 1500, indexIntervalBytes: 150, segmentIndexBytes: 200 };

interface ModelRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly value: string;
}

interface ModelBatch {
  readonly records: readonly ModelRecord[];
  readonly bytes: number;
  readonly epoch: number;
  readonly producerId: number;
  readonly lastSequence: number;
}

/** What a log is: a list of batches, and where it starts and ends. */
class Model {
  batches: ModelBatch[] = [];
  logStartOffset = 0;
  logEndOffset = 0;
  epoch = 0;

  get records(): ModelRecord[] {
    return this.batches.flatMap(({ records }) => records).filter(({ offset }) => offset >= this.logStartOffset);
  }

  nextSequence(producerId: number): number {
    return (this.batches.findLast((batch) => batch.producerId === producerId)?.lastSequence ?? -1) + 1;
  }

  truncateTo(offset: number): void {
    this.batches = this.batches.filter(({ records }) => records[0].offset < offset);
    this.logEndOffset = offset;
    this.logStartOffset = Math.min(this.logStartOffset, offset);
  }
}

type Step =
  | { kind: 'append'; sizes: number[]; stamps: number[]; producer: number; codec: CompressionType }
  | { kind: 'roll' | 'newEpoch' | 'flush' | 'reopen' }
  | { kind: 'truncate' | 'deleteRecords'; to: number }
  | { kind: 'crash'; damage: 'none' | 'cut' | 'garbage' | 'flip'; at: number }
  | { kind: 'damageIndex'; how: 'remove' | 'cut' | 'zeros' | 'flip'; file: number; at: number };

const fraction = fc.double({ min: 0, max: 1, noNaN: true });
const appendStep = fc.record({
  kind: fc.constant('append' as const),
  sizes: fc.array(fc.integer({ min: 0, max: 120 }), { minLength: 1, maxLength: 6 }),
  stamps: fc.array(fc.integer({ min: 0, max: 5000 }), { minLength: 6, maxLength: 6 }),
  producer: fc.constantFrom(-1, 7, 8),
  codec: fc.constantFrom(CompressionType.NONE, CompressionType.NONE, CompressionType.LZ4),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: appendStep },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('roll', 'newEpoch', 'flush', 'reopen') }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('truncate', 'deleteRecords'), to: fraction }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('crash' as const),
      damage: fc.constantFrom('none', 'cut', 'garbage', 'flip'),
      at: fraction,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('damageIndex' as const),
      how: fc.constantFrom('remove', 'cut', 'zeros', 'flip'),
      file: fc.nat(100),
      at: fraction,
    }),
  },
) as fc.Arbitrary<Step>;

/** A copy of a directory in which files are being renamed and removed: again, until none went meanwhile. */
function copyMoving(from: string, to: string): void {
  for (;;) {
    try {
      return cpSync(from, to, { recursive: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        throw error;
      }
      rmSync(to, { recursive: true, force: true });
    }
  }
}

/** A log and its model, going through the same steps. */
class Pair {
  readonly model = new Model();
  readonly #root: TestDirectory;
  readonly #io = ioWith(new ManualClock());
  #manager!: LogManager;
  #generation = 0;
  log!: Log;

  constructor(root: TestDirectory) {
    this.#root = root;
  }

  get #directory(): string {
    return this.#root.join(String(this.#generation));
  }

  async open(): Promise<void> {
    this.#manager = await openManager(this.#directory, { io: this.#io, config });
    this.log = await this.#manager.getOrCreate(topicPartition);
  }

  close(): Promise<void> {
    return this.#manager.shutdown();
  }

  async run(step: Step): Promise<void> {
    switch (step.kind) {
      case 'append':
        return this.#append(step);
      case 'roll':
        return this.log.roll();
      case 'flush':
        return this.log.flush();
      case 'newEpoch':
        this.model.epoch++;
        return;
      case 'truncate':
        return this.#truncate(step.to);
      case 'deleteRecords':
        return this.#deleteRecords(step.to);
      case 'reopen':
        await this.close();
        await this.open();
        expect(this.log.logStartOffset).toBe(this.model.logStartOffset);
        return;
      case 'crash':
        return this.#crash(step);
      case 'damageIndex':
        await this.close();
        this.#damageIndex(step);
        return this.open();
    }
  }

  async #append({ sizes, stamps, producer, codec }: Step & { kind: 'append' }): Promise<void> {
    const { model } = this;
    const records = sizes.map((size, index) => ({
      offset: model.logEndOffset + index,
      timestamp: 1_700_000_000_000 + stamps[index],
      value: `${model.logEndOffset + index}-`.padEnd(size, 'v'),
    }));
    const sequence = producer < 0 ? -1 : model.nextSequence(producer);
    const bytes = buildBatch({
      records: records.map(({ timestamp, value }) => ({ timestamp, value })),
      compression: codec,
      producerId: producer,
      producerEpoch: producer < 0 ? -1 : 0,
      baseSequence: sequence,
    });
    const info = await append(this.log, bytes, { leaderEpoch: model.epoch });
    expect(info).toMatchObject({ firstOffset: model.logEndOffset, bytes: bytes.length, duplicate: false });
    const lastSequence = producer < 0 ? -1 : sequence + sizes.length - 1;
    model.batches.push({ records, bytes: bytes.length, epoch: model.epoch, producerId: producer, lastSequence });
    model.logEndOffset += sizes.length;
    this.log.updateHighWatermark(model.logEndOffset);
  }

  async #truncate(to: number): Promise<void> {
    const visible = this.model.batches.filter(({ records }) => records[0].offset >= this.model.logStartOffset);
    const batch = visible[Math.floor(to * visible.length)];
    const offset = batch?.records[0].offset ?? this.model.logEndOffset;
    expect(await this.log.truncateTo(offset)).toBe(batch !== undefined);
    this.model.truncateTo(offset);
  }

  async #deleteRecords(to: number): Promise<void> {
    const { model } = this;
    const offset = model.logStartOffset + Math.round(to * (model.logEndOffset - model.logStartOffset));
    expect(this.log.maybeIncrementLogStartOffset(offset)).toBe(offset > model.logStartOffset);
    model.logStartOffset = offset;
    await this.log.deleteOldSegments();
    expect(this.log.firstSegmentBaseOffset).toBeLessThanOrEqual(offset);
  }

  /** kill -9: what was written is there, nothing was closed. Then the end of the last segment may be damaged. */
  async #crash({ damage, at }: Step & { kind: 'crash' }): Promise<void> {
    const { model } = this;
    const { logStartOffset } = model;
    const crashed = this.#directory;
    const active = this.log.activeSegmentBaseOffset;
    this.#generation++;
    copyMoving(crashed, this.#directory);
    await this.#manager.shutdown();
    const path = segmentPath(join(this.#directory, 'topic-0'), active, '.log');
    const { size } = statSync(path);
    let end = size;
    if (damage === 'cut') {
      end = Math.round(at * size);
      truncateSync(path, end);
    } else if (damage === 'garbage') {
      appendFileSync(path, Buffer.alloc(1 + Math.round(at * 300), Math.round(at * 255)));
    } else if (damage === 'flip' && size > 0) {
      // Anywhere but in base offset and leader epoch, which no CRC covers.
      const bytes = readFileSync(path);
      end = Math.min(size - 1, Math.floor(at * size));
      const inBatch = end - this.#batchStart(active, end);
      const shift = inBatch < 8 || (inBatch >= 12 && inBatch < 16) ? 30 - inBatch : 0;
      bytes[end + shift] ^= 0x10;
      writeFileSync(path, bytes);
    }
    this.#cutModel(active, end);
    await this.open();
    if (model.logEndOffset < this.log.logStartOffset && this.log.logStartOffset <= logStartOffset) {
      // What is left ends before the checkpointed start: the log begins anew there.
      model.batches = [];
      model.logEndOffset = this.log.logStartOffset;
    }
    // The start goes back to the checkpointed one.
    expect(this.log.logStartOffset).toBeLessThanOrEqual(logStartOffset);
    model.logStartOffset = this.log.logStartOffset;
    this.log.updateHighWatermark(this.log.logEndOffset);
  }

  #batchStart(active: number, position: number): number {
    let start = 0;
    for (const { records, bytes } of this.model.batches) {
      if (records[0].offset >= active) {
        if (start + bytes > position) {
          return start;
        }
        start += bytes;
      }
    }
    return start;
  }

  /** Of the last segment only what is whole before `end` remains. */
  #cutModel(active: number, end: number): void {
    let position = 0;
    for (const { records, bytes } of [...this.model.batches]) {
      if (records[0].offset >= active) {
        position += bytes;
        if (position > end) {
          this.model.truncateTo(records[0].offset);
          return;
        }
      }
    }
  }

  #damageIndex({ how, file, at }: Step & { kind: 'damageIndex' }): void {
    const directory = join(this.#directory, 'topic-0');
    // An index of times that is wrong, and still in order, cannot be told from a right one.
    const suffix = how === 'flip' ? /\.index$/ : /\.(time)?index$/;
    const names = readdirSync(directory).filter((name) => suffix.test(name));
    const path = join(directory, names[file % names.length]);
    const bytes = readFileSync(path);
    if (how === 'remove') {
      rmSync(path);
    } else if (how === 'cut') {
      const end = Math.floor(at * bytes.length);
      // Of an index of times that ends with a whole entry it cannot be seen that there were more.
      writeFileSync(path, bytes.subarray(0, end > 0 && end % 12 === 0 ? end - 1 : end));
    } else if (how === 'zeros') {
      appendFileSync(path, Buffer.alloc(Math.round(at * 20) * 24));
    } else if (bytes.length > 0) {
      bytes[Math.floor(at * (bytes.length - 1))] ^= 1 << Math.floor(at * 7);
      writeFileSync(path, bytes);
    }
  }

  async check(): Promise<void> {
    const { log, model } = this;
    expect(log.logEndOffset).toBe(model.logEndOffset);
    const records = model.records;
    const found = await readRecordsFrom(log, log.logStartOffset, 'logEnd', 400);
    expect(found.map(({ offset, timestamp, value }) => ({ offset, timestamp, value: value!.toString() }))).toEqual(
      records,
    );
    for (const { offset } of records) {
      expect((await readBytes(log, offset, 1)).length).toBeGreaterThan(0);
    }
    for (const { timestamp } of records) {
      const first = records.find((record) => record.timestamp >= timestamp);
      expect((await log.fetchOffsetByTimestamp(timestamp))?.offset).toBe(first?.offset);
    }
    this.#checkEpochs();
    this.#checkProducers();
  }

  #checkEpochs(): void {
    const { log, model } = this;
    for (const { records, epoch } of model.batches) {
      const { offset } = records[records.length - 1];
      if (offset >= model.logStartOffset) {
        expect(log.leaderEpochs.findLast(({ startOffset }) => startOffset <= offset)?.epoch).toBe(epoch);
      }
    }
  }

  #checkProducers(): void {
    const known = new Map([...this.log.activeProducers()].map((entry) => [entry.producerId, entry.lastSequence]));
    for (const producerId of [7, 8]) {
      expect(known.get(producerId) ?? -1).toBe(this.model.nextSequence(producerId) - 1);
    }
  }
}

describe('a log', () => {
  it('is what a list of batches is, through rolls, truncation, retention, restarts, crashes and damage', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        using root = new TestDirectory();
        const pair = new Pair(root);
        await pair.open();
        try {
          for (const next of steps) {
            await pair.run(next);
          }
          await pair.check();
        } finally {
          await pair.close();
        }
      }),
      { numRuns: 60 },
    );
  }, 120_000);
});
