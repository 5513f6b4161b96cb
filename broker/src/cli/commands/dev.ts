import { startCluster } from '../../testing';
import { CommandError, messageOf } from '../cli-error';
import { defineCommand } from '../command';
import { whenStopped } from '../context';
import { int, keyValues, texts } from '../options';
import { logOptions, serverLog } from '../serve/server-log';

export const dev = defineCommand({
  summary: 'Run a throw-away cluster in one process.',
  options: {
    brokers: int('count', 'Number of brokers.', { fallback: 1 }),
    port: int('port', 'Where the first broker listens, the others behind it; 0: any free ports.', { fallback: 9092 }),
    override: texts('key=value', 'A key of server.properties; may be given several times.'),
    ...logOptions,
    logLevel: { ...logOptions.logLevel, fallback: 'warn' },
  },
  examples: ['%', '% --brokers 3', '% --port 0', '% --override num.partitions=3'],
  notes: 'Its data is in a temporary directory and goes with it. The first line that it prints is its address.',
  async run({ options }, context) {
    // Standard output is for the addresses alone.
    const logger = serverLog(options, (line) => context.stderr.write(line));
    const cluster = await start();
    try {
      context.stdout.line(`bootstrap.servers=${cluster.bootstrapServers}`);
      context.stdout.line(`zookeeper.connect=${cluster.zookeeperConnect}`);
      await Promise.race([whenStopped(context.stop), ...cluster.brokers.map(({ failed }) => failed)]);
    } finally {
      await cluster.close();
    }
    return context.stop.aborted ? 0 : 1;

    async function start() {
      try {
        const config = Object.fromEntries(keyValues('--override', options.override));
        return await startCluster({ brokers: options.brokers, port: options.port, config, logger });
      } catch (error) {
        throw new CommandError(messageOf(error));
      }
    }
  },
});
