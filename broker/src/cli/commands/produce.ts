import { Producer, type ProducerOptions } from '@platformatic/kafka';
import { ErrorCode } from '../../protocol/errors';
import { CommandError, UsageError } from '../cli-error';
import { clientNumber, readPropertiesFile } from '../client/client-properties';
import { formatHostAndPort, parseBootstrapServers } from '../client/bootstrap-servers';
import { throwIfError } from '../client/cluster-client';
import { clusterClient } from '../client/connect';
import { defineCommand } from '../command';
import { whenStopped, type CliContext } from '../context';
import { flag, int, keyValues, required, text, texts, type OptionValues } from '../options';
import { BatchSender } from '../produce/batch-sender';
import type { BytesProducer } from '../produce/library-error';
import { LineMessageReader } from '../produce/line-message-reader';
import { readLines } from '../produce/lines';
import { fixedPartition, partitioner, partitionerName, type Partitioner } from '../produce/partitioner';

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
type Codec = (typeof codecs)[number];

const options = {
  bootstrapServer: text('server', 'Brokers to ask first: host:port,host:port.'),
  brokerList: text('broker-list', 'The older name of --bootstrap-server.'),
  topic: text('topic', 'The topic to write to; it is created if the broker does that.'),
  sync: flag('Wait for each record to be delivered before the next.'),
  compressionCodec: {
    ...text('[codec]', `${codecs.join(', ')}; without a value gzip.`),
    preset: 'gzip',
  },
  batchSize: int('bytes', 'Bytes of keys and values that are sent together.', { fallback: 16384 }),
  maxPartitionMemoryBytes: int('bytes', 'Another name of --batch-size.'),
  timeout: int('ms', 'How long a record waits for more to be sent with.', { fallback: 1000 }),
  requestRequiredAcks: text('acks', '0, 1, or -1 (all): who must have a record before it counts as delivered.'),
  requestTimeoutMs: int('ms', 'How long a broker may take to answer.'),
  messageSendMaxRetries: int('count', 'How often a batch is tried again.', { fallback: 3 }),
  retryBackoffMs: int('ms', 'Pause before that.', { fallback: 100 }),
  maxBlockMs: int('ms', 'How long to wait for the topic to be there.', { fallback: 60_000 }),
  property: texts('key=value', 'Of the reader: parse.key, key.separator, parse.headers, headers.delimiter, …'),
  readerConfig: text('file', 'The same from a properties file.'),
  producerProperty: texts('key=value', "Of the producer, in Kafka's names: acks, compression.type, linger.ms, …"),
  producerConfig: text('file', 'The same from a properties file.', { name: 'producer.config' }),
  partitioner: text('name', 'hash (by key), round-robin or sticky (one partition a batch).'),
  partition: int('number', 'Write everything to this partition.'),
  lineReader: text('class', 'Only the default is there.', { hidden: true }),
  metadataExpiryMs: int('ms', 'Without effect.', { hidden: true }),
  maxMemoryBytes: int('bytes', 'Without effect.', { hidden: true }),
  socketBufferSize: int('bytes', 'Without effect.', { hidden: true }),
  queueSize: int('count', 'Without effect.', { hidden: true }),
  queueEnqueuetimeoutMs: int('ms', 'Without effect.', { hidden: true, name: 'queue-enqueuetimeout-ms' }),
};
type Options = OptionValues<typeof options>;

/** kafka-console-producer */
export const produce = defineCommand({
  summary: 'Write lines from standard input to a topic (kafka-console-producer).',
  options,
  helpWithoutArguments: true,
  examples: [
    'echo hello | % --bootstrap-server localhost:9092 --topic greetings',
    '% --bootstrap-server localhost:9092 --topic users --property parse.key=true --property key.separator=:',
  ],
  notes: 'Ends with the input. The exit code is 1 if a line could not be delivered.',
  async run({ options: given }, context) {
    const servers = required('bootstrap-server', given.bootstrapServer ?? given.brokerList);
    const topic = required('topic', given.topic);
    if (given.lineReader !== undefined && !/LineMessageReader$/.test(given.lineReader)) {
      throw new CommandError(`--line-reader ${given.lineReader}: only Kafka's own LineMessageReader is there`);
    }
    const { files } = context.io;
    const reader = new LineMessageReader(
      new Map([
        ...(await readPropertiesFile(files, '--reader-config', given.readerConfig)),
        ...keyValues('--property', given.property),
      ]),
    );
    const properties = new Map([
      ...(await readPropertiesFile(files, '--producer.config', given.producerConfig)),
      ...keyValues('--producer-property', given.producerProperty),
    ]);
    const settings = settingsOf(given, properties);
    const partitions = await countPartitions(context, servers, topic, settings.maxBlockMs, properties);
    const producer = createProducer(servers, settings, properties);
    let failures = 0;
    const sender = new BatchSender(producer, choosePartitioner(given, properties, context, topic, partitions), {
      topic,
      batchBytes: given.sync ? 1 : settings.batchBytes,
      lingerMs: settings.lingerMs,
      failed(message, records) {
        failures += records;
        const what = records === 1 ? 'a record' : `${records} records`;
        context.stderr.line(`ERROR ${what} could not be sent to topic ${topic}: ${message}`);
      },
    });
    try {
      await sendLines(context, reader, sender);
    } finally {
      await sender.flush();
      await producer.close().catch(() => {});
    }
    return failures === 0 ? 0 : 1;
  },
});

interface Settings {
  readonly acks: -1 | 0 | 1;
  readonly codec: Codec;
  readonly batchBytes: number;
  readonly lingerMs: number;
  readonly requestTimeoutMs: number;
  readonly retries: number;
  readonly retryBackoffMs: number;
  readonly maxBlockMs: number;
}

/** An option wins over a property, a property over an option's default. */
function settingsOf(given: Options, properties: ReadonlyMap<string, string>): Settings {
  const codec = given.compressionCodec ?? properties.get('compression.type') ?? 'none';
  if (!codecs.includes(codec as Codec)) {
    throw new UsageError(`--compression-codec ${codec}: ${codecs.join(', ')} is accepted`);
  }
  return {
    acks: parseAcks(given.requestRequiredAcks ?? properties.get('acks') ?? '-1'),
    codec: codec as Codec,
    batchBytes: given.maxPartitionMemoryBytes ?? clientNumber(properties, 'batch.size', given.batchSize),
    lingerMs: clientNumber(properties, 'linger.ms', given.timeout),
    requestTimeoutMs: given.requestTimeoutMs ?? clientNumber(properties, 'request.timeout.ms', 30_000),
    retries: Math.min(clientNumber(properties, 'retries', given.messageSendMaxRetries), 1_000_000),
    retryBackoffMs: clientNumber(properties, 'retry.backoff.ms', given.retryBackoffMs),
    maxBlockMs: clientNumber(properties, 'max.block.ms', given.maxBlockMs),
  };
}

function parseAcks(text: string): -1 | 0 | 1 {
  const acks = ({ all: -1, '-1': -1, '0': 0, '1': 1 } as const)[text.trim()];
  if (acks === undefined) throw new UsageError(`--request-required-acks ${text}: 0, 1, -1 and all are accepted`);
  return acks;
}

/** Waits until the topic is there, with a leader for each partition. */
async function countPartitions(
  context: CliContext,
  servers: string,
  topic: string,
  maxBlockMs: number,
  properties: ReadonlyMap<string, string>,
): Promise<number> {
  const timeout = new Map([...properties, ['default.api.timeout.ms', String(maxBlockMs)]]);
  const cluster = clusterClient(context, servers, timeout, 'console-producer');
  try {
    return await cluster.retrying(`Topic ${topic} is not there`, async () => {
      const { topics } = await cluster.metadata([topic], true);
      const found = topics[0];
      // A topic that was just created is unknown to the broker for a moment.
      const isBeingCreated = found?.errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
      throwIfError(
        isBeingCreated ? ErrorCode.LEADER_NOT_AVAILABLE : (found?.errorCode ?? -1),
        `topic ${topic} is not there yet`,
      );
      return found!.partitions.length;
    });
  } finally {
    cluster.close();
  }
}

function createProducer(servers: string, settings: Settings, properties: ReadonlyMap<string, string>): BytesProducer {
  const { acks, codec, retries, retryBackoffMs, requestTimeoutMs } = settings;
  const idempotence = properties.get('enable.idempotence')?.trim() ?? String(acks === -1);
  const producerOptions: ProducerOptions<Buffer, Buffer, Buffer, Buffer> = {
    clientId: properties.get('client.id') ?? 'console-producer',
    bootstrapBrokers: parseBootstrapServers(servers, '--bootstrap-server').map(formatHostAndPort),
    acks,
    idempotent: acks === -1 && idempotence === 'true',
    compression: codec,
    retries,
    retryDelay: retryBackoffMs,
    timeout: requestTimeoutMs,
    autocreateTopics: true,
  };
  return new Producer(producerOptions);
}

function choosePartitioner(
  given: Options,
  properties: ReadonlyMap<string, string>,
  context: CliContext,
  topic: string,
  partitions: number,
): Partitioner {
  if (given.partition !== undefined) {
    if (given.partition < 0 || given.partition >= partitions) {
      throw new CommandError(
        `--partition ${given.partition}: topic ${topic} has the partitions 0 to ${partitions - 1}`,
      );
    }
    return fixedPartition(given.partition);
  }
  const byClass = properties.get('partitioner.class');
  const name =
    given.partitioner !== undefined
      ? partitionerName('--partitioner', given.partitioner)
      : byClass !== undefined
        ? partitionerName('partitioner.class', byClass)
        : 'hash';
  return partitioner(name, context.io.random, partitions);
}

async function sendLines(context: CliContext, reader: LineMessageReader, sender: BatchSender): Promise<void> {
  const { stdin, stdout, stop } = context;
  const prompt = stdin.isTTY === true && stdout.isTerminal ? '>' : '';
  void whenStopped(stop).then(() => stdin.destroy());
  stdout.write(prompt);
  try {
    for await (const line of readLines(stdin)) {
      await sender.add(reader.read(line));
      stdout.write(prompt);
    }
  } catch (error) {
    // Destroyed by a signal: what was read so far is delivered.
    if (!stop.aborted) throw error;
  }
}
