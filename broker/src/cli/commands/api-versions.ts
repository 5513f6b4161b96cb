import { apis } from '../../protocol/api-keys';
import { CommandError } from '../cli-error';
import { withCluster } from '../client/connect';
import { defineCommand } from '../command';
import { required, text } from '../options';

/** kafka-broker-api-versions */
export const apiVersions = defineCommand({
  summary: 'Show which requests brokers understand, in which versions (kafka-broker-api-versions).',
  options: {
    bootstrapServer: text('server', 'Brokers to ask first: host:port,host:port.'),
    commandConfig: text('file', "Properties of the client that asks, in Kafka's names."),
  },
  helpWithoutArguments: true,
  examples: ['% --bootstrap-server localhost:9092'],
  async run({ options: given }, context) {
    required('bootstrap-server', given.bootstrapServer);
    return withCluster(context, given, async (cluster) => {
      const { brokers } = await cluster.metadata([]);
      if (brokers.length === 0) throw new CommandError('The cluster says that it has no brokers');
      for (const { nodeId, host, port, rack } of brokers) {
        const connection = await cluster.retrying('ApiVersions', () => cluster.connectionTo({ broker: nodeId }));
        const theirs = await connection.negotiate();
        const keys = [...new Set([...theirs.keys(), ...apis.keys()])].sort((left, right) => left - right);
        const lines = keys.map(
          (key) => `\t${apis.get(key)?.name ?? 'UNKNOWN'}(${key}): ${usability(key, theirs.get(key))}`,
        );
        context.stdout.line(`${host}:${port} (id: ${nodeId} rack: ${rack}) -> (`);
        context.stdout.line(lines.join(',\n'));
        context.stdout.line(')');
      }
      return 0;
    });
  },
});

interface Range {
  readonly minVersion: number;
  readonly maxVersion: number;
}

function usability(key: number, theirs: Range | undefined): string {
  if (theirs === undefined) return 'UNSUPPORTED';
  const { minVersion, maxVersion } = theirs;
  const range = minVersion === maxVersion ? `${minVersion}` : `${minVersion} to ${maxVersion}`;
  const ours = apis.get(key);
  if (ours === undefined) return range;
  const newest = Math.min(maxVersion, ours.maxVersion);
  return newest >= Math.max(minVersion, ours.minVersion)
    ? `${range} [usable: ${newest}]`
    : `${range} [unusable: node too ${maxVersion < ours.minVersion ? 'old' : 'new'}]`;
}
