import { partitionName } from '../../../broker/src/log/topic-partition';
import { isInternalTopic } from '../../../broker/src/replication/internal-topics';
import type { Partition } from '../../../broker/src/replication/partition';
import { type BrokerNode, logDirectory } from '../world/broker-node';
import type { ZooKeeperNode } from '../world/zookeeper-node';
import type { Ledger } from '../world/ledger';
import type { SimulationOptions } from '../world/options';
import { CommittedLog, describeDifference } from './committed-log';
import { simulationEpochMs } from '../io/simulated-host';
import type { StoredBatch } from './replica-files';
import { Violation } from './violation';

/** What is known of one broker's replica, in one life of the broker. */
interface ReplicaView {
  leaderEpoch: number;
  isLeader: boolean;
  highWatermark: number;
  /** Compared up to here. */
  verified: number;
}

/** Hears of committed records that are gone in a way that is allowed. */
export type LossAllowed = (partition: string, fromOffset: number, records: number, why: string) => void;

/**
 * Looks at all partition objects of all brokers, as often as it is called: one leader an epoch, high watermarks that do
 * not go back, replicas that agree below them, new leaders that have everything that was committed.
 */
export class ClusterChecks {
  readonly committed = new Map<string, CommittedLog>();
  /** Who led a partition in an epoch. */
  readonly #leaders = new Map<string, number>();
  readonly #latestEpochs = new Map<string, number>();
  /** By partition: where logs have ended, in ascending order, and since when at the earliest. */
  readonly #ends = new Map<string, { readonly end: number; readonly sinceMs: number }[]>();
  #lookedMs = 0;
  readonly #views = new WeakMap<Partition, ReplicaView>();

  constructor(
    readonly options: SimulationOptions,
    readonly nodes: readonly BrokerNode[],
    readonly zookeeper: ZooKeeperNode,
    readonly ledger: Ledger,
    readonly lossAllowed: LossAllowed,
    readonly leaderSeen: (partition: string, epoch: number, leader: number) => void,
  ) {}

  check(): void {
    this.#seeRegistrations();
    this.#seeEnds();
    // Leaders first: what they have committed is what the others are compared with.
    for (const leaders of [true, false]) {
      for (const node of this.nodes) {
        const { broker, process } = node;
        if (broker === undefined || process === undefined) continue;
        for (const partition of broker.replicas.partitions()) {
          if (partition.isOffline || partition.log.isClosed || partition.isLeader !== leaders) continue;
          this.#check(node, partition);
        }
      }
    }
  }

  #seeRegistrations(): void {
    const { zookeeper } = this;
    if (zookeeper.server === undefined) return;
    const { nowMs } = zookeeper.host.scheduler;
    for (const node of this.nodes) node.seeRegistration(zookeeper.brokerEpoch(node.id), nowMs);
  }

  /** How far logs have got since the last look. */
  #seeEnds(): void {
    const { nowMs } = this.zookeeper.host.scheduler;
    for (const { broker } of this.nodes) {
      for (const partition of broker?.replicas.partitions() ?? []) {
        if (partition.isOffline || partition.log.isClosed) continue;
        const name = partitionName(partition);
        const ends = this.#ends.get(name) ?? [];
        this.#ends.set(name, ends);
        const { logEndOffset } = partition.log;
        if (logEndOffset > (ends.at(-1)?.end ?? 0)) ends.push({ end: logEndOffset, sinceMs: this.#lookedMs });
      }
    }
    this.#lookedMs = nowMs;
  }

  /**
   * When a batch was made, or earlier: as its producer says, or, of what brokers write, whose clocks jump, by when the
   * log got so far first.
   */
  #createdMs(name: string): (batch: StoredBatch) => number {
    return ({ baseOffset, isByBroker, maxTimestamp }) =>
      isByBroker || isInternalTopic(name.slice(0, name.lastIndexOf('-')))
        ? (this.#ends.get(name)?.find(({ end }) => end > baseOffset)?.sinceMs ?? 0)
        : maxTimestamp - simulationEpochMs;
  }

  logOf(name: string): CommittedLog {
    let log = this.committed.get(name);
    if (log === undefined) {
      log = new CommittedLog(name);
      this.committed.set(name, log);
    }
    return log;
  }

  #check(node: BrokerNode, partition: Partition): void {
    const { isLeader, leaderEpoch, log } = partition;
    let view = this.#views.get(partition);
    if (view === undefined) {
      view = { leaderEpoch: -1, isLeader: false, highWatermark: -1, verified: 0 };
      this.#views.set(partition, view);
    }
    const { highWatermark } = log;
    const name = partitionName(partition);
    const hasNewRole = leaderEpoch !== view.leaderEpoch || isLeader !== view.isLeader;
    if (hasNewRole) {
      if (isLeader) this.#newLeader(node, partition, name);
      view.leaderEpoch = leaderEpoch;
      view.isLeader = isLeader;
      view.verified = 0;
    } else {
      if (isLeader && highWatermark < view.highWatermark) {
        throw new Violation(
          `${name}: the high watermark of its leader ${node.id} went from ${view.highWatermark} back to ${highWatermark} in leader epoch ${leaderEpoch}`,
        );
      }
      if (highWatermark === view.highWatermark) return;
    }
    view.highWatermark = highWatermark;
    if (highWatermark > log.logEndOffset) {
      throw new Violation(
        `${name}: broker ${node.id} has high watermark ${highWatermark} and log end ${log.logEndOffset}`,
      );
    }
    if (highWatermark <= view.verified) {
      view.verified = highWatermark;
      return;
    }
    const committed = this.logOf(name);
    // After a loss that was allowed a replica may not know yet that it has to give up what was lost.
    const knows = committed.lossEpoch < 0 || (log.latestEpoch ?? -1) >= committed.lossEpoch;
    if (!knows) return;
    const missing = committed.compare({
      disk: node.host.disk,
      directory: `${logDirectory}/${name}`,
      from: Math.max(view.verified, log.logStartOffset),
      to: highWatermark,
      mayExtend: true,
      leaderEpoch,
      createdMs: this.#createdMs(name),
    });
    if (missing !== undefined) {
      throw new Violation(
        `${name}: broker ${node.id} has high watermark ${highWatermark} and ${describeDifference(missing)} below it`,
      );
    }
    view.verified = highWatermark;
  }

  #newLeader(node: BrokerNode, partition: Partition, name: string): void {
    const { leaderEpoch, log } = partition;
    const key = `${name}@${leaderEpoch}`;
    const other = this.#leaders.get(key);
    if (other !== undefined && other !== node.id) {
      throw new Violation(`${name}: brokers ${other} and ${node.id} both lead it in epoch ${leaderEpoch}`);
    }
    if (other === undefined) this.leaderSeen(name, leaderEpoch, node.id);
    this.#leaders.set(key, node.id);
    const committed = this.logOf(name);
    const directory = `${logDirectory}/${name}`;
    const end = committed.endBefore(leaderEpoch);
    const to = Math.min(end, log.logEndOffset);
    let lost: number | undefined;
    let what = '';
    const missing = committed.compare({
      disk: node.host.disk,
      directory,
      from: log.logStartOffset,
      to,
      mayExtend: false,
      leaderEpoch,
      createdMs: this.#createdMs(name),
    });
    if (missing !== undefined) [lost, what] = [missing.committed.baseOffset, describeDifference(missing)];
    else if (log.logEndOffset < end) {
      [lost, what] = [log.logEndOffset, `lacks everything from offset ${log.logEndOffset} to ${end - 1}`];
    }
    const latestEpoch = Math.max(leaderEpoch, this.#latestEpochs.get(name) ?? -1);
    this.#latestEpochs.set(name, latestEpoch);
    let sinceMs: number | undefined;
    if (lost === undefined && leaderEpoch === latestEpoch) {
      // A leader that died in the turn in which it acknowledged a record was not seen with it below its high watermark.
      const last = this.ledger.lastAcknowledged(name);
      if (last !== undefined && last.offset >= log.logEndOffset) {
        [lost, what] = [log.logEndOffset, `lacks what was acknowledged up to offset ${last.offset}`];
        sinceMs = last.sentMs;
      }
    }
    if (lost === undefined) return;
    const excuse = this.#excuse(node, partition, lost, sinceMs);
    if (excuse === undefined) {
      throw new Violation(
        `${name}: broker ${node.id} leads it in epoch ${leaderEpoch} with ISR [${partition.isr.join(',')}], and ${what}, which was committed`,
      );
    }
    this.lossAllowed(name, lost, committed.lose(lost, leaderEpoch), excuse);
  }

  /**
   * Without flushes a loss of power may take what was acknowledged when it hits the last replica that has it: the new
   * leader is alone in the ISR; or none of the ISR was registered in ZooKeeper all the time since, so that no controller
   * can know who still has everything.
   */
  #excuse(node: BrokerNode, partition: Partition, lostFrom: number, sinceMs: number | undefined): string | undefined {
    const { powerLoss, flushEveryMessage } = this.options;
    if (!powerLoss || flushEveryMessage) return undefined;
    const first = this.logOf(partitionName(partition)).batches.find(({ lastOffset }) => lastOffset >= lostFrom);
    // From when on a replica may have had it: it counts as committed only when the leader has heard of that.
    const since = first?.createdMs ?? sinceMs ?? 0;
    if (node.lastPowerLossMs < since) return undefined;
    const alone = partition.isr.every((id) => id === node.id);
    const all = partition.isr.every(
      (id) => Math.max(this.nodes[id].lastEndMs, this.nodes[id].lastUnregisteredMs) >= since,
    );
    if (alone) return `broker ${node.id}, the last of the ISR, lost its power without having flushed`;
    return all
      ? `all of the ISR [${partition.isr.join(',')}] were started again or gone, and broker ${node.id} had lost its power without having flushed`
      : undefined;
  }
}
