import { expect, test } from 'vitest';
import { silentLogger } from '../../broker/src/logging/logger';
import { defaultLogConfig, type LogConfig } from '../../broker/src/log/log-config';
import type { Log } from '../../broker/src/log/log';
import { LogManager } from '../../broker/src/log/log-manager';
import { buildBatch } from '../../broker/src/records/build-batch';
import { storedBatches } from './checks/replica-files';
import { Scheduler } from './io/scheduler';
import { SimulatedHost } from './io/simulated-host';
import { SimulatedNetwork } from './io/simulated-network';
import type { SimulatedProcess } from './io/simulated-process';

const partition = { topic: 't', partition: 0 };

function open(process: SimulatedProcess, config: Partial<LogConfig>): Promise<Log> {
  const defaultConfig = { ...defaultLogConfig, segmentBytes: 1000, ...config };
  return (async () => {
    const options = { logDirs: ['/data/logs'], defaultConfig, flushRecoveryOffsetCheckpointMs: 50 };
    const manager = await LogManager.open(process.io, silentLogger, options);
    await manager.load();
    return manager.getOrCreate(partition);
  })();
}

function append(log: Log): Promise<number> {
  const records = Array.from({ length: 3 }, () => ({ value: 'x'.repeat(30), timestamp: 1 }));
  return new Promise((resolve, reject) => {
    log.append(buildBatch({ records }), { origin: 'client', leaderEpoch: 0 }, (error, info) =>
      info === undefined ? reject(error as Error) : resolve(info.lastOffset),
    );
  });
}

/** Three lives of a log that loses its power at any moment; gives what was found after each, and what was promised. */
async function lives(seed: number, config: Partial<LogConfig>) {
  const scheduler = new Scheduler(seed);
  const host = new SimulatedHost(scheduler, new SimulatedNetwork(scheduler), '10.0.0.1');
  const found: { readonly start: number; readonly end: number; readonly promised: number; readonly gaps: number }[] =
    [];
  let promised = 0;
  let opened = undefined as Log | undefined;
  const live = async (process: SimulatedProcess, appends: number): Promise<void> => {
    const log = await open(process, config);
    opened = log;
    for (let i = 0; i < appends; i++) {
      const lastOffset = await append(log);
      log.maybeIncrementHighWatermark(log.logEndOffsetMetadata);
      if (config.flushMessages === 1) {
        promised = Math.max(lastOffset + 1, log.highWatermark);
      } else {
        if (i % 10 === 9) await log.flush();
        promised = Math.max(promised, log.recoveryPoint);
      }
    }
  };
  for (let life = 0; life < 4; life++) {
    opened = undefined;
    const process = host.start(`life ${life}`);
    let failure: unknown;
    live(process, life === 3 ? 0 : 40).catch((error: unknown) => (failure = error));
    const isLast = life === 3;
    await scheduler.run(scheduler.nowMs + (isLast ? 1e6 : 20 + scheduler.random.below(300)), () => isLast && !!opened);
    expect(failure).toBeUndefined();
    const log = opened as Log | undefined;
    if (log !== undefined && life > 0) {
      let next = log.logStartOffset;
      let gaps = 0;
      for (const batch of storedBatches(host.disk, '/data/logs/t-0', 0, log.logEndOffset)) {
        if (batch.baseOffset !== next) gaps++;
        next = batch.lastOffset + 1;
      }
      found.push({ start: log.logStartOffset, end: next, promised, gaps });
    }
    host.losePower();
    host.powerUp();
  }
  return found;
}

test('what an append with flush.messages=1 has answered outlives a loss of power, new logs and segments included', async () => {
  for (let seed = 0; seed < 150; seed++) {
    for (const { end, promised, gaps } of await lives(seed, { flushMessages: 1 })) {
      expect([seed, gaps, end >= promised]).toEqual([seed, 0, true]);
    }
  }
});

test('without it the end may go, but what is left has no holes, and nothing that was flushed is missing', async () => {
  for (let seed = 0; seed < 150; seed++) {
    for (const { end, promised, gaps } of await lives(seed, {})) {
      expect([seed, gaps, end >= promised]).toEqual([seed, 0, true]);
    }
  }
});

test('what was cut off does not come back with a loss of power', async () => {
  for (let seed = 0; seed < 60; seed++) {
    const scheduler = new Scheduler(seed);
    const host = new SimulatedHost(scheduler, new SimulatedNetwork(scheduler), '10.0.0.1');
    const to = 3 * scheduler.random.between(0, 39);
    let isCut = false;
    const cut = async (process: SimulatedProcess): Promise<void> => {
      const log = await open(process, {});
      for (let i = 0; i < 40; i++) await append(log);
      await log.flush();
      await log.truncateTo(to);
      isCut = true;
    };
    void cut(host.start('life 0'));
    await scheduler.run(1e6, () => isCut);
    host.losePower();
    host.powerUp();
    let end: number | undefined;
    void open(host.start('life 1'), {}).then((log) => (end = log.logEndOffset));
    await scheduler.run(2e6, () => end !== undefined);
    expect([seed, end]).toEqual([seed, to]);
  }
});
