import type { RegisteredBroker } from '../zookeeper/kafka-zk-client';
import { BrokerIdZNode, type EndPoint } from '../zookeeper/znodes/broker-id';
import type { ControlledPartition, Replica } from './controller-context';
import type { ControllerTerm } from './controller-term';
import type { PartitionStateMachine } from './partition-state-machine';
import type { ReassignmentManager } from './reassignment-manager';
import type { ReplicaStateMachine } from './replica-state-machine';
import type { TopicDeletionManager } from './topic-deletion-manager';

/** Brokers come, go, and lose log directories: what follows from it. */
export class BrokerChanges {
  /** Brokers whose coming or going has been seen, and what follows from it is not done yet. */
  readonly #underway = new Set<number>();

  constructor(
    private readonly term: ControllerTerm,
    private readonly replicas: ReplicaStateMachine,
    private readonly partitions: PartitionStateMachine,
    private readonly deletion: TopicDeletionManager,
    private readonly reassignments: ReassignmentManager,
  ) {}

  /** Those whose registration can be read: one that cannot must not keep the others from being served. */
  async registered(): Promise<RegisteredBroker[]> {
    const ids = await this.term.zk.getBrokerIds();
    const brokers = await Promise.all(
      ids.map((id) => {
        // Before it is read: so the read sets the watch.
        const name = `BrokerModifications ${id}`;
        const changed = (): void => this.term.events.put(name, () => this.#modified(id));
        this.term.registerNode(BrokerIdZNode.path(id), { handleDataChange: changed });
        return this.term.readable(this.term.zk.getBroker(id));
      }),
    );
    return brokers.filter((broker) => broker !== undefined);
  }

  hasCome({ brokerEpoch, ...info }: RegisteredBroker): void {
    this.term.context.setBroker(info, brokerEpoch);
    this.term.channels.addBroker(info);
  }

  async changed(): Promise<void> {
    const { context } = this.term;
    const registered = new Map((await this.registered()).map((broker) => [broker.id, broker]));
    const come = [...registered.values()].filter(({ id }) => !context.brokers.has(id));
    // What an earlier look has left undone is done as if the broker had been away meanwhile.
    const bounced = [...registered.values()].filter(({ id, brokerEpoch }) => {
      const known = context.brokers.get(id);
      return known !== undefined && (known.epoch !== brokerEpoch || this.#underway.has(id));
    });
    const gone = [...new Set([...context.brokers.keys(), ...this.#underway])].filter((id) => !registered.has(id));
    if (come.length === 0 && bounced.length === 0 && gone.length === 0) return;
    const list = (brokers: readonly RegisteredBroker[]): string => brokers.map(({ id }) => id).join(',');
    this.term.logger.info(
      `Brokers that came: [${list(come)}], that were started again: [${list(bounced)}], that went: [${gone.join(',')}]; registered are [${[...registered.keys()].join(',')}].`,
    );
    for (const { id } of come) this.#underway.add(id);
    for (const id of [...bounced.map(({ id }) => id), ...gone]) {
      this.#underway.add(id);
      this.term.channels.removeBroker(id);
    }
    if (come.length > 0) {
      for (const broker of come) this.hasCome(broker);
      await this.onStartup(come.map(({ id }) => id));
    }
    if (bounced.length > 0) {
      const ids = bounced.map(({ id }) => id);
      await this.#onFailure(ids);
      for (const broker of bounced) this.hasCome(broker);
      await this.onStartup(ids);
    }
    if (gone.length > 0) {
      await this.#onFailure(gone);
      for (const id of gone) this.term.unregisterNode(BrokerIdZNode.path(id));
    }
    this.#underway.clear();
  }

  async onStartup(ids: readonly number[]): Promise<void> {
    const { context } = this.term;
    for (const id of ids) context.replicasOnOfflineDirs.delete(id);
    // The others learn who is there; the new ones learn everything: of deletions, too, which they may have missed.
    this.term.updateMetadata(
      [],
      context.liveOrShuttingDownBrokerIds.filter((id) => !ids.includes(id)),
    );
    this.term.updateMetadata(context.partitionsWithLeadership(), ids);
    const held = context.replicasOnBrokers(ids);
    this.replicas.toOnline(held.filter(({ partition, brokerId }) => canBeOnline(partition, brokerId)));
    await this.partitions.triggerOnlineStateChange();
    await this.reassignments.resume(({ assignment: { replicas, removingReplicas } }) =>
      replicas.some((id) => ids.includes(id) && !removingReplicas.includes(id)),
    );
    await this.deletion.resumeFor(held.map(({ partition }) => partition.topic));
  }

  async #onFailure(ids: readonly number[]): Promise<void> {
    const { context } = this.term;
    for (const id of ids) {
      context.removeBroker(id);
      context.replicasOnOfflineDirs.delete(id);
      context.shuttingDownBrokerIds.delete(id);
    }
    await this.onReplicasBecomeOffline(context.replicasOnBrokers(ids));
  }

  async onReplicasBecomeOffline(replicas: readonly Replica[]): Promise<void> {
    const { context } = this.term;
    const isDeleted = ({ partition }: Replica): boolean => context.isBeingDeleted(partition.topic);
    const kept = replicas.filter((replica) => !isDeleted(replica));
    this.partitions.toOffline(context.partitionsWithOfflineLeader());
    const elections = await this.partitions.triggerOnlineStateChange();
    await this.replicas.toOffline(kept);
    await this.deletion.failReplicaDeletion(replicas.filter(isDeleted));
    const isElected = [...elections.values()].some((outcome) => !(outcome instanceof Error));
    if (kept.length === 0 && !isElected) this.term.updateMetadata([]);
  }

  async #modified(id: number): Promise<void> {
    const known = this.term.context.brokers.get(id);
    const found = await this.term.readable(this.term.zk.getBroker(id));
    if (!known || !found || found.brokerEpoch !== known.epoch) return;
    const { brokerEpoch, ...info } = found;
    if (isSameEndPoints(info.endPoints, known.info.endPoints) && info.rack === known.info.rack) return;
    this.term.logger.info(`Broker ${id} has other listeners now: ${info.endPoints.map(describeEndPoint).join(', ')}.`);
    this.term.context.setBroker(info, brokerEpoch);
    this.term.channels.updateBroker(info);
    this.term.updateMetadata([]);
  }

  async logDirsFailed(): Promise<void> {
    const names = await this.term.zk.getLogDirEventNotifications();
    if (names.length === 0) return;
    const brokers = new Set(
      await this.term.readableOf(names, (name) => this.term.zk.getBrokerIdsOfLogDirEvents([name])),
    );
    this.term.logger.info(`Log directories have failed on brokers ${[...brokers].join(',')}.`);
    // They answer which of their replicas are gone.
    this.replicas.toOnline(
      this.term.context
        .replicasOnBrokers([...brokers].sort((a, b) => a - b))
        .filter(({ partition, brokerId }) => canBeOnline(partition, brokerId)),
    );
    await this.term.zk.deleteLogDirEventNotifications(names, this.term.context.epochZkVersion);
  }
}

/** Not one whose deletion is under way or done: it does not come back. */
function canBeOnline(partition: ControlledPartition, brokerId: number): boolean {
  const status = partition.replicaStatus.get(brokerId);
  return status !== 'ReplicaDeletionStarted' && status !== 'ReplicaDeletionSuccessful';
}

function isSameEndPoints(a: readonly EndPoint[], b: readonly EndPoint[]): boolean {
  return a.map(describeEndPoint).join() === b.map(describeEndPoint).join();
}

function describeEndPoint({ listenerName, securityProtocol, host, port }: EndPoint): string {
  return `${listenerName}://${host}:${port} (${securityProtocol})`;
}
