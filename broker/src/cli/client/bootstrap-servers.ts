import { UsageError } from '../cli-error';

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

export function formatHostAndPort({ host, port }: HostAndPort): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/**
 * `host:port,host:port`; an IPv6 address stands in brackets.
 * @param option what the text was given as, for the error's text
 * @throws UsageError
 */
export function parseBootstrapServers(text: string, option: string): HostAndPort[] {
  const servers = text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
    .map((each) => parseHostAndPort(each, option));
  if (servers.length === 0) throw new UsageError(`${option}: no server is named; host:port,host:port is accepted`);
  return servers;
}

export function parseHostAndPort(text: string, option: string): HostAndPort {
  // A protocol in front of it is Kafka's listener syntax, which its clients take as well.
  const [, bracketed, plain, portText] = /^(?:\w+:\/\/)?(?:\[([0-9A-Fa-f:.%]+)\]|([^:[\]]+)):(\d+)$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(portText);
  if (host === undefined || port < 1 || port > 65535) {
    throw new UsageError(`${option} ${text}: host:port is accepted, with a port from 1 to 65535`);
  }
  return { host, port };
}
