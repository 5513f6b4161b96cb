import { pathProblem } from './znode-path';

/** A ZooKeeper server of a connect string. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

export interface ConnectString {
  readonly servers: readonly ServerAddress[];
  /** The path that everything of this client lies under; empty: none. */
  readonly chroot: string;
}

const defaultPort = 2181;

/**
 * Parses `host:port,host:port/chroot` as ZooKeeper's client does: the port is 2181 when it is missing, an IPv6 address
 * stands in brackets, and one chroot at the end is for all servers.
 */
export function parseConnectString(text: string): ConnectString {
  const slash = text.indexOf('/');
  const list = slash === -1 ? text : text.slice(0, slash);
  const chroot = slash === -1 ? '' : text.slice(slash);
  const invalid = (what: string): Error =>
    new Error(
      `zookeeper.connect '${text}': ${what}; it is host:port, or several separated by commas, then maybe a /chroot`,
    );
  if (chroot !== '' && chroot !== '/') {
    const problem = pathProblem(chroot);
    if (problem !== undefined) throw invalid(`the chroot '${chroot}' ${problem}`);
  }
  const servers = list
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
    .map((entry) => parseServer(entry, invalid));
  if (servers.length === 0) throw invalid('it names no server');
  return { servers, chroot: chroot === '/' ? '' : chroot };
}

function parseServer(entry: string, invalid: (what: string) => Error): ServerAddress {
  const match = /^(?:\[([^\]]+)\]|([^:[\]\s]+))(?::(.*))?$/.exec(entry);
  const host = match?.[1] ?? match?.[2];
  if (match === null || host === undefined) throw invalid(`'${entry}' is not a host and port`);
  if (match[3] === undefined) return { host, port: defaultPort };
  const port = /^\d{1,5}$/.test(match[3]) ? Number(match[3]) : 0;
  if (port < 1 || port > 65535) throw invalid(`the port of '${entry}' is not between 1 and 65535`);
  return { host, port };
}
