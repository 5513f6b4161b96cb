// KAFKA_… variables as keys, by the rules of Apache Kafka's image.

// Variables that Kafka's own scripts and image read, so they name no key.
const scriptVariables: ReadonlySet<string> = new Set([
  'KAFKA_CLASSPATH',
  'KAFKA_DEBUG',
  'KAFKA_GC_LOG_OPTS',
  'KAFKA_HEAP_OPTS',
  'KAFKA_HOME',
  'KAFKA_JMX_HOSTNAME',
  'KAFKA_JMX_OPTS',
  'KAFKA_JMX_PORT',
  'KAFKA_JVM_PERFORMANCE_OPTS',
  'KAFKA_LOG4J_CMD_OPTS',
  'KAFKA_LOG4J_LOGGERS',
  'KAFKA_LOG4J_OPTS',
  'KAFKA_LOG4J_ROOT_LOGLEVEL',
  'KAFKA_OPTS',
  'KAFKA_TOOLS_LOG4J_LOGLEVEL',
  'KAFKA_VERSION',
]);

// What Kubernetes and Docker links put into a container for a service whose name begins with "kafka".
const serviceLink =
  /^KAFKA_(?:\w+_)?(?:SERVICE_(?:HOST|PORT(?:_\w+)?)|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:ADDR|PORT|PROTO))?)$/;
const serviceAddress = /^(?:tcp|udp|sctp):\/\//;

function isServiceLink(name: string, value: string): boolean {
  return name === 'KAFKA_PORT' || serviceLink.test(name) || (name.endsWith('_PORT') && serviceAddress.test(value));
}

/**
 * The keys that an environment sets: KAFKA_LOG_RETENTION_HOURS is log.retention.hours; `_` is a dot, `__` an underscore,
 * `___` a hyphen. Letters are lowered, except where only a known key (`known`) with capitals fits.
 */
export function environmentProperties(
  environment: Readonly<Record<string, string | undefined>>,
  known: Iterable<string>,
): Map<string, string> {
  const withCapitals = new Map<string, string>();
  for (const key of known) if (key !== key.toLowerCase()) withCapitals.set(key.toLowerCase(), key);
  const properties = new Map<string, string>();
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined || !name.startsWith('KAFKA_')) continue;
    if (scriptVariables.has(name) || isServiceLink(name, value)) continue;
    const key = name
      .slice('KAFKA_'.length)
      .toLowerCase()
      .replaceAll('_', '.')
      .replaceAll('...', '-')
      .replaceAll('..', '_');
    properties.set(withCapitals.get(key) ?? key, value);
  }
  return properties;
}
