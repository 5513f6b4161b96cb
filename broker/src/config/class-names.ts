// A file that also serves Apache Kafka may name Java classes. Kafka's own ones are known here, by what they do; no other
// one can be loaded.

const common = 'org.apache.kafka.common';
const sasl = `${common}.security`;

const callbackHandlers = [
  `${sasl}.plain.internals.PlainServerCallbackHandler`,
  `${sasl}.scram.internals.ScramServerCallbackHandler`,
  `${sasl}.authenticator.SaslServerCallbackHandler`,
  `${sasl}.oauthbearer.OAuthBearerLoginCallbackHandler`,
  `${sasl}.oauthbearer.OAuthBearerValidatorCallbackHandler`,
  `${sasl}.oauthbearer.secured.OAuthBearerLoginCallbackHandler`,
  `${sasl}.oauthbearer.secured.OAuthBearerValidatorCallbackHandler`,
] as const;

/** The classes that each key may name; one that is not here takes none. */
const knownClasses: Readonly<Record<string, readonly string[]>> = {
  'principal.builder.class': [`${sasl}.authenticator.DefaultKafkaPrincipalBuilder`],
  'replica.selector.class': [`${common}.replica.RackAwareReplicaSelector`],
  'metric.reporters': [`${common}.metrics.JmxReporter`],
  'kafka.metrics.reporters': ['kafka.metrics.KafkaCSVMetricsReporter'],
  'authorizer.class.name': [
    'kafka.security.authorizer.AclAuthorizer',
    'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  ],
  'client.quota.callback.class': [],
  'create.topic.policy.class.name': [],
  'alter.config.policy.class.name': [],
  'ssl.engine.factory.class': [`${sasl}.ssl.DefaultSslEngineFactory`],
  'sasl.server.callback.handler.class': callbackHandlers,
  'sasl.client.callback.handler.class': callbackHandlers,
  'sasl.login.callback.handler.class': callbackHandlers,
  'sasl.login.class': [
    `${sasl}.authenticator.DefaultLogin`,
    `${sasl}.kerberos.KerberosLogin`,
    `${sasl}.oauthbearer.internals.OAuthBearerRefreshingLogin`,
  ],
  'group.consumer.assignors': [
    'org.apache.kafka.coordinator.group.assignor.UniformAssignor',
    'org.apache.kafka.coordinator.group.assignor.RangeAssignor',
  ],
  'zookeeper.clientCnxnSocket': [
    'org.apache.zookeeper.ClientCnxnSocketNIO',
    'org.apache.zookeeper.ClientCnxnSocketNetty',
  ],
};

/** What is wrong with the classes that a key names, or undefined. */
export function classProblem(key: string, value: string | readonly string[]): string | undefined {
  const known = knownClasses[key];
  if (known === undefined) return undefined;
  const foreign = (typeof value === 'string' ? [value] : value).find((name) => name !== '' && !known.includes(name));
  if (foreign === undefined) return undefined;
  const accepts = known.length === 0 ? 'no class' : known.join(', ');
  return `${foreign} is a Java class, which this broker cannot load; accepted is ${accepts}`;
}
