import type { Logger } from '../../logging/logger';
import { ZooKeeperServer, type ZooKeeperServerOptions } from '../../zookeeper/server/zookeeper-server';
import { CommandError, messageOf } from '../cli-error';
import type { CliContext } from '../context';

/** @throws CommandError that says whose address or directory cannot be used */
export async function startZooKeeper(
  { io }: CliContext,
  logger: Logger,
  options: ZooKeeperServerOptions,
): Promise<ZooKeeperServer> {
  try {
    return await ZooKeeperServer.start(io, logger, options);
  } catch (error) {
    const { host = '127.0.0.1', port = 0, dataDir } = options;
    const where = `${host === '' ? '*' : host}:${port}${dataDir === undefined ? '' : ` with its data in ${dataDir}`}`;
    throw new CommandError(`ZooKeeper cannot start at ${where}: ${messageOf(error)}`);
  }
}
