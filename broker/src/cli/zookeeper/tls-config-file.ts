import { BrokerConfig } from '../../config/broker-config';
import type { TlsOptions } from '../../io/network';
import { zooKeeperTlsOf } from '../../zookeeper/zookeeper-security';
import { CommandError, messageOf } from '../cli-error';
import { readProperties } from '../commands/broker';
import type { CliContext } from '../context';

const tlsKeys = /^zookeeper\.(ssl\.|clientCnxnSocket$)/;

/**
 * What a file with the zookeeper.ssl keys of a server.properties says; undefined without one, or when it says nothing of
 * zookeeper.ssl.client.enable. Other keys are ignored, as Kafka's tools do.
 * @throws CommandError
 */
export async function tlsOfFile(context: CliContext, file: string | undefined): Promise<TlsOptions | undefined> {
  if (file === undefined) return undefined;
  const properties = [...(await readProperties(context, file))].filter(([key]) => tlsKeys.test(key));
  try {
    const { config } = BrokerConfig.from(new Map([...properties, ['zookeeper.connect', 'localhost']]));
    return await zooKeeperTlsOf(context.io.files, config);
  } catch (error) {
    throw new CommandError(`${file} is not accepted: ${messageOf(error)}`);
  }
}
