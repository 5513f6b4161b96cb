import { ErrorCode, errorName } from '../protocol/errors';
import { PreferredReplicaElectionZNode } from '../zookeeper/znodes/admin';
import type { TopicPartition } from '../zookeeper/znodes/partition-state';
import type { ControlledPartition } from './controller-context';
import type { ControllerTerm } from './controller-term';
import { canPreferredLead, type ElectionStrategy } from './election';
import type { Elections, PartitionStateMachine } from './partition-state-machine';
import { StateChangeFailedException } from './partition-states';
import type { ApiError } from './reassignment-manager';

export const ElectionType = { PREFERRED: 0, UNCLEAN: 1 } as const;
export type ElectionType = (typeof ElectionType)[keyof typeof ElectionType];

/** Elections that are held because somebody asks for them, or because they are due. */
export class LeaderElections {
  constructor(
    private readonly term: ControllerTerm,
    private readonly partitions: PartitionStateMachine,
  ) {}

  /** Elections that an administrator asks for; `null`: of all partitions. */
  async electLeaders(
    requested: readonly TopicPartition[] | null,
    type: ElectionType,
  ): Promise<(TopicPartition & { readonly error: ApiError })[]> {
    const { context } = this.term;
    const errors = new Map<string, TopicPartition & { readonly error: ApiError }>();
    const answer = ({ topic, partition }: TopicPartition, code: ErrorCode, message: string | null = null): void => {
      errors.set(`${topic}-${partition}`, { topic, partition, error: { code, message } });
    };
    const electable: ControlledPartition[] = [];
    const asked = requested ?? [...context.partitions()].map(nameOf);
    for (const each of asked) {
      const partition = context.partition(each.topic, each.partition);
      if (!partition) {
        answer(each, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 'The partition does not exist.');
      } else if (context.isQueuedForDeletion(partition.topic)) {
        answer(each, ErrorCode.INVALID_TOPIC_EXCEPTION, 'The topic is being deleted');
      } else if (!errors.has(String(partition))) {
        answer(each, ErrorCode.ELECTION_NOT_NEEDED);
        if (this.#needsElection(partition, type)) electable.push(partition);
      }
    }
    const strategy: ElectionStrategy =
      type === ElectionType.PREFERRED ? { name: 'preferred' } : { name: 'offline', allowUnclean: true };
    if (electable.length > 0)
      this.term.logger.info(`${strategy.name} elections are asked for: ${electable.join(', ')}.`);
    const elections = await this.partitions.toOnline(electable, strategy);
    const notAvailable =
      type === ElectionType.PREFERRED
        ? ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE
        : ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE;
    for (const partition of electable) {
      const elected = elections.get(partition);
      if (elected instanceof StateChangeFailedException) answer(nameOf(partition), notAvailable, elected.message);
      else if (elected instanceof Error) answer(nameOf(partition), ErrorCode.UNKNOWN_SERVER_ERROR, elected.message);
      else if (elected) answer(nameOf(partition), ErrorCode.NONE);
      else if ((partition.leadership?.leader ?? -1) >= 0) answer(nameOf(partition), ErrorCode.NONE);
      else answer(nameOf(partition), notAvailable, 'The partition has no leader yet.');
    }
    const all = [...errors.values()];
    return requested === null ? all.filter(({ error }) => error.code !== ErrorCode.ELECTION_NOT_NEEDED) : all;
  }

  /** unclean.leader.election.enable has become true: for the whole cluster, or for one topic. */
  async uncleanLeaderElectionEnabled(topicName?: string): Promise<void> {
    if (topicName === undefined) {
      this.term.logger.info('Unclean leader elections are allowed by default now.');
      await this.partitions.triggerOnlineStateChange();
      return;
    }
    const topic = this.term.context.topics.get(topicName);
    if (!topic) return;
    this.term.logger.info(`Unclean leader elections are allowed for topic ${topicName} now.`);
    await this.partitions.triggerOnlineStateChange(topic.partitions.values());
  }

  putPreferredElection(): void {
    this.term.events.put('PreferredReplicaElection', () => this.preferredElectionAskedFor());
  }

  /** Through /admin/preferred_replica_election, which arms its watch. */
  async preferredElectionAskedFor(): Promise<void> {
    const { path } = PreferredReplicaElectionZNode;
    if (!(await this.term.zk.pathExists(path))) return;
    const asked = (await this.term.readable(this.term.zk.getPreferredReplicaElection())) ?? [];
    const results = await this.electLeaders(asked, ElectionType.PREFERRED);
    for (const { topic, partition, error } of results) {
      const outcome = error.code === ErrorCode.NONE ? 'is done' : `is not done: ${errorName(error.code)}`;
      this.term.logger.info(`The preferred election of ${topic}-${partition} that ${path} asks for ${outcome}.`);
    }
    await this.term.zk.deletePreferredReplicaElection(this.term.context.epochZkVersion);
    this.putPreferredElection();
  }

  #needsElection(partition: ControlledPartition, type: ElectionType): boolean {
    const leader = partition.leadership?.leader ?? -1;
    if (type === ElectionType.PREFERRED) return leader !== partition.assignment.replicas[0];
    return leader < 0 || !this.term.context.isLive(leader);
  }

  /** Where a state could not be written, or has been lost sight of. */
  async electMissing(): Promise<void> {
    this.partitions.toOffline(this.term.context.partitionsWithOfflineLeader());
    await this.partitions.triggerOnlineStateChange();
  }

  /** Has partitions led in a new epoch before anybody is told of the old one. */
  async electAnew(partitions: readonly ControlledPartition[]): Promise<void> {
    if (partitions.length === 0) return;
    this.partitions.toOffline(partitions);
    await this.partitions.toOnline(partitions, { name: 'offline', allowUnclean: false });
  }

  /** auto.leader.rebalance.enable */
  scheduleRebalance(delayMs: number): void {
    this.term.later('AutoPreferredReplicaLeaderElection', delayMs, async () => {
      try {
        await this.#rebalanceLeaders();
      } finally {
        if (!this.term.context.isOver) {
          this.scheduleRebalance((this.term.options.leaderImbalanceCheckIntervalSeconds ?? 300) * 1_000);
        }
      }
    });
  }

  /** Of a broker that leads too few of the partitions that prefer it, those that it can lead come to it. */
  async #rebalanceLeaders(): Promise<Elections | undefined> {
    const { context } = this.term;
    const allowed = (this.term.options.leaderImbalancePerBrokerPercentage ?? 10) / 100;
    const partitions = [...context.partitions()].filter(
      ({ topic, assignment }) => !context.isQueuedForDeletion(topic) && assignment.replicas.length > 0,
    );
    const elected: ControlledPartition[] = [];
    for (const [broker, preferring] of Map.groupBy(partitions, ({ assignment }) => assignment.replicas[0])) {
      const elsewhere = preferring.filter(({ leadership }) => leadership && leadership.leader !== broker);
      const imbalance = elsewhere.length / preferring.length;
      if (imbalance <= allowed) continue;
      const candidates = elsewhere.filter((each) => canPreferredLead(context, each, each.leadership!));
      if (candidates.length === 0) continue;
      this.term.logger.info(
        `Broker ${broker} does not lead ${elsewhere.length} of ${preferring.length} partitions that prefer it: ${candidates.length} are given to it.`,
      );
      elected.push(...candidates);
    }
    return elected.length === 0 ? undefined : await this.partitions.toOnline(elected, { name: 'preferred' });
  }
}

function nameOf({ topic, index }: ControlledPartition): TopicPartition {
  return { topic: topic.name, partition: index };
}
