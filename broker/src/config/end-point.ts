import { javaTrim } from './java-number';

/** Kafka's security protocols. */
export const securityProtocols = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] as const;

export type SecurityProtocol = (typeof securityProtocols)[number];

/** One entry of listeners or advertised.listeners. */
export interface EndPoint {
  /** In upper case, as Kafka normalises it. */
  readonly listenerName: string;
  /** Null: every address (listeners), or the machine's own name (advertised.listeners). IPv6 without brackets. */
  readonly host: string | null;
  /** 0: any free port. */
  readonly port: number;
  readonly securityProtocol: SecurityProtocol;
}

/** A value that cannot be read as what it should be; the message is a problem as in ConfigProblem. */
export class EndPointError extends Error {
  override readonly name = 'EndPointError';
}

/** "NAME://host:port", with brackets around IPv6. */
export function formatEndPoint({ listenerName, host, port }: EndPoint): string {
  const shown = host === null ? '' : host.includes(':') ? `[${host}]` : host;
  return `${listenerName}://${shown}:${port}`;
}

/** A list as Kafka's Csv reads it: blanks around commas go, and so do empty elements. */
export function parseCsvList(text: string): string[] {
  return text.split(/[ \t\n\v\f\r]*,[ \t\n\v\f\r]*/).filter((element) => element !== '');
}

/** "key:value,key:value", split at each element's last colon, since the key may be an IPv6 address. */
export function parseCsvMap(text: string): Map<string, string> {
  const map = new Map<string, string>();
  if (text === '') return map;
  const elements = text.split(/[ \t\n\v\f\r]*,[ \t\n\v\f\r]*/);
  // Java's split drops the empty elements at the end, and only those.
  while (elements.at(-1) === '') elements.pop();
  for (const element of elements) {
    const colon = element.lastIndexOf(':');
    if (colon < 0) throw new EndPointError(`${element === '' ? 'an empty element' : element} is no NAME:VALUE`);
    map.set(javaTrim(element.slice(0, colon)), javaTrim(element.slice(colon + 1)));
  }
  return map;
}

/** listener.security.protocol.map. */
export function parseSecurityProtocolMap(text: string): Map<string, SecurityProtocol> {
  const protocols = new Map<string, SecurityProtocol>();
  for (const [name, protocolName] of parseCsvMap(text)) {
    const protocol = securityProtocols.find((known) => known === protocolName.toUpperCase());
    if (protocol === undefined) {
      throw new EndPointError(
        `${protocolName} is no security protocol; accepted is one of ${securityProtocols.join(', ')}`,
      );
    }
    protocols.set(normalizeListenerName(name), protocol);
  }
  return protocols;
}

export function normalizeListenerName(name: string): string {
  if (javaTrim(name) === '') throw new EndPointError('a listener name is empty');
  return name.toUpperCase();
}

const endPointPattern = /^(.*):\/\/\[?([0-9a-zA-Z\-%._:]*)\]?:(-?[0-9]+)$/;

/**
 * A list of end points. Names differ; ports differ too (unless `sharedPorts`), but for one IPv4 and one IPv6 address on
 * the same port.
 * @throws EndPointError
 */
export function parseEndPoints(
  text: string,
  protocols: ReadonlyMap<string, SecurityProtocol>,
  { sharedPorts = false } = {},
): EndPoint[] {
  const endPoints = parseCsvList(javaTrim(text)).map((element) => parseEndPoint(element, protocols));
  const names = new Set<string>();
  for (const { listenerName } of endPoints) {
    if (names.has(listenerName)) throw new EndPointError(`the listener name ${listenerName} is there twice`);
    names.add(listenerName);
  }
  if (!sharedPorts) checkPorts(endPoints);
  return endPoints;
}

function parseEndPoint(element: string, protocols: ReadonlyMap<string, SecurityProtocol>): EndPoint {
  const [, name, host, portText] = endPointPattern.exec(element) ?? [];
  if (name === undefined || host === undefined || portText === undefined) {
    throw new EndPointError(`${element} is no NAME://HOST:PORT`);
  }
  const listenerName = normalizeListenerName(name);
  const port = Number(portText);
  if (port < 0 || port > 65535) throw new EndPointError(`the port of ${element} is not from 0 to 65535`);
  const securityProtocol = protocols.get(listenerName);
  if (securityProtocol === undefined) {
    throw new EndPointError(`listener.security.protocol.map has no security protocol for the listener ${listenerName}`);
  }
  return { listenerName, host: host === '' ? null : host, port, securityProtocol };
}

function checkPorts(endPoints: readonly EndPoint[]): void {
  for (const endPoint of endPoints) {
    const { port } = endPoint;
    const others = endPoints.filter((other) => other !== endPoint && other.port === port && port !== 0);
    if (others.length === 0) continue;
    const [first, second, ...more] = [endPoint, ...others].map(({ host }) => host ?? '');
    const families = (isIpv4(first ?? '') && isIpv6(second ?? '')) || (isIpv6(first ?? '') && isIpv4(second ?? ''));
    if (!families || more.length > 0) {
      throw new EndPointError(
        `port ${port} is there twice; accepted is one port a listener, or one port for an IPv4 and an IPv6 address`,
      );
    }
  }
}

function isIpv4(host: string): boolean {
  const parts = host.split('.');
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

function isIpv6(host: string): boolean {
  const [address = '', zone, ...rest] = host.split('%');
  if (rest.length > 0 || zone === '' || !address.includes(':')) return false;
  const halves = address.split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  const last = groups.at(-1);
  let count = groups.length;
  if (last !== undefined && isIpv4(last)) {
    groups.pop();
    count += 1;
  }
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return false;
  return halves.length === 2 ? count < 8 : count === 8;
}
