import { JsonReader } from './json-reader';
import { jsonBytes, JsonObject, type JsonValue } from './json-writer';

/** An advertised listener. */
export interface EndPoint {
  readonly host: string;
  readonly port: number;
  readonly listenerName: string;
  readonly securityProtocol: string;
}

export interface SupportedVersionRange {
  readonly minVersion: number;
  readonly maxVersion: number;
}

/** A broker's registration. */
export interface BrokerInfo {
  readonly id: number;
  readonly endPoints: readonly EndPoint[];
  readonly rack: string | null;
  readonly features: ReadonlyMap<string, SupportedVersionRange>;
  /** -1: none. */
  readonly jmxPort: number;
  /** When it was registered, milliseconds since the epoch. */
  readonly timestampMs: number;
}

const securityProtocols = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'];

/** /brokers/ids, with an ephemeral child for each live broker. */
export const BrokerIdsZNode = { path: '/brokers/ids' } as const;

/** /brokers/ids/N: written in version 5 of the JSON, read in versions 1 to 5. */
export const BrokerIdZNode = {
  path: (id: number): string => `${BrokerIdsZNode.path}/${id}`,

  encode(broker: BrokerInfo): Buffer {
    // For clients that know only one host and port: the first plaintext listener.
    const plaintext = broker.endPoints.find((endPoint) => endPoint.securityProtocol === 'PLAINTEXT');
    const features = [...broker.features].map(
      ([name, range]) =>
        [
          name,
          new JsonObject([
            ['min_version', range.minVersion],
            ['max_version', range.maxVersion],
          ]),
        ] as const,
    );
    const entries: (readonly [string, JsonValue])[] = [
      ['features', new JsonObject(features)],
      [
        'listener_security_protocol_map',
        new JsonObject(broker.endPoints.map((endPoint) => [endPoint.listenerName, endPoint.securityProtocol] as const)),
      ],
      ['endpoints', broker.endPoints.map(connectionString)],
    ];
    if (broker.rack !== null) entries.push(['rack', broker.rack]);
    entries.push(
      ['jmx_port', broker.jmxPort],
      ['port', plaintext?.port ?? -1],
      ['host', plaintext?.host ?? null],
      ['version', 5],
      ['timestamp', String(broker.timestampMs)],
    );
    return jsonBytes(new JsonObject(entries));
  },

  decode(id: number, data: Buffer | null): BrokerInfo {
    const json = JsonReader.parse(BrokerIdZNode.path(id), data);
    const version = json.field('version').int(1);
    return {
      id,
      endPoints: version === 1 ? [legacyEndPoint(json)] : endPoints(json),
      rack: json.optional('rack')?.string() ?? null,
      features: new Map(
        (json.optional('features')?.fields() ?? []).map(([name, range]) => [
          name,
          {
            minVersion: range.field('min_version').int(0, 0x7fff),
            maxVersion: range.field('max_version').int(0, 0x7fff),
          },
        ]),
      ),
      jmxPort: json.field('jmx_port').int(),
      timestampMs: json.optional('timestamp')?.longString() ?? -1,
    };
  },
} as const;

function legacyEndPoint(json: JsonReader): EndPoint {
  const host = json.field('host').string();
  const port = json.field('port').int(-1, 65535);
  return { host, port, listenerName: 'PLAINTEXT', securityProtocol: 'PLAINTEXT' };
}

function endPoints(json: JsonReader): EndPoint[] {
  const protocols = new Map<string, string>();
  for (const [listener, value] of json.optional('listener_security_protocol_map')?.fields() ?? []) {
    const protocol = value.string();
    if (!securityProtocols.includes(protocol)) value.refuse(`one of ${securityProtocols.join(', ')} is accepted`);
    protocols.set(listener, protocol);
  }
  // Before version 4 a listener was named by its security protocol.
  if (protocols.size === 0) for (const protocol of securityProtocols) protocols.set(protocol, protocol);
  return json
    .field('endpoints')
    .items()
    .map((item) => {
      const match = /^([^:]+):\/\/(?:\[([^\]]*)\]|([0-9a-zA-Z\-%._]*)):(-?\d{1,5})$/.exec(item.string());
      if (match === null) return item.refuse('LISTENER://host:port is accepted');
      const listenerName = match[1]!.toUpperCase();
      const securityProtocol = protocols.get(listenerName) ?? protocols.get(match[1]!);
      if (securityProtocol === undefined) {
        return item.refuse(
          `a listener of listener_security_protocol_map (${[...protocols.keys()].join(', ')}) is accepted`,
        );
      }
      return { host: match[2] ?? match[3] ?? '', port: Number(match[4]), listenerName, securityProtocol };
    });
}

function connectionString(endPoint: EndPoint): string {
  const host = endPoint.host.includes(':') ? `[${endPoint.host}]` : endPoint.host;
  return `${endPoint.listenerName}://${host}:${endPoint.port}`;
}
