import { BrokerConfig } from '../../config/broker-config';
import { ConfigError } from '../../config/config-error';
import { decodeProperties, parseProperties } from '../../config/properties';
import { CommandError, messageOf } from '../cli-error';
import { defineCommand } from '../command';
import type { CliContext } from '../context';
import { flag, keyValues, text, texts } from '../options';
import { startInBackground } from '../serve/daemon';
import { hostAndPort } from '../serve/host-and-port';
import { runBroker } from '../serve/run-broker';
import { logOptions, serverLog } from '../serve/server-log';

/** kafka-server-start */
export const broker = defineCommand({
  summary: 'Run a broker by a server.properties.',
  positional: '<server.properties>',
  options: {
    override: texts('key=value', 'A key that wins over the file; may be given several times.'),
    waitForZookeeper: flag('Wait for ZooKeeper as long as it takes, not zookeeper.connection.timeout.ms.'),
    http: text('host:port', 'Serve /live, /ready and /metrics (Prometheus) there.'),
    daemon: flag('Run in the background, with its log in $LOG_DIR/kafkaServer.out (LOG_DIR: logs).'),
    ...logOptions,
  },
  examples: [
    '% server.properties',
    '% server.properties --override broker.id=2 --override log.dirs=/data --http 0.0.0.0:9404',
  ],
  notes:
    'SIGTERM and SIGINT shut the broker down cleanly (exit code 0), a second one ends it at once.\n' +
    "The file is Kafka's own; what this broker does not act on yet is said at the start.",
  // kafka-server-start of Kafka has -daemon.
  rewrite: (args) => args.map((arg) => (arg === '-daemon' ? '--daemon' : arg)),
  async run({ options, positional: [file] }, context) {
    if (options.daemon) return startInBackground(context, '-daemon', 'kafkaServer.out');
    const logger = serverLog(options);
    const http = options.http === undefined ? undefined : hostAndPort('--http', options.http);
    const properties = await readProperties(context, file);
    const { config, warnings } = configOf(file, properties, keyValues('--override', options.override));
    return runBroker(context, logger, { config, warnings, waitForZooKeeper: options.waitForZookeeper, http });
  },
});

/** @throws CommandError that names the file */
export async function readProperties({ io }: CliContext, file: string): Promise<Map<string, string>> {
  try {
    return parseProperties(decodeProperties(await io.files.readFile(file)));
  } catch (error) {
    throw new CommandError(`${file} cannot be read: ${messageOf(error)}`);
  }
}

/** @throws CommandError that lists every bad key */
export function configOf(
  source: string,
  properties: ReadonlyMap<string, string>,
  overrides?: ReadonlyMap<string, string>,
): ReturnType<typeof BrokerConfig.from> {
  try {
    return BrokerConfig.from(properties, overrides);
  } catch (error) {
    if (error instanceof ConfigError) throw new CommandError(`${source} is not accepted: ${error.message}`);
    throw error;
  }
}
