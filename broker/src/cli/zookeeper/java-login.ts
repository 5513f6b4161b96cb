import { JaasError } from '../../config/jaas';
import type { SaslCredentials } from '../../zookeeper/digest-md5';
import { clientLogin, serverUsers, type JaasSource } from '../../zookeeper/zookeeper-login';
import { CommandError, messageOf } from '../cli-error';
import type { CliContext } from '../context';

type Context = Pick<CliContext, 'io' | 'env'>;

/**
 * Who this process logs in to ZooKeeper as, by the JAAS file that KAFKA_OPTS names, as Kafka's own programs have it.
 * @throws CommandError for a file that cannot be used
 */
export function zooKeeperClientLogin(context: Context): Promise<SaslCredentials | undefined> {
  return fromJaas(context, ['KAFKA_OPTS', 'JVMFLAGS', 'CLIENT_JVMFLAGS'], clientLogin);
}

/**
 * Who may log in to this process's ZooKeeper, by the JAAS file that KAFKA_OPTS or SERVER_JVMFLAGS names.
 * @throws CommandError for a file that cannot be used
 */
export function zooKeeperServerUsers(context: Context): Promise<ReadonlyMap<string, string> | undefined> {
  return fromJaas(context, ['KAFKA_OPTS', 'JVMFLAGS', 'SERVER_JVMFLAGS'], serverUsers);
}

async function fromJaas<T>(
  { io, env }: Context,
  variables: readonly string[],
  read: (source: JaasSource) => T,
): Promise<T | undefined> {
  const systemProperties = new Map<string, string>();
  let where = '';
  for (const variable of variables) {
    for (const [key, value] of systemPropertiesOf(env[variable] ?? '')) {
      systemProperties.set(key, value);
      if (key === loginConfig) where = variable;
    }
  }
  // Java takes == as "this file alone".
  const file = systemProperties
    .get(loginConfig)
    ?.replace(/^=/, '')
    .replace(/^file:(?:\/\/(?=\/))?/, '');
  if (file === undefined) return undefined;
  let content: string;
  try {
    content = (await io.files.readFile(file)).toString('utf8');
  } catch (error) {
    throw new CommandError(`${where}: -D${loginConfig}=${file} cannot be read: ${messageOf(error)}`);
  }
  try {
    return read({ file, content, systemProperties });
  } catch (error) {
    if (error instanceof JaasError) throw new CommandError(error.message);
    throw error;
  }
}

const loginConfig = 'java.security.auth.login.config';

/** The -Dname=value of options for Java; a shell splits them at blanks. */
function systemPropertiesOf(javaOptions: string): [string, string][] {
  return [...javaOptions.matchAll(/(?:^|\s)-D([^\s=]+)(?:=(\S*))?/g)].map(([, name, value]) => [name!, value ?? '']);
}
