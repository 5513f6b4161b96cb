import { JaasError, parseJaas, type JaasEntry } from '../config/jaas';
import type { SaslCredentials } from './digest-md5';

const digestLoginModule = 'org.apache.zookeeper.server.auth.DigestLoginModule';
const userPrefix = 'user_';

/** Where Java's system properties put the logins to ZooKeeper. */
export interface JaasSource {
  /** java.security.auth.login.config: the file's path. */
  readonly file: string;
  readonly content: string;
  readonly systemProperties: ReadonlyMap<string, string>;
}

/**
 * Who a client logs in to ZooKeeper as: what the section Client (zookeeper.sasl.clientconfig) says. Undefined when there
 * is no such section.
 * @throws JaasError that names the file
 */
export function clientLogin(source: JaasSource): SaslCredentials | undefined {
  const { systemProperties } = source;
  const name = systemProperties.get('zookeeper.sasl.clientconfig') ?? 'Client';
  const entry = digestEntry(source, name);
  if (entry === undefined) return undefined;
  // As Kafka has it: who has written a login does not mean to go without it.
  if (systemProperties.get('zookeeper.sasl.client')?.toLowerCase() === 'false') {
    throw new JaasError(
      `${source.file} has a section ${name}, but the system property zookeeper.sasl.client=false forbids to log in to ` +
        'ZooKeeper: take one of them away',
    );
  }
  const username = entry.options.get('username');
  const password = entry.options.get('password');
  if (username === undefined || username === '' || password === undefined) {
    throw new JaasError(`${source.file}: the section ${name} needs the options username and password`);
  }
  return { username, password };
}

/**
 * Passwords by user: the section Server (zookeeper.sasl.serverconfig). Undefined when there is no such section.
 * @throws JaasError that names the file
 */
export function serverUsers(source: JaasSource): ReadonlyMap<string, string> | undefined {
  const name = source.systemProperties.get('zookeeper.sasl.serverconfig') ?? 'Server';
  const entry = digestEntry(source, name);
  if (entry === undefined) return undefined;
  const users = new Map<string, string>();
  for (const [key, value] of entry.options) {
    if (key.startsWith(userPrefix)) users.set(key.slice(userPrefix.length), value);
  }
  if (users.size === 0) {
    throw new JaasError(`${source.file}: the section ${name} needs an option user_NAME="PASSWORD" for every user`);
  }
  return users;
}

function digestEntry({ file, content, systemProperties }: JaasSource, section: string): JaasEntry | undefined {
  let entries: readonly JaasEntry[] | undefined;
  try {
    entries = parseJaas(content, systemProperties).get(section);
  } catch (error) {
    if (error instanceof JaasError) throw new JaasError(`${file} is not a JAAS configuration: ${error.message}`);
    throw error;
  }
  if (entries === undefined) return undefined;
  const entry = entries.find(({ loginModule }) => loginModule === digestLoginModule);
  if (entry === undefined) {
    const modules = entries.map(({ loginModule }) => loginModule).join(', ') || 'no login module';
    throw new JaasError(`${file}: the section ${section} has ${modules}: ${digestLoginModule} is accepted`);
  }
  return entry;
}
