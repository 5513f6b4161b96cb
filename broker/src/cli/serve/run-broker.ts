import type { BrokerConfig } from '../../config/broker-config';
import type { ConfigWarning } from '../../config/config-error';
import type { Logger } from '../../logging/logger';
import { Broker } from '../../server/broker';
import { messageOf } from '../cli-error';
import { zooKeeperClientLogin } from '../zookeeper/java-login';
import { type CliContext, whenStopped } from '../context';

export interface RunBrokerOptions {
  readonly config: BrokerConfig;
  readonly warnings: readonly ConfigWarning[];
  readonly waitForZooKeeper: boolean;
  readonly http: { readonly host: string; readonly port: number } | undefined;
}

/**
 * Runs a broker until it is to stop or cannot go on.
 * @returns the exit code: 0 after a clean shutdown, 1 when the broker failed
 */
export async function runBroker(context: CliContext, logger: Logger, options: RunBrokerOptions): Promise<number> {
  const { config, warnings, waitForZooKeeper, http } = options;
  for (const { message, kind } of warnings) {
    if (kind === 'without-effect') logger.info(message);
    else logger.warn(message);
  }
  const zooKeeperLogin = await zooKeeperClientLogin(context);
  const starting = Broker.start(context.io, logger, { config, waitForZooKeeper, http, zooKeeperLogin });
  const stopped = whenStopped(context.stop);
  // A broker that still waits for ZooKeeper has nothing to shut down.
  const broker = await Promise.race([starting, stopped]);
  if (broker === undefined) {
    logger.info('Stopped before the broker had started.');
    return 0;
  }
  const failure = await Promise.race([stopped, broker.failed]);
  if (failure !== undefined) logger.error(`The broker cannot go on: ${messageOf(failure)}`);
  await broker.close();
  return failure === undefined ? 0 : 1;
}
