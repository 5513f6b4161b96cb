import { describe, expect, it } from 'vitest';
import type { Io } from '../../../broker/src/io/io';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import { buildBatch } from '../../../broker/src/records/build-batch';
import { Bed, kv } from './cleaner-bed';
import { faultyFiles, type Faults } from './faulty-files';
import { append, ioWith, type ManualClock } from './support';

function faulty(faults: Faults): (clock: ManualClock) => Io {
  return (clock) => {
    const io = ioWith(clock);
    return { ...io, files: faultyFiles(io.files, faults) };
  };
}

describe('a compacted segment takes the place of others', () => {
  it('not when their records were cut off and others came in the meantime', async () => {
    const faults: Faults = {};
    const cleaned = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const makeIo = (clock: ManualClock): Io => {
      const io = faulty(faults)(clock);
      const run: Io['jobs']['run'] = async (job, input, progress) => {
        const result = await io.jobs.run(job, input, progress);
        if (job.name === 'clean-segments') {
          cleaned.resolve();
          await goOn.promise;
        }
        return result;
      };
      return { ...io, jobs: { ...io.jobs, run } };
    };
    await using bed = await Bed.open({ minCleanableDirtyRatio: 0 }, { makeIo });
    const { log } = bed;
    await bed.add([kv('k', '0')]);
    await bed.add([kv('k', '1')]);
    await log.roll();
    await bed.add([kv('a', '2')]);
    await bed.add([kv('b', '3')]);
    await log.roll();
    await log.flush();
    await bed.add([kv('c', '4')]);
    // The truncation has begun, and waits for a flush.
    const synced = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    faults.hold = (operation) => {
      if (operation !== 'sync') return undefined;
      faults.hold = undefined;
      reached.resolve();
      return synced.promise;
    };
    const flushing = log.flush();
    await reached.promise;
    const cutting = log.truncateTo(3);
    const cleaning = bed.manager.cleaner!.cleanFilthiest();
    await cleaned.promise;
    synced.resolve();
    await Promise.all([flushing, cutting]);
    await bed.add([kv('d', '3')]);
    await log.roll();
    goOn.resolve();
    await cleaning;
    expect(await bed.records()).toEqual(['k=0@0', 'k=1@1', 'a=2@2', 'd=3@3']);
  });

  it('not when the recovery points could not be written: a recovery would take the holes for losses', async () => {
    const faults: Faults = {};
    await using bed = await Bed.open({ minCleanableDirtyRatio: 0 }, { makeIo: faulty(faults) });
    await bed.add([kv('k', '0')]);
    await bed.add([kv('k', '1')]);
    faults.error = (operation, path) =>
      operation === 'replaceFile' && path.endsWith('recovery-point-offset-checkpoint') ? 'EMFILE' : undefined;
    await bed.clean();
    expect(await bed.records()).toEqual(['k=0@0', 'k=1@1']);
    faults.error = undefined;
    bed.clock.advance(3_600_000);
    await bed.clean();
    expect(await bed.records()).toEqual(['k=1@1']);
  });

  it('and what a follower had of them is not taken for a place in it', async () => {
    await using bed = await Bed.open({ minCleanableDirtyRatio: 0 });
    const { log } = bed;
    await bed.add([kv('k', 'x'.repeat(500))]);
    await bed.add([kv('k', '1')]);
    const followers = log.logEndOffsetMetadata;
    await log.roll();
    await append(log, buildBatch({ records: [{ ...kv('k', 'above the high watermark'), timestamp: bed.clock.now }] }));
    log.updateHighWatermark(2);
    expect(await bed.manager.cleaner!.cleanFilthiest()).toBe(true);
    log.maybeIncrementHighWatermark(followers);
    const { ranges, sizeInBytes } = await log.read(0, 1 << 20, 'highWatermark', true);
    ranges.forEach((range) => range.release());
    expect(sizeInBytes).toBe(log.segments[0].size);
    log.updateHighWatermark(followers);
    expect(log.highWatermarkMetadata).toMatchObject({ messageOffset: 2, segmentBaseOffset: -1 });
  });
});

it('A truncation that cannot be noted down takes the directory offline, where it would be forgotten with a crash', async () => {
  const faults: Faults = {};
  await using bed = await Bed.open({}, { makeIo: faulty(faults) });
  await bed.add([kv('k', '0')]);
  await bed.add([kv('k', '1')]);
  await bed.log.flush();
  faults.error = (operation, path) =>
    operation === 'replaceFile' && path.endsWith('recovery-point-offset-checkpoint') ? 'EMFILE' : undefined;
  await expect(bed.log.truncateTo(1)).rejects.toMatchObject({ code: ErrorCode.KAFKA_STORAGE_ERROR });
  expect(bed.manager.liveLogDirs).toEqual([]);
});
