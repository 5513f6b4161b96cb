import type { BrokerConfig } from '../config/broker-config';
import type { Files } from '../io/files';
import type { TlsOptions } from '../io/network';
import type { ZooKeeperClientOptions } from './client';
import type { SaslCredentials } from './digest-md5';
import { zooKeeperTls, ZooKeeperSecurityError } from './zookeeper-tls';

/**
 * How a broker's ZooKeeper client makes itself known, by the broker's configuration and the login of its JAAS file.
 * @throws ZooKeeperSecurityError; Error when zookeeper.set.acl is on and nobody is logged in
 */
export async function zooKeeperSecurity(
  files: Files,
  config: BrokerConfig,
  sasl: SaslCredentials | undefined,
): Promise<Pick<ZooKeeperClientOptions, 'sasl' | 'tls'> & { readonly secure: boolean }> {
  const secure = config.get('zookeeper.set.acl');
  const hasCertificate =
    config.get('zookeeper.ssl.client.enable') && config.get('zookeeper.ssl.keystore.location') !== null;
  if (secure && sasl === undefined && !hasCertificate) {
    throw new ZooKeeperSecurityError(
      'zookeeper.set.acl is true, but nothing says who this broker is to ZooKeeper: neither a JAAS file with a section ' +
        'Client (KAFKA_OPTS=-Djava.security.auth.login.config=FILE) nor a certificate (zookeeper.ssl.client.enable and ' +
        'zookeeper.ssl.keystore.location)',
    );
  }
  return { secure, sasl, tls: await zooKeeperTlsOf(files, config) };
}

/**
 * zookeeper.ssl.*; undefined: connections are plain.
 * @throws ZooKeeperSecurityError
 */
export async function zooKeeperTlsOf(files: Files, config: BrokerConfig): Promise<TlsOptions | undefined> {
  if (!config.get('zookeeper.ssl.client.enable')) return undefined;
  return await zooKeeperTls(files, {
    keystore: {
      location: config.get('zookeeper.ssl.keystore.location'),
      password: config.get('zookeeper.ssl.keystore.password'),
      type: config.get('zookeeper.ssl.keystore.type'),
    },
    truststore: {
      location: config.get('zookeeper.ssl.truststore.location'),
      password: config.get('zookeeper.ssl.truststore.password'),
      type: config.get('zookeeper.ssl.truststore.type'),
    },
    protocol: config.get('zookeeper.ssl.protocol'),
    enabledProtocols: config.get('zookeeper.ssl.enabled.protocols'),
    cipherSuites: config.get('zookeeper.ssl.cipher.suites'),
    endpointIdentificationAlgorithm: config.get('zookeeper.ssl.endpoint.identification.algorithm'),
  });
}
