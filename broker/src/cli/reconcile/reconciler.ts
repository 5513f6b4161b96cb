import { AlterOperation } from '../../config/alter-configs';
import { ConfigSource } from '../../config/describe-configs';
import type { Io } from '../../io/io';
import type { Logger } from '../../logging/logger';
import { Apis } from '../../protocol/api-keys';
import { ErrorCode } from '../../protocol/errors';
import type { MetadataResponse } from '../../protocol/messages/metadata';
import { messageOf } from '../cli-error';
import { isRetriable, throwIfError, type ClusterClient } from '../client/cluster-client';
import { describeConfigs, ResourceType, resourceTarget } from '../configs/describe-configs';
import { ClusterTopicService } from '../topics/cluster-topic-service';
import { ReconcileState, type RememberedTopic } from './reconcile-state';
import type { WantedTopic } from './topics-file';

/** What one run came to. */
export interface ReconcileOutcome {
  readonly changes: number;
  /** What cannot be made so. */
  readonly drifts: number;
  /** What failed, and is tried again by the next run. */
  readonly failures: number;
}

type TopicMetadata = MetadataResponse['topics'][number];

/**
 * Makes the topics of a cluster what a file says: creates them, adds partitions, sets configuration and sets back what
 * the file does not have any more; what cannot be done (fewer partitions, another replication factor) is reported.
 * Deleted is only what it made itself under the policy "delete", and only the very topic that it made.
 */
export class Reconciler {
  readonly #logger: Logger;
  readonly #cluster: ClusterClient;
  readonly #service: ClusterTopicService;
  readonly #state: ReconcileState;
  readonly #dryRun: boolean;
  /** Drifts that were reported: each is reported when it appears, not every time. */
  #reported = new Set<string>();

  constructor(io: Io, logger: Logger, cluster: ClusterClient, dryRun: boolean) {
    this.#logger = logger;
    this.#cluster = cluster;
    this.#service = new ClusterTopicService(cluster);
    this.#state = new ReconcileState(io, cluster);
    this.#dryRun = dryRun;
  }

  async run(wanted: readonly WantedTopic[]): Promise<ReconcileOutcome> {
    const remembered = await this.#state.read();
    const { topics } = await this.#cluster.metadata(null);
    const existing = new Map(topics.map((topic) => [topic.name ?? '', topic]));
    const run = new Run(this.#logger, this.#dryRun, this.#reported);
    const next = new Map<string, RememberedTopic | null>();
    for (const topic of wanted) {
      await run.attempt(topic.name, async () => {
        const memory = remembered.get(topic.name);
        const now = await this.#reconcile(run, topic, existing.get(topic.name), memory);
        if (now !== undefined && !isSame(now, memory)) next.set(topic.name, now);
        // What was just made is remembered before anything else can go wrong.
        if (now?.created === true && memory?.topicId !== now.topicId) await this.#remember(next);
      });
    }
    const names = new Set(wanted.map(({ name }) => name));
    for (const [name, memory] of remembered) {
      if (names.has(name)) continue;
      await run.attempt(name, async () => {
        await this.#leave(run, name, memory, existing.get(name));
        next.set(name, null);
      });
    }
    await this.#remember(next);
    this.#reported = run.reported;
    return run;
  }

  async #remember(next: Map<string, RememberedTopic | null>): Promise<void> {
    if (!this.#dryRun) await this.#state.write(next);
    next.clear();
  }

  /** What is to be remembered of the topic; undefined if it is not there (a dry run). */
  async #reconcile(
    run: Run,
    wanted: WantedTopic,
    existing: TopicMetadata | undefined,
    memory: RememberedTopic | undefined,
  ): Promise<RememberedTopic | undefined> {
    const { name, deletionPolicy, config } = wanted;
    const configKeys = [...config.keys()].sort();
    if (existing === undefined) {
      const topicId = await this.#create(run, wanted);
      return topicId === undefined ? undefined : { topicId, created: true, deletionPolicy, configKeys };
    }
    throwIfError(existing.errorCode);
    const isSameTopic = memory?.topicId === existing.topicId;
    await this.#addPartitions(run, wanted, existing);
    const factor = existing.partitions[0]?.replicaNodes.length ?? 0;
    if (wanted.replicationFactor !== undefined && factor !== wanted.replicationFactor) {
      run.drift(
        `Topic ${name} has replication factor ${factor}, and ${wanted.replicationFactor} is wanted: it has to be reassigned.`,
      );
    }
    await this.#alterConfig(run, wanted, isSameTopic ? memory.configKeys : []);
    const created = isSameTopic && memory.created;
    return { topicId: existing.topicId, created, deletionPolicy, configKeys };
  }

  async #create(run: Run, { name, partitions, replicationFactor, config }: WantedTopic): Promise<string | undefined> {
    const shape = `${partitions ?? 'the default number of'} partitions, replication factor ${replicationFactor ?? 'of the cluster'}`;
    let topicId: string | undefined;
    await run.change(`Topic ${name} is created with ${shape}.`, async () => {
      const input = {
        topics: [
          {
            name,
            numPartitions: partitions ?? -1,
            replicationFactor: replicationFactor ?? -1,
            assignments: [],
            configs: [...config].map(([key, value]) => ({ name: key, value })),
          },
        ],
        timeoutMs: 25_000,
        validateOnly: false,
      };
      topicId = await this.#cluster.request('controller', Apis.CreateTopics, input, ({ topics }) => {
        const created = topics[0];
        throwIfError(created?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR, created?.errorMessage);
        return created!.topicId;
      });
    });
    return topicId;
  }

  async #addPartitions(run: Run, { name, partitions }: WantedTopic, existing: TopicMetadata): Promise<void> {
    const count = existing.partitions.length;
    if (partitions === undefined || partitions === count) return;
    if (partitions < count) {
      run.drift(
        `Topic ${name} has ${count} partitions, and ${partitions} are wanted: partitions cannot be taken away.`,
      );
      return;
    }
    const alteration = { partitions, configs: new Map<string, string>(), deleteConfigs: [] };
    await run.change(`Topic ${name} gets ${partitions} partitions in place of ${count}.`, () =>
      this.#service.alter([name], alteration),
    );
  }

  async #alterConfig(run: Run, { name, config }: WantedTopic, before: readonly string[]): Promise<void> {
    const resource = { type: ResourceType.topic, name };
    const [entries = []] = await describeConfigs(this.#cluster, [resource]);
    const own = new Map(
      entries
        .filter(({ configSource }) => configSource === ConfigSource.TOPIC_CONFIG)
        .map((entry) => [entry.name, entry.value]),
    );
    const sets = [...config].filter(([key, value]) => own.get(key) !== value);
    const resets = before.filter((key) => !config.has(key) && own.has(key));
    if (sets.length + resets.length === 0) return;
    const what = [
      ...sets.map(([key, value]) => `${key}=${value}${own.has(key) ? ` in place of ${own.get(key)}` : ''}`),
      ...resets.map((key) => `${key} set back`),
    ];
    await run.change(`Topic ${name} is configured: ${what.join(', ')}.`, async () => {
      const configs = [
        ...sets.map(([key, value]) => ({ name: key, configOperation: AlterOperation.SET, value })),
        ...resets.map((key) => ({ name: key, configOperation: AlterOperation.DELETE, value: null })),
      ];
      const input = {
        resources: [{ resourceType: resource.type, resourceName: name, configs }],
        validateOnly: false,
      };
      await this.#cluster.request(resourceTarget(resource), Apis.IncrementalAlterConfigs, input, ({ responses }) => {
        for (const { errorCode, errorMessage } of responses) throwIfError(errorCode, errorMessage);
      });
    });
  }

  /** The file does not have the topic any more. */
  async #leave(run: Run, name: string, memory: RememberedTopic, existing: TopicMetadata | undefined): Promise<void> {
    if (existing === undefined) return;
    if (memory.deletionPolicy !== 'delete' || !memory.created || memory.topicId !== existing.topicId) {
      const why = !memory.created
        ? 'it was not made by this program'
        : memory.topicId !== existing.topicId
          ? 'it is not the one that this program made'
          : 'its deletion policy was retain';
      this.#logger.info(`Topic ${name} is wanted no more and stays: ${why}.`);
      return;
    }
    await run.change(`Topic ${name} is wanted no more and deleted: its deletion policy was delete.`, () =>
      this.#service.delete([name]),
    );
  }
}

function isSame(one: RememberedTopic, other: RememberedTopic | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Counts and tells what happens. */
class Run implements ReconcileOutcome {
  changes = 0;
  drifts = 0;
  failures = 0;
  readonly reported = new Set<string>();

  constructor(
    private readonly logger: Logger,
    private readonly dryRun: boolean,
    private readonly reportedBefore: ReadonlySet<string>,
  ) {}

  async change(what: string, make: () => Promise<unknown>): Promise<void> {
    this.changes++;
    if (this.dryRun) {
      this.logger.info(`Dry run, nothing is done: ${what}`);
      return;
    }
    await make();
    this.logger.info(what);
  }

  drift(what: string): void {
    this.drifts++;
    this.reported.add(what);
    if (!this.reportedBefore.has(what)) this.logger.warn(what);
  }

  /** What goes wrong with one topic does not keep the others from being reconciled; a cluster that is away does. */
  async attempt(name: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (isRetriable(error)) throw error;
      this.failures++;
      const what = `Topic ${name} could not be reconciled: ${messageOf(error)}`;
      this.reported.add(what);
      if (!this.reportedBefore.has(what)) this.logger.error(what);
    }
  }
}
