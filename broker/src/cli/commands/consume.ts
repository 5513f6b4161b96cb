import { partitionName, type TopicPartition } from '../../log/topic-partition';
import { ErrorCode } from '../../protocol/errors';
import { isInternalTopic } from '../../replication/internal-topics';
import { CommandError, messageOf, UsageError } from '../cli-error';
import { formatHostAndPort, parseBootstrapServers } from '../client/bootstrap-servers';
import { clientNumber, readPropertiesFile } from '../client/client-properties';
import type { ClusterClient } from '../client/cluster-client';
import { clusterClient } from '../client/connect';
import { committedOffsets, listOffsets, OffsetSpec } from '../client/offsets';
import { defineCommand } from '../command';
import { Fetcher, type FetcherOptions, type Position } from '../consume/fetcher';
import { GroupMembership } from '../consume/group-membership';
import { messageFormatter, type MessageFormatter } from '../consume/message-formatter';
import { readFetched } from '../consume/record-reader';
import type { CliContext } from '../context';
import { flag, int, keyValues, required, text, texts, type OptionValues } from '../options';
import { topicPattern } from '../topics/topic-filter';

const options = {
  bootstrapServer: text('server', 'Brokers to ask first: host:port,host:port.'),
  topic: text('topic', 'The topic to read.'),
  include: text('regex', 'Instead: all topics whose whole name matches.'),
  whitelist: text('regex', 'The older name of --include.'),
  fromBeginning: flag('Begin with the oldest record, where the group has no offset yet. Else: with what comes now.'),
  group: text('group', 'Share the partitions with the other members of this group, and remember how far it read.'),
  partition: int('number', 'Read this partition alone.'),
  offset: text('offset', 'With --partition: an offset, earliest or latest.'),
  maxMessages: int('count', 'End after this many records.'),
  timeoutMs: int('ms', 'End when nothing has come for so long.'),
  isolationLevel: text('level', 'read_committed leaves out what transactions have not committed.'),
  property: texts('key=value', 'Of the formatter: print.key, print.timestamp, print.offset, key.separator, …'),
  formatterConfig: text('file', 'The same from a properties file.'),
  formatter: text('class', "DefaultMessageFormatter or NoOpMessageFormatter, in Kafka's package or without."),
  consumerProperty: texts('key=value', "Of the consumer, in Kafka's names: group.id, auto.offset.reset, …"),
  consumerConfig: text('file', 'The same from a properties file.', { name: 'consumer.config' }),
  keyDeserializer: text('class', "One of Kafka's own, LongDeserializer for instance."),
  valueDeserializer: text('class', "One of Kafka's own."),
  skipMessageOnError: flag('Go on after a record that cannot be shown.'),
  enableSystestEvents: flag('Without effect.', { hidden: true }),
  zookeeper: text('hosts', 'Not any more: use --bootstrap-server.', { hidden: true }),
};
type Options = OptionValues<typeof options>;

/** kafka-console-consumer */
export const consume = defineCommand({
  summary: 'Print the records of topics (kafka-console-consumer).',
  options,
  helpWithoutArguments: true,
  examples: [
    '% --bootstrap-server localhost:9092 --topic greetings --from-beginning',
    '% --bootstrap-server localhost:9092 --topic users --group readers --property print.key=true',
    '% --bootstrap-server localhost:9092 --topic users --partition 0 --offset 42 --max-messages 1',
  ],
  async run({ options: given }, context) {
    checkTogether(given);
    const { files } = context.io;
    const formatterProperties = new Map([
      ...(await readPropertiesFile(files, '--formatter-config', given.formatterConfig)),
      ...(given.keyDeserializer === undefined ? [] : [['key.deserializer', given.keyDeserializer] as const]),
      ...(given.valueDeserializer === undefined ? [] : [['value.deserializer', given.valueDeserializer] as const]),
      ...keyValues('--property', given.property),
    ]);
    const formatter = messageFormatter(given.formatter, formatterProperties);
    const fromFile = await readPropertiesFile(files, '--consumer.config', given.consumerConfig);
    const fromLine = keyValues('--consumer-property', given.consumerProperty);
    const group = groupOf(given, fromFile, fromLine);
    const session = new ConsumeSession(context, given, formatter, new Map([...fromFile, ...fromLine]), group);
    try {
      return await session.run();
    } finally {
      context.stderr.line(`Processed a total of ${session.count} messages`);
    }
  },
});

function checkTogether(given: Options): void {
  if (given.zookeeper !== undefined) {
    throw new UsageError(
      '--zookeeper: consumers do not read through ZooKeeper any more; use --bootstrap-server host:port',
    );
  }
  const pattern = given.include ?? given.whitelist;
  if ((given.topic === undefined) === (pattern === undefined)) {
    throw new UsageError('Exactly one of --include/--topic is required.');
  }
  if (given.partition !== undefined) {
    if (given.topic === undefined) throw new UsageError('The topic is required when partition is specified.');
    if (given.fromBeginning && given.offset !== undefined) {
      throw new UsageError('Options from-beginning and offset cannot be specified together.');
    }
  } else if (given.offset !== undefined) {
    throw new UsageError('The partition is required when offset is specified.');
  }
  required('bootstrap-server', given.bootstrapServer);
}

function groupOf(
  given: Options,
  fromFile: ReadonlyMap<string, string>,
  fromLine: ReadonlyMap<string, string>,
): string | undefined {
  const groups = new Set(
    [given.group, fromFile.get('group.id'), fromLine.get('group.id')].filter((id) => id !== undefined),
  );
  if (groups.size > 1) {
    throw new UsageError(
      `The group ids provided in different places (directly using '--group', via '--consumer-property', or via '--consumer.config') do not match. Detected group ids: ${[...groups].map((group) => `'${group}'`).join(', ')}`,
    );
  }
  if (groups.size > 0 && given.partition !== undefined) {
    throw new UsageError('Options group and partition cannot be specified together.');
  }
  return [...groups][0];
}

const pollMs = 1000;

/** One run of the command. */
class ConsumeSession {
  /** Records shown. */
  count = 0;
  readonly #context: CliContext;
  readonly #given: Options;
  readonly #formatter: MessageFormatter;
  readonly #properties: ReadonlyMap<string, string>;
  readonly #group: string | undefined;
  readonly #cluster: ClusterClient;
  readonly #fetcher: Fetcher;
  readonly #isolationLevel: 0 | 1;
  readonly #offsetReset: 'earliest' | 'latest' | 'none';
  readonly #warned = new Set<string>();
  #membership: GroupMembership | undefined;
  #assignment: Promise<void> = Promise.resolve();
  #failure: Error | undefined;

  constructor(
    context: CliContext,
    given: Options,
    formatter: MessageFormatter,
    properties: ReadonlyMap<string, string>,
    group: string | undefined,
  ) {
    this.#context = context;
    this.#given = given;
    this.#formatter = formatter;
    this.#properties = properties;
    this.#group = group;
    this.#isolationLevel = isolationLevelOf(given.isolationLevel ?? properties.get('isolation.level'));
    this.#offsetReset = offsetResetOf(given.fromBeginning, properties.get('auto.offset.reset'));
    // A consumer waits for its brokers as long as it takes.
    this.#cluster = clusterClient(context, given.bootstrapServer!, properties, 'console-consumer', Infinity);
    this.#fetcher = new Fetcher(context.io, this.#cluster, this.#fetcherOptions());
  }

  async run(): Promise<number> {
    const { stop, stderr, io } = this.#context;
    const { maxMessages = -1, timeoutMs = -1 } = this.#given;
    if (maxMessages === 0) return 0;
    try {
      await this.#untilStopped(this.#begin());
      const { clock } = io;
      const refreshMs = clientNumber(this.#properties, 'metadata.max.age.ms', 300_000);
      const commitMs = clientNumber(this.#properties, 'auto.commit.interval.ms', 5000);
      let lastRecord = clock.monotonicMs();
      let lastRefresh = lastRecord;
      let lastCommit = lastRecord;
      while (!stop.aborted) {
        if (this.#failure !== undefined) throw this.#failure;
        const waitMs = Math.min(pollMs, timeoutMs >= 0 ? timeoutMs : pollMs);
        const before = this.count;
        if (!(await this.#untilStopped(this.#pollOnce(waitMs, maxMessages)))) break;
        const now = clock.monotonicMs();
        if (this.count > before) lastRecord = now;
        if (timeoutMs >= 0 && now - lastRecord > timeoutMs) {
          stderr.line(`ERROR No message for ${timeoutMs} ms: ending.`);
          break;
        }
        if (now - lastCommit >= commitMs) {
          lastCommit = now;
          await this.#commit();
        }
        if (now - lastRefresh >= refreshMs) {
          lastRefresh = now;
          await this.#refreshTopics();
        }
      }
      return 0;
    } finally {
      await this.#end();
    }
  }

  /** Resolves with undefined when the command is told to stop meanwhile. */
  async #untilStopped<T>(work: Promise<T>): Promise<T | undefined> {
    const { stop } = this.#context;
    if (stop.aborted) return undefined;
    let stopped!: () => void;
    const aborted = new Promise<undefined>((resolve) => (stopped = () => resolve(undefined)));
    stop.addEventListener('abort', stopped, { once: true });
    try {
      return await Promise.race([work, aborted]);
    } finally {
      stop.removeEventListener('abort', stopped);
    }
  }

  /** False when it is time to end. */
  async #pollOnce(waitMs: number, maxMessages: number): Promise<boolean> {
    await this.#assignment;
    const { stdout, stderr } = this.#context;
    for (const { position, data } of await this.#fetcher.poll(waitMs)) {
      const passed = (nextOffset: number) => (position.offset = nextOffset);
      for (const record of readFetched(position.topic, data, position.offset, passed)) {
        try {
          this.#formatter.write(record, (bytes) => stdout.write(bytes));
        } catch (error) {
          if (!this.#given.skipMessageOnError) throw error;
          stderr.line(`ERROR ${partitionName(position)} at offset ${record.offset} is skipped: ${messageOf(error)}`);
        }
        this.count++;
        if (this.count === maxMessages) {
          position.offset = record.offset + 1;
          return false;
        }
      }
      if (stdout.closed) {
        stderr.line('Unable to write to standard out, closing consumer.');
        return false;
      }
    }
    return true;
  }

  async #begin(): Promise<void> {
    const { partition, offset, fromBeginning } = this.#given;
    if (partition !== undefined) {
      this.#fetcher.assign([await this.#positionOf({ topic: this.#given.topic!, partition }, offset, fromBeginning)]);
      return;
    }
    if (this.#group === undefined) {
      await this.#refreshTopics();
      return;
    }
    this.#membership = this.#joinGroup(this.#group);
    await this.#refreshTopics();
  }

  #joinGroup(groupId: string): GroupMembership {
    const properties = this.#properties;
    const servers = parseBootstrapServers(this.#given.bootstrapServer!, '--bootstrap-server');
    return new GroupMembership({
      groupId,
      groupInstanceId: properties.get('group.instance.id'),
      clientId: properties.get('client.id') ?? 'console-consumer',
      bootstrapBrokers: servers.map(formatHostAndPort),
      sessionTimeoutMs: clientNumber(properties, 'session.timeout.ms', 45_000),
      heartbeatIntervalMs: clientNumber(properties, 'heartbeat.interval.ms', 3000),
      rebalanceTimeoutMs: clientNumber(properties, 'max.poll.interval.ms', 300_000),
      assigned: (partitions) => {
        this.#assignment = this.#takeAssignment(groupId, partitions);
      },
      revoking: () => void this.#commit(),
      failed: (error) => (this.#failure = error),
    });
  }

  async #takeAssignment(groupId: string, partitions: readonly TopicPartition[]): Promise<void> {
    try {
      this.#fetcher.assign([]);
      const committed = await committedOffsets(this.#cluster, groupId);
      const without = partitions.filter((each) => !committed.has(partitionName(each)));
      if (without.length > 0 && this.#offsetReset === 'none') {
        const names = without.map(partitionName).join(', ');
        throw new CommandError(`Group ${groupId} has no offset for ${names}, and there is no reset policy`);
      }
      const begun = await this.#startPositions(without);
      const known = partitions.flatMap((each) => {
        const found = committed.get(partitionName(each));
        return found === undefined ? [] : [{ ...each, offset: found.offset }];
      });
      this.#fetcher.assign([...known, ...begun]);
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
    }
  }

  async #positionOf(at: TopicPartition, offset: string | undefined, fromBeginning: boolean): Promise<Position> {
    const text = (offset ?? (fromBeginning ? 'earliest' : 'latest')).toLowerCase();
    if (text !== 'earliest' && text !== 'latest') {
      if (!/^\d+$/.test(text) || !Number.isSafeInteger(Number(text))) {
        throw new UsageError(
          `The provided offset value '${offset}' is incorrect. Valid values are 'earliest', 'latest', or a non-negative long.`,
        );
      }
      return { ...at, offset: Number(text) };
    }
    const [listed] = await listOffsets(this.#cluster, [at], OffsetSpec[text], this.#isolationLevel);
    return { ...at, offset: listed!.offset };
  }

  async #startPositions(partitions: readonly TopicPartition[]): Promise<Position[]> {
    const spec = this.#offsetReset === 'earliest' ? OffsetSpec.earliest : OffsetSpec.latest;
    const listed = await listOffsets(this.#cluster, partitions, spec, this.#isolationLevel);
    return listed.map(({ topic, partition, offset }) => ({ topic, partition, offset }));
  }

  /** Reads also what has been added to the topics, or to the topics that match. */
  async #refreshTopics(): Promise<void> {
    if (this.#given.partition !== undefined) return;
    const partitions = await this.#subscribedPartitions();
    if (this.#membership !== undefined) {
      await this.#membership.subscribe([...new Set(partitions.map(({ topic }) => topic))]);
      return;
    }
    const positions = [...this.#fetcher.positions];
    const known = new Set(positions.map(partitionName));
    const added = partitions.filter((each) => !known.has(partitionName(each)));
    if (added.length > 0) this.#fetcher.assign([...positions, ...(await this.#startPositions(added))]);
  }

  async #subscribedPartitions(): Promise<readonly TopicPartition[]> {
    const { topic } = this.#given;
    const regex = this.#given.include ?? this.#given.whitelist;
    const pattern = regex === undefined ? undefined : topicPattern('--include', regex);
    for (;;) {
      const { topics } = await this.#cluster.metadata(topic === undefined ? null : [topic], topic !== undefined);
      const found = topics.filter(({ name, errorCode }) => {
        const isWanted = pattern === undefined || (pattern.test(name ?? '') && !isInternalTopic(name ?? ''));
        return isWanted && errorCode === ErrorCode.NONE;
      });
      const isComplete = found.every(({ partitions }) => partitions.every(({ leaderId }) => leaderId >= 0));
      if (found.length > 0 && isComplete) {
        return found.flatMap(({ name, partitions }) =>
          partitions.map(({ partitionIndex }) => ({ topic: name ?? '', partition: partitionIndex })),
        );
      }
      this.#warn(topic === undefined ? `No topic matches ${regex} yet` : `Topic ${topic} is not there yet`);
      const { stop, io } = this.#context;
      if (stop.aborted) return [];
      await new Promise<void>((resolve) => io.clock.timer(500, resolve));
    }
  }

  #fetcherOptions(): FetcherOptions {
    const number = (key: string, fallback: number) => clientNumber(this.#properties, key, fallback);
    return {
      isolationLevel: this.#isolationLevel,
      maxWaitMs: number('fetch.max.wait.ms', 500),
      minBytes: number('fetch.min.bytes', 1),
      maxBytes: number('fetch.max.bytes', 50 * 1024 * 1024),
      maxPartitionBytes: number('max.partition.fetch.bytes', 1024 * 1024),
      offsetReset: this.#offsetReset,
      warn: (message) => this.#warn(message),
    };
  }

  async #commit(): Promise<void> {
    if (this.#membership === undefined || this.#properties.get('enable.auto.commit') === 'false') return;
    try {
      await this.#membership.commit(this.#fetcher.positions);
    } catch (error) {
      this.#warn(`The offsets of group ${this.#group} were not committed: ${messageOf(error)}`);
    }
  }

  async #end(): Promise<void> {
    await this.#commit();
    try {
      await this.#membership?.close();
    } catch (error) {
      this.#warn(`Leaving group ${this.#group} failed: ${messageOf(error)}`);
    }
    this.#fetcher.close();
    this.#cluster.close();
  }

  #warn(message: string): void {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    this.#context.stderr.line(`WARN ${message}`);
  }
}

function isolationLevelOf(text: string | undefined): 0 | 1 {
  if (text === undefined || text === 'read_uncommitted') return 0;
  if (text === 'read_committed') return 1;
  throw new UsageError(`--isolation-level ${text}: read_committed and read_uncommitted are accepted`);
}

function offsetResetOf(fromBeginning: boolean, text: string | undefined): 'earliest' | 'latest' | 'none' {
  if (text === undefined) return fromBeginning ? 'earliest' : 'latest';
  if (text !== 'earliest' && text !== 'latest' && text !== 'none') {
    throw new UsageError(`auto.offset.reset=${text}: earliest, latest and none are accepted`);
  }
  if (fromBeginning && text !== 'earliest') {
    throw new UsageError(
      `Can't simultaneously specify --from-beginning and 'auto.offset.reset=${text}', please remove one option`,
    );
  }
  return text;
}
