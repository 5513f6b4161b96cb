import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import type { Io } from '../../../broker/src/io/io';
import type { Log } from '../../../broker/src/log/log';
import type { LogConfig } from '../../../broker/src/log/log-config';
import type { LogManager } from '../../../broker/src/log/log-manager';
import type { Logger } from '../../../broker/src/logging/logger';
import {
  type FollowerPartition,
  type LeaderEndpoint,
  ReplicaFetcherManager,
  type ReplicaFetcherOptions,
} from '../../../broker/src/replication/replica-fetcher-manager';
import {
  append,
  batchOf,
  ioWith,
  ManualClock,
  openManager,
  readBytes,
  recordingLogger,
  TestDirectory,
} from '../log/support';
import { FakeLeader, type LedPartition } from './fake-leader';

export const topicId = 'abcdefghijklmnopqrstuA';

/** A partition as the controller may change its role. */
export class Follower implements FollowerPartition {
  leaderEpoch: number;
  isLeader = false;
  isOffline = false;

  constructor(
    readonly topic: string,
    readonly partition: number,
    readonly topicId: string | undefined,
    readonly log: Log,
    leaderEpoch = 1,
  ) {
    this.leaderEpoch = leaderEpoch;
  }
}

export interface BedOptions {
  readonly fetcher?: Partial<ReplicaFetcherOptions<Follower>>;
  readonly io?: (clock: ManualClock) => Io;
  readonly config?: Partial<LogConfig>;
}

/** Leaders, a follower's logs and fetchers, and time that moves when the test says so. */
export class Bed {
  readonly clock = new ManualClock();
  readonly leader = new FakeLeader(this.clock, 1);
  readonly leaders = new Map([[1, this.leader]]);
  readonly told: Follower[] = [];
  readonly logger: Logger & { readonly lines: string[] } = recordingLogger();
  readonly fetchers: ReplicaFetcherManager<Follower>;
  readonly #managers: LogManager[] = [];
  readonly #directories: TestDirectory[];
  readonly #config: Partial<LogConfig>;

  private constructor(options: BedOptions, directories: TestDirectory[], followerIo: (clock: ManualClock) => Io) {
    this.#directories = directories;
    this.#config = options.config ?? {};
    this.fetchers = new ReplicaFetcherManager(followerIo(this.clock), this.logger, {
      brokerId: 0,
      brokerEpoch: () => 77n,
      numFetchers: 1,
      fetchWaitMaxMs: 500,
      fetchMinBytes: 1,
      fetchMaxBytes: 1024 * 1024,
      fetchResponseMaxBytes: 10 * 1024 * 1024,
      fetchBackoffMs: 1000,
      socketTimeoutMs: 30_000,
      connect: (endpoint: LeaderEndpoint, clientId: string) =>
        [...this.leaders.values()].find((leader) => leader.endpoint.id === endpoint.id)!.connect(endpoint, clientId),
      followerAppended: (partition) => this.told.push(partition),
      ...options.fetcher,
    });
  }

  static async open(options: BedOptions = {}): Promise<Bed> {
    const directories = [new TestDirectory(), new TestDirectory()];
    const followerIo = options.io ?? ioWith;
    const bed = new Bed(options, directories, followerIo);
    bed.#managers.push(
      await openManager(directories[0].path, { io: ioWith(bed.clock), config: bed.#config }),
      await openManager(directories[1].path, { io: followerIo(bed.clock), config: bed.#config, logger: bed.logger }),
    );
    return bed;
  }

  async close(): Promise<void> {
    await this.fetchers.shutdown();
    for (const manager of this.#managers) await manager.shutdown().catch(() => {});
    for (const directory of this.#directories) directory[Symbol.dispose]();
  }

  /** A log on the leader's disk, led in `leaderEpoch`. */
  async led(key: string, leaderEpoch = 1, leader = this.leader): Promise<LedPartition> {
    const log = await this.#log(0, key, `${leader.id}`);
    log.assignEpochStartOffset(leaderEpoch, log.logEndOffset);
    const led: LedPartition = { topicId, log, leaderEpoch };
    leader.partitions.set(key, led);
    return led;
  }

  async follower(key: string, leaderEpoch = 1, id: string | null = topicId): Promise<Follower> {
    const log = await this.#log(1, key, '');
    const { topic, partition } = log.topicPartition;
    return new Follower(topic, partition, id ?? undefined, log, leaderEpoch);
  }

  #log(broker: 0 | 1, key: string, suffix: string): Promise<Log> {
    const at = key.lastIndexOf('-');
    const topic = key.slice(0, at) + (suffix === '' ? '' : `.${suffix}`);
    return this.#managers[broker].getOrCreate({ topic, partition: Number(key.slice(at + 1)) });
  }

  /** Appends as leader, and has it known. */
  async lead(led: LedPartition, values: readonly string[], highWatermark = Infinity): Promise<void> {
    await append(led.log, batchOf(values), { leaderEpoch: led.leaderEpoch });
    led.log.updateHighWatermark(Math.min(highWatermark, led.log.logEndOffset));
    this.changed();
  }

  changed(): void {
    for (const leader of this.leaders.values()) leader.changed();
  }

  follow(...partitions: Follower[]): void {
    this.fetchers.add(partitions.map((partition) => ({ partition, leader: this.leader.endpoint })));
  }

  /** The follower's log is cut, and what it fetches from there on is asked for. */
  fetchesFrom(follower: Follower, offset: number): Promise<void> {
    return this.untilLater(() => {
      const progress = this.fetchers.progress(follower);
      return progress?.state === 'fetching' && progress.fetchOffset === offset && progress.lag === 0;
    }, `fetching from ${offset}`);
  }

  /** Until `condition`, without time passing for anyone here. */
  until(condition: () => boolean, what?: string): Promise<void> {
    return this.#until(condition, 0, what);
  }

  /** Until `condition`, while time passes. */
  untilLater(condition: () => boolean, what?: string): Promise<void> {
    return this.#until(condition, 20, what);
  }

  async #until(condition: () => boolean, stepMs: number, what = condition.toString()): Promise<void> {
    for (const deadline = performance.now() + 15_000; performance.now() < deadline;) {
      for (let i = 0; i < 20; i++) {
        if (condition()) return;
        await turn();
      }
      if (stepMs > 0) this.clock.advance(stepMs);
      else await sleep(1);
    }
    throw new Error(`it did not happen: ${what}\n${this.logger.lines.join('\n')}`);
  }

  /** A while without time passing, for what should not happen. */
  async quiet(turns = 50): Promise<void> {
    for (let i = 0; i < turns; i++) await turn();
  }

  caughtUp(follower: Follower, led: LedPartition): Promise<void> {
    return this.until(
      () => follower.log.logEndOffset === led.log.logEndOffset && follower.log.highWatermark === led.log.highWatermark,
      `${follower.topic}-${follower.partition} catching up`,
    );
  }
}

/** Byte by byte, from the later start on. */
export async function sameLogs(a: Log, b: Log): Promise<boolean> {
  const start = Math.max(a.logStartOffset, b.logStartOffset);
  const [x, y] = [await allBytes(a, start), await allBytes(b, start)];
  return a.logEndOffset === b.logEndOffset && x.equals(y);
}

export async function allBytes(log: Log, from: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let offset = from; offset < log.logEndOffset;) {
    const bytes = await readBytes(log, offset, 1024 * 1024);
    if (bytes.length === 0) break;
    parts.push(bytes);
    offset = lastOffsetOf(bytes) + 1;
  }
  return Buffer.concat(parts);
}

function lastOffsetOf(bytes: Buffer): number {
  let last = -1;
  for (let at = 0; at + 61 <= bytes.length; at += 12 + bytes.readInt32BE(at + 8)) {
    last = Number(bytes.readBigInt64BE(at)) + bytes.readInt32BE(at + 23);
  }
  return last;
}
