import { BrokerConfig } from '../../config/broker-config';
import { silentLogger } from '../../logging/logger';
import { isInternalTopic } from '../../replication/internal-topics';
import { AdminZkClient } from '../../server/admin-zk-client';
import { isKeeperException } from '../../zookeeper/keeper-exception';
import type { KafkaZkClient } from '../../zookeeper/kafka-zk-client';
import { KeeperCode } from '../../zookeeper/requests';
import { CommandError } from '../cli-error';
import type { CliContext } from '../context';
import type { DescribedTopic } from './topic-description';
import type { NewTopic, TopicAlteration, TopicService } from './topic-service';

/** Topics straight on ZooKeeper, as kafka-topics of Kafka 2.4 does with `--zookeeper`; the controller does the rest. */
export class ZooKeeperTopicService implements TopicService {
  readonly eligibleLeaders = false;
  readonly #zk: KafkaZkClient;
  readonly #admin: AdminZkClient;

  constructor(context: CliContext, zk: KafkaZkClient, connectString: string) {
    const { config } = BrokerConfig.from(new Map([['zookeeper.connect', connectString]]));
    this.#zk = zk;
    this.#admin = new AdminZkClient(context.io.random, silentLogger, zk, config);
  }

  names(): Promise<readonly string[]> {
    return this.#zk.getTopics();
  }

  async listed(names: readonly string[]): Promise<readonly string[]> {
    const deletions = new Set(await this.#zk.getTopicDeletions());
    return names.map((name) => (deletions.has(name) ? `${name} - marked for deletion` : name));
  }

  async create({ name, partitions, replicationFactor, assignment, configs }: NewTopic): Promise<void> {
    if (assignment === undefined && (partitions === undefined || replicationFactor === undefined)) {
      const missing = partitions === undefined ? 'partitions' : 'replication-factor';
      throw new CommandError(`Missing required argument "[${missing}]"`);
    }
    const replicas =
      assignment === undefined
        ? this.#admin.assignNewTopic(await this.#zk.getBrokers(), partitions!, replicationFactor!)
        : new Map(assignment.entries());
    await this.#admin.validateTopicCreate(name, replicas, configs);
    await this.#admin.createTopic(name, replicas, configs);
  }

  async describe(names: readonly string[]): Promise<readonly DescribedTopic[]> {
    const deletions = new Set(await this.#zk.getTopicDeletions());
    const described: DescribedTopic[] = [];
    for (const name of names) {
      const assignment = await this.#zk.getTopicAssignment(name);
      if (assignment === undefined) continue;
      const configs = [...(await this.#admin.topicConfig(name))];
      const numbers = [...assignment.partitions.keys()].sort((left, right) => left - right);
      const states = await this.#zk.getPartitionStates(numbers.map((partition) => ({ topic: name, partition })));
      described.push({
        name,
        replicationFactor: assignment.partitions.get(numbers[0] ?? 0)?.replicas.length ?? 0,
        configs,
        minInsyncReplicas: Number(new Map(configs).get('min.insync.replicas') ?? 1),
        markedForDeletion: deletions.has(name),
        partitions: numbers.map((partition, i) => ({
          partition,
          leader: states[i]?.leader ?? -1,
          replicas: assignment.partitions.get(partition)!.replicas,
          isr: states[i]?.isr ?? [],
        })),
      });
    }
    return described;
  }

  async liveBrokers(): Promise<ReadonlySet<number>> {
    return new Set(await this.#zk.getBrokerIds());
  }

  async alter(names: readonly string[], alteration: TopicAlteration, say: (line: string) => void): Promise<void> {
    const { partitions, assignment, configs, deleteConfigs } = alteration;
    for (const name of names) {
      if (configs.size > 0 || deleteConfigs.length > 0) {
        say(
          'WARNING: Altering topic configuration from this script has been deprecated and may be removed in future releases.',
        );
        say('         Going forward, please use kafka-configs.sh for this functionality');
        const changed = new Map([...(await this.#admin.topicConfig(name)), ...configs]);
        for (const key of deleteConfigs) changed.delete(key.trim());
        await this.#admin.validateTopicConfig(name, changed);
        await this.#admin.changeTopicConfig(name, changed);
        say(`Updated config for topic ${name}.`);
      }
      if (partitions === undefined) continue;
      if (isInternalTopic(name)) {
        throw new CommandError(`The number of partitions for the internal topic ${name} cannot be changed.`);
      }
      say(
        'WARNING: If partitions are increased for a topic that has a key, the partition logic or ordering of the messages will be affected',
      );
      const old = (await this.#zk.getTopicAssignment(name))?.partitions.size ?? 0;
      const added = assignment?.slice(old) ?? null;
      await this.#admin.addPartitions(name, partitions, added);
      say('Adding partitions succeeded!');
    }
  }

  async delete(names: readonly string[], say: (line: string) => void): Promise<void> {
    for (const name of names) {
      if (isInternalTopic(name)) {
        throw new CommandError(`Topic ${name} is a kafka internal topic and is not allowed to be marked for deletion.`);
      }
      try {
        await this.#zk.createDeleteTopicPath(name);
      } catch (error) {
        if (!isKeeperException(error, KeeperCode.NODEEXISTS)) throw error;
        say(`Topic ${name} is already marked for deletion.`);
        continue;
      }
      say(`Topic ${name} is marked for deletion.`);
      say('Note: This will have no impact if delete.topic.enable is not set to true.');
    }
  }

  close(): Promise<void> {
    return this.#zk.close();
  }
}
