import { parseZooCfg } from '../../zookeeper/server/zoo-cfg';
import type { ZooKeeperServerOptions } from '../../zookeeper/server/zookeeper-server';
import { CommandError, messageOf, UsageError } from '../cli-error';
import { defineCommand } from '../command';
import { type CliContext, whenStopped } from '../context';
import { flag, int, text } from '../options';
import { startInBackground } from '../serve/daemon';
import { logOptions, serverLog } from '../serve/server-log';
import { startZooKeeper } from '../serve/start-zookeeper';
import { zooKeeperServerUsers } from '../zookeeper/java-login';

/** zookeeper-server-start */
export const zookeeper = defineCommand({
  summary: 'Run a ZooKeeper server of one node.',
  positional: '[zoo.cfg]',
  options: {
    port: int('port', 'Where clients connect, without a zoo.cfg. 2181 is the usual one.'),
    host: text('address', 'Address to listen on, without a zoo.cfg.', { fallback: '127.0.0.1' }),
    dataDir: text('directory', 'Where the data is kept, without a zoo.cfg.'),
    daemon: flag('Run in the background, with its log in $LOG_DIR/zookeeper.out (LOG_DIR: logs).'),
    ...logOptions,
  },
  // zookeeper-server-start of Kafka has -daemon.
  rewrite: (args) => args.map((arg) => (arg === '-daemon' ? '--daemon' : arg)),
  examples: ['% zoo.cfg', '% --port 2181 --data-dir /var/lib/zookeeper'],
  notes:
    "It speaks ZooKeeper's protocol and keeps ZooKeeper's files: a ZooKeeper can go on with its directory.\n" +
    'For laptops, tests and single brokers; a production cluster has an ensemble of ZooKeeper itself.',
  async run({ options, positional: [file] }, context) {
    if (options.daemon) return startInBackground(context, '-daemon', 'zookeeper.out');
    const logger = serverLog(options);
    const given =
      file === undefined ? fromOptions(options) : await fromFile(context, file, (line) => logger.warn(line));
    const saslUsers = await zooKeeperServerUsers(context);
    let fail!: (error: Error) => void;
    const failed = new Promise<Error>((resolve) => (fail = resolve));
    const server = await startZooKeeper(context, logger, { ...given, saslUsers, onFailure: fail });
    logger.info(`ZooKeeper is ready at ${server.connectString}.`);
    const failure = await Promise.race([whenStopped(context.stop), failed]);
    if (failure !== undefined) logger.error(`ZooKeeper cannot go on: ${messageOf(failure)}`);
    await server.close();
    return failure === undefined ? 0 : 1;
  },
});

function fromOptions(options: {
  readonly port: number | undefined;
  readonly host: string;
  readonly dataDir: string | undefined;
}): ZooKeeperServerOptions {
  const { port, host, dataDir } = options;
  if (port === undefined || dataDir === undefined) {
    throw new UsageError('A zoo.cfg, or --port and --data-dir, have to be given');
  }
  // A server that was configured by hand answers all that only shows; nobody else can reach 127.0.0.1.
  return { port, host, dataDir, maxClientCnxns: 0 };
}

async function fromFile(
  { io }: CliContext,
  file: string,
  warn: (message: string) => void,
): Promise<ZooKeeperServerOptions> {
  try {
    const { options, warnings } = parseZooCfg((await io.files.readFile(file)).toString('utf8'));
    for (const { message } of warnings) warn(message);
    return options;
  } catch (error) {
    throw new CommandError(`${file} is not accepted: ${messageOf(error)}`);
  }
}
