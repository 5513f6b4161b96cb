/**
 * What this broker does with a key: `acts` on it; `accepted`: it is known and checked, but nothing follows from it, and
 * a warning says so when it is set; `refused`: any value but the default stops the start, because going on without what
 * it asks for would betray who wrote it.
 */
export type Support =
  | { readonly kind: 'acts' }
  | { readonly kind: 'accepted'; readonly note: string }
  | { readonly kind: 'refused'; readonly instead: string };

export const acts: Support = { kind: 'acts' };

export function accepted(note: string): Support {
  return { kind: 'accepted', note };
}

export function refused(instead: string): Support {
  return { kind: 'refused', instead };
}

/** Why keys have no effect here. */
export const notes = {
  commitAcks: 'offset commits always wait for all in-sync replicas',
  connectionRate: 'the rate of new connections is not bounded yet',
  consumerProtocol: 'the KIP-848 consumer protocol exists in KRaft only',
  describeTopicPartitions: 'DescribeTopicPartitions exists in KRaft only',
  earlyStart: 'all listeners open together',
  initialDelay: 'periodic work on logs begins when they are loaded',
  internal: 'only finished versions are offered',
  javaSecurity: 'there are no Java security providers here',
  kernelBuffers: 'the operating system sizes the buffers of connections',
  kraft: 'only KRaft reads it, and this is ZooKeeper mode',
  lz4Level: 'the LZ4 codec has one level, its fast one',
  messageFormat: 'the record format is always v2',
  metrics: 'metrics are served in the Prometheus format instead',
  oneLoop: 'one event loop does this work, there is no pool of threads to size',
  passwordEncoder: 'passwords are not stored in ZooKeeper yet',
  policyClass: 'policies are Java classes, which this broker cannot load',
  principal: 'every connection is User:ANONYMOUS until authentication is supported',
  purgatory: 'finished requests are taken out at once',
  queuedRequests: 'each connection has one request at a time, and queued.max.request.bytes bounds their sum',
  quotas: 'quotas of clients are not enforced yet',
  sasl: 'listeners do not support SASL yet',
  setupTimeout: 'the time limit of connections does not grow',
  shareGroups: 'share groups exist in KRaft only',
  tieredKey: 'remote storage is not supported',
  tls: 'listeners do not support TLS yet',
  tokens: 'delegation tokens are not supported yet',
  zkSocket: 'zookeeper.ssl.client.enable alone decides about TLS',
} as const;

/** Why values are refused, and what to do instead. */
export const instead = {
  authorizer:
    'not supported yet by this broker: without an authorizer everyone may do everything; leave it empty only where ' +
    'that is meant',
  consumerProtocol: 'in ZooKeeper mode only classic exists; leave it classic',
  kraftListeners: 'only KRaft has it; remove it, this broker works with ZooKeeper',
  kraftQuorum: 'only KRaft has a quorum; remove it, this broker keeps its metadata in ZooKeeper',
  kraftRoles: 'this broker works with ZooKeeper; remove it and set zookeeper.connect',
  migration: 'this broker does not move to KRaft; leave it false, or let Apache Kafka brokers do the migration',
  secureInterBroker: 'not supported yet by this broker; only PLAINTEXT is',
  tiered: 'remote storage is not supported; leave it false',
  zkRevocation: "this broker does not ask whether ZooKeeper's certificate was revoked; leave it false",
} as const;

/** The security protocols that a listener may have for now. */
export const supportedSecurityProtocols: readonly string[] = ['PLAINTEXT'];
