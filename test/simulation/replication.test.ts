import { describe, expect, test } from 'vitest';
import { sleep } from '../../broker/src/io/clock';
import type { Log } from '../../broker/src/log/log';
import { LogManager } from '../../broker/src/log/log-manager';
import { silentLogger } from '../../broker/src/logging/logger';
import { ReplicaFetcherManager } from '../../broker/src/replication/replica-fetcher-manager';
import { FakeLeader, type LedPartition } from '../broker/replication/fake-leader';
import { allBytes, Follower } from '../broker/replication/follower-bed';
import { append, batchOf, recordingLogger, testConfig } from '../broker/log/support';
import { Scheduler } from './io/scheduler';
import type { SeededRandom } from './io/seeded-random';
import { SimulatedHost } from './io/simulated-host';
import { SimulatedNetwork } from './io/simulated-network';

const topicId = 'abcdefghijklmnopqrstuA';
const partitionCount = 3;

/** A replica of every partition: it may lead and it may follow. */
class Replica {
  readonly leader: FakeLeader;
  readonly followers = new Map<number, Follower>();
  fetchers!: ReplicaFetcherManager<Follower>;
  logs: Log[] = [];

  constructor(
    readonly cluster: Cluster,
    readonly id: number,
    readonly host: SimulatedHost,
    readonly process = host.start('broker'),
  ) {
    const { random } = cluster;
    this.leader = new FakeLeader(process.clock, id);
    this.leader.latency = () => sleep(process.clock, random.exponential(1));
  }

  async open(): Promise<void> {
    const { io } = this.process;
    const { random, options } = this.cluster;
    const defaultConfig = { ...testConfig, segmentBytes: 1000, indexIntervalBytes: 100, segmentIndexBytes: 200 };
    const producerIdExpirationMs = Number.MAX_SAFE_INTEGER;
    const logs = await LogManager.open(io, silentLogger, { logDirs: ['/data'], defaultConfig, producerIdExpirationMs });
    await logs.load();
    for (let partition = 0; partition < partitionCount; partition++) {
      this.logs.push(await logs.getOrCreate({ topic: 't', partition }, topicId));
    }
    this.fetchers = new ReplicaFetcherManager(io, this.cluster.logger, {
      brokerId: this.id,
      brokerEpoch: () => 1n,
      numFetchers: random.between(1, 2),
      fetchWaitMaxMs: 50,
      fetchMinBytes: 1,
      fetchMaxBytes: random.pick([100, 500, 100_000]),
      fetchResponseMaxBytes: 1_000_000,
      fetchBackoffMs: 20,
      socketTimeoutMs: 1000,
      interBrokerProtocolVersion: options.interBrokerProtocolVersion,
      connect: async (endpoint, clientId) => this.cluster.replicas[endpoint.id].leader.connect(endpoint, clientId),
      followerAppended: () => {},
    });
  }
}

/** Three replicas whose roles change at random, also uncleanly. */
class Cluster {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly logger = recordingLogger();
  readonly replicas: Replica[] = [];
  readonly epochs = new Array<number>(partitionCount).fill(0);
  readonly leaders = new Array<number>(partitionCount).fill(-1);
  #values = 0;

  constructor(
    readonly seed: number,
    readonly options: { readonly interBrokerProtocolVersion: string },
  ) {
    this.scheduler = new Scheduler(seed);
    this.random = this.scheduler.random.fork();
    const network = new SimulatedNetwork(this.scheduler);
    for (let id = 0; id < 3; id++) {
      this.replicas.push(new Replica(this, id, new SimulatedHost(this.scheduler, network, `10.0.0.${id + 1}`)));
    }
  }

  get clock() {
    return this.replicas[0].process.clock;
  }

  async run(work: () => Promise<void>): Promise<void> {
    let isDone = false;
    const settled = work().finally(() => (isDone = true));
    settled.catch(() => {});
    if (!(await this.scheduler.run(1e7, () => isDone))) throw new Error('it never came to its end');
    await settled;
  }

  /** Another leader, any, whatever the others have; some of them hear of it now. */
  async elect(partition: number, share: number): Promise<void> {
    const { random, replicas } = this;
    const epoch = ++this.epochs[partition];
    const id = random.below(replicas.length);
    this.leaders[partition] = id;
    const key = `t-${partition}`;
    for (const each of replicas) each.leader.partitions.delete(key);
    await replicas[id].fetchers.remove([{ topic: 't', partition }]);
    const log = replicas[id].logs[partition];
    log.assignEpochStartOffset(epoch, log.logEndOffset);
    replicas[id].leader.partitions.set(key, { topicId, log, leaderEpoch: epoch });
    for (const each of replicas) {
      each.leader.changed();
      if (each.id !== id && random.chance(share)) await this.follow(each, partition);
    }
  }

  async follow(replica: Replica, partition: number): Promise<void> {
    const leader = this.replicas[this.leaders[partition]];
    const follower = new Follower('t', partition, topicId, replica.logs[partition], this.epochs[partition]);
    replica.followers.set(partition, follower);
    if (this.random.chance(0.5)) await replica.fetchers.remove([follower]);
    replica.fetchers.add([{ partition: follower, leader: leader.leader.endpoint }]);
  }

  led(partition: number): LedPartition {
    return this.replicas[this.leaders[partition]].leader.partitions.get(`t-${partition}`)!;
  }

  async step(): Promise<void> {
    const { random } = this;
    const partition = random.below(partitionCount);
    const led = this.led(partition);
    const { log } = led;
    switch (random.below(9)) {
      case 0:
        await this.elect(partition, 0.7);
        break;
      case 1:
        random.pick(this.replicas).leader.disconnectAll();
        break;
      case 2:
        if (log.logEndOffset > log.logStartOffset) {
          log.updateHighWatermark(log.logEndOffset);
          log.maybeIncrementLogStartOffset(random.between(log.logStartOffset, log.logEndOffset));
        }
        break;
      case 3:
        led.fail = random.pick([3, 6, 56, 74, 75, -1]);
        await sleep(this.clock, random.below(50));
        led.fail = undefined;
        break;
      case 4:
        await random.pick(this.replicas).fetchers.remove([{ topic: 't', partition }]);
        break;
      default: {
        const values = Array.from({ length: random.between(1, 4) }, () =>
          `${this.#values++}`.repeat(random.between(1, 20)),
        );
        await append(log, batchOf(values), { leaderEpoch: led.leaderEpoch });
        log.updateHighWatermark(random.between(log.highWatermark, log.logEndOffset));
        for (const each of this.replicas) each.leader.changed();
      }
    }
    await sleep(this.clock, random.pick([0, 1, 5, 30]));
  }

  /** Everyone follows the last leader: all logs are as the leader's, byte by byte, and so are the epochs. */
  async converge(): Promise<void> {
    for (let partition = 0; partition < partitionCount; partition++) {
      const { log } = this.led(partition);
      log.updateHighWatermark(log.logEndOffset);
      for (const each of this.replicas) if (each.id !== this.leaders[partition]) await this.follow(each, partition);
      for (const each of this.replicas) each.leader.changed();
    }
    const isSame = (of: Log, as: Log) =>
      of.logEndOffset === as.logEndOffset &&
      of.highWatermark === as.highWatermark &&
      // An earlier leader may have deleted more than the last one has heard of.
      of.logStartOffset >= as.logStartOffset;
    const all = () =>
      this.logs().every(([log, leader, id, partition]) => {
        const progress = this.replicas[id].fetchers.progress({ topic: 't', partition });
        if (progress?.state !== 'fetching' || progress.isBusy || progress.leaderEpoch !== this.epochs[partition])
          return false;
        return isSame(log, leader);
      });
    for (let waited = 0; !all(); waited += 10) {
      if (waited > 60_000) throw new Error(`not converged: ${JSON.stringify(this.logs().map(describeLogs))}`);
      await sleep(this.clock, 10);
    }
    for (const [log, leader] of this.logs()) {
      const from = log.logStartOffset;
      expect(await allBytes(log, from)).toEqual(await allBytes(leader, from));
      for (let offset = from; offset < log.logEndOffset; offset++) {
        expect(epochAt(log, offset)).toBe(epochAt(leader, offset));
      }
    }
  }

  logs(): [Log, Log, number, number][] {
    return this.leaders.flatMap((leader, partition) =>
      this.replicas
        .filter(({ id }) => id !== leader)
        .map(({ id, logs }): [Log, Log, number, number] => [
          logs[partition],
          this.replicas[leader].logs[partition],
          id,
          partition,
        ]),
    );
  }
}

function epochAt(log: Log, offset: number): number | undefined {
  return log.leaderEpochs.findLast(({ startOffset }) => startOffset <= offset)?.epoch;
}

function describeLogs([log, leader, id, partition]: [Log, Log, number, number]): unknown {
  const of = ({ logStartOffset, highWatermark, logEndOffset, leaderEpochs }: Log) => ({
    ...{ logStartOffset, highWatermark, logEndOffset },
    epochs: leaderEpochs.map(({ epoch, startOffset }) => `${epoch}@${startOffset}`).join(' '),
  });
  return { id, partition, log: of(log), leader: of(leader) };
}

async function simulate(seed: number, interBrokerProtocolVersion: string): Promise<Cluster> {
  const cluster = new Cluster(seed, { interBrokerProtocolVersion });
  try {
    await cluster.run(async () => {
      for (const replica of cluster.replicas) await replica.open();
      for (let partition = 0; partition < partitionCount; partition++) await cluster.elect(partition, 1);
      for (let steps = cluster.random.between(10, 60); steps > 0; steps--) await cluster.step();
      await cluster.converge();
      for (const { fetchers } of cluster.replicas) await fetchers.shutdown();
    });
  } catch (error) {
    throw new Error(`seed ${seed}, ${interBrokerProtocolVersion}:\n${cluster.logger.lines.join('\n')}`, {
      cause: error,
    });
  }
  return cluster;
}

const seeds = Array.from({ length: 60 }, (_, index) => index + 1);

describe.each(['3.9', '2.6'])('Replicas of leaders that come and go, also uncleanly (%s)', (version) => {
  test('have in the end what the last leader has', { timeout: 600_000 }, async () => {
    for (const seed of seeds) await simulate(seed, version);
  });

  test('do the same again from the same seed', async () => {
    const [one, other] = [await simulate(7, version), await simulate(7, version)];
    expect(other.scheduler.traceHash).toBe(one.scheduler.traceHash);
    expect(other.logger.lines).toEqual(one.logger.lines);
  });
});
