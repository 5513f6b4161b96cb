import { partitionName } from '../../log/topic-partition';
import { Apis } from '../../protocol/api-keys';
import { ErrorCode, errorName, KafkaError } from '../../protocol/errors';
import { CommandError, messageOf } from '../cli-error';
import { throwIfError } from '../client/cluster-client';
import { withCluster } from '../client/connect';
import { defineCommand } from '../command';
import type { CliContext } from '../context';
import { required, text } from '../options';

interface Entry {
  readonly topic: string;
  readonly partition: number;
  /** -1: up to the high watermark. */
  readonly offset: number;
}

/** kafka-delete-records */
export const deleteRecords = defineCommand({
  summary: 'Delete the records of partitions below an offset (kafka-delete-records).',
  options: {
    bootstrapServer: text('server', 'Brokers to ask first: host:port,host:port.'),
    commandConfig: text('file', "Properties of the client that asks, in Kafka's names."),
    offsetJsonFile: text(
      'file',
      '{"partitions":[{"topic":"orders","partition":0,"offset":100}],"version":1}; -1: all.',
    ),
  },
  helpWithoutArguments: true,
  examples: ['% --bootstrap-server localhost:9092 --offset-json-file offsets.json'],
  async run({ options: given }, context) {
    required('bootstrap-server', given.bootstrapServer);
    const file = required('offset-json-file', given.offsetJsonFile);
    const entries = parseEntries(file, await readText(context, file));
    const { stdout } = context;
    return withCluster(context, given, async (cluster) => {
      stdout.line('Executing records delete operation');
      const lines: string[] = [];
      let code = 0;
      for (const { topic, partition, offset } of entries) {
        const name = partitionName({ topic, partition });
        const input = {
          topics: [{ name: topic, partitions: [{ partitionIndex: partition, offset }] }],
          timeoutMs: 25_000,
        };
        try {
          const lowWatermark = await cluster.request(
            { leaderOf: { topic, partition } },
            Apis.DeleteRecords,
            input,
            ({ topics }) => {
              const deleted = topics[0]?.partitions[0];
              const errorCode = deleted?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
              throwIfError(errorCode, errorName(errorCode));
              return deleted!.lowWatermark;
            },
          );
          lines.push(`partition: ${name}\tlow_watermark: ${lowWatermark}`);
        } catch (error) {
          if (!(error instanceof KafkaError)) throw error;
          lines.push(`partition: ${name}\terror: ${messageOf(error)}`);
          code = 1;
        }
      }
      stdout.line('Records delete operation completed:');
      for (const line of lines) stdout.line(line);
      return code;
    });
  },
});

async function readText({ io }: CliContext, file: string): Promise<string> {
  try {
    return (await io.files.readFile(file)).toString();
  } catch (error) {
    throw new CommandError(`--offset-json-file ${file}: ${messageOf(error)}`);
  }
}

function parseEntries(file: string, content: string): Entry[] {
  const refuse = (why: string) => new CommandError(`--offset-json-file ${file}: ${why}`);
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch (error) {
    throw refuse(messageOf(error));
  }
  const { partitions, version = 1 } = (json ?? {}) as { partitions?: unknown; version?: unknown };
  if (version !== 1) throw refuse(`version ${String(version)} is not known; 1 is`);
  if (!Array.isArray(partitions)) throw refuse('"partitions" must be an array');
  const seen = new Set<string>();
  return (partitions as readonly unknown[]).map((entry) => {
    const { topic, partition, offset } = (entry ?? {}) as Partial<Record<keyof Entry, unknown>>;
    const isWhole = (value: unknown, least: number) => Number.isSafeInteger(value) && (value as number) >= least;
    if (typeof topic !== 'string' || !isWhole(partition, 0) || !isWhole(offset, -1)) {
      throw refuse(`${JSON.stringify(entry)} is not {"topic":TEXT,"partition":NUMBER,"offset":NUMBER}`);
    }
    const parsed = { topic, partition: partition as number, offset: offset as number };
    if (seen.has(partitionName(parsed))) throw refuse(`${partitionName(parsed)} is in it twice`);
    seen.add(partitionName(parsed));
    return parsed;
  });
}
