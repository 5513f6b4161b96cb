import { silentLogger } from '../../logging/logger';
import { KafkaZkClient } from '../../zookeeper/kafka-zk-client';
import { parseConnectString } from '../../zookeeper/connect-string';
import { CommandError, messageOf, UsageError } from '../cli-error';
import type { CliContext } from '../context';
import { zooKeeperClientLogin } from './java-login';

const sessionTimeoutMs = 30_000;
const connectionTimeoutMs = 30_000;

/**
 * @throws UsageError for a connect string that is not valid; CommandError when no server takes a session in time, or the
 * JAAS file cannot be used
 */
export async function connectZooKeeper(context: CliContext, connectString: string): Promise<KafkaZkClient> {
  try {
    parseConnectString(connectString);
  } catch (error) {
    throw new UsageError(`--zookeeper ${connectString}: ${messageOf(error)}`);
  }
  const sasl = await zooKeeperClientLogin(context);
  const options = { connectString, sessionTimeoutMs, connectionTimeoutMs, sasl };
  const zk = new KafkaZkClient(context.io, silentLogger, options);
  try {
    await zk.connect();
  } catch (error) {
    await zk.close();
    throw new CommandError(messageOf(error));
  }
  return zk;
}
