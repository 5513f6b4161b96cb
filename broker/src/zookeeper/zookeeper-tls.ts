import type { Files } from '../io/files';
import type { TlsOptions, TlsVersion } from '../io/network';
import { pkcs12Certificates, Pkcs12Error } from './pkcs12-certificates';

/** zookeeper.ssl.*: null is "not set". */
export interface ZooKeeperTlsSettings {
  readonly keystore: StoreSettings;
  readonly truststore: StoreSettings;
  readonly protocol: string;
  readonly enabledProtocols: readonly string[] | null;
  readonly cipherSuites: readonly string[] | null;
  readonly endpointIdentificationAlgorithm: string;
}

export interface StoreSettings {
  readonly location: string | null;
  readonly password: string | null;
  readonly type: string | null;
}

/** What zookeeper.set.acl or zookeeper.ssl.* ask for cannot be done. */
export class ZooKeeperSecurityError extends Error {
  override readonly name = 'ZooKeeperSecurityError';
}

const tlsVersions: readonly TlsVersion[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];

/**
 * What connections to ZooKeeper are made with. Stores are PEM (key and certificates in one file, as ZooKeeper has it) or
 * PKCS #12; without a type the file's extension decides. Without a trust store the runtime's own authorities are
 * trusted.
 * @throws ZooKeeperSecurityError
 */
export async function zooKeeperTls(files: Files, settings: ZooKeeperTlsSettings): Promise<TlsOptions> {
  const { protocol, enabledProtocols, cipherSuites, endpointIdentificationAlgorithm } = settings;
  return {
    ...(await keyMaterial(files, settings.keystore)),
    ...(await trusted(files, settings.truststore)),
    ...versions(enabledProtocols ?? [protocol], enabledProtocols === null ? 'protocol' : 'enabled.protocols'),
    ...(cipherSuites === null ? {} : { ciphers: cipherSuites.map(openSslName).join(':') }),
    verifyPeer: true,
    ...(endpointIdentificationAlgorithm.toLowerCase() === 'https' ? {} : { serverName: '' }),
  };
}

async function keyMaterial(
  files: Files,
  store: StoreSettings,
): Promise<Pick<TlsOptions, 'key' | 'cert' | 'pfx' | 'passphrase'>> {
  if (store.location === null) return {};
  const passphrase = store.password ?? undefined;
  if (storeType('keystore', store) === 'PKCS12')
    return { pfx: await read(files, 'keystore', store.location), passphrase };
  const pem = await read(files, 'keystore', store.location);
  const text = pem.toString('latin1');
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text) || !text.includes('-----BEGIN CERTIFICATE-----')) {
    throw new ZooKeeperSecurityError(
      `zookeeper.ssl.keystore.location=${store.location}: a private key and its certificates, as PEM in one file, are accepted`,
    );
  }
  return { key: pem, cert: pem, passphrase };
}

async function trusted(files: Files, store: StoreSettings): Promise<Pick<TlsOptions, 'ca'>> {
  if (store.location === null) return {};
  const where = `zookeeper.ssl.truststore.location=${store.location}`;
  if (storeType('truststore', store) === 'PKCS12') {
    const file = await read(files, 'truststore', store.location);
    try {
      const certificates = pkcs12Certificates(file, store.password ?? '');
      if (certificates.length > 0) return { ca: certificates.join('') };
    } catch (error) {
      if (error instanceof Pkcs12Error) throw new ZooKeeperSecurityError(`${where}: ${error.message}`);
      throw error;
    }
    throw new ZooKeeperSecurityError(`${where}: there is no certificate of an authority in it`);
  }
  const pem = await read(files, 'truststore', store.location);
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) {
    throw new ZooKeeperSecurityError(`${where}: certificates of authorities, as PEM, are accepted`);
  }
  return { ca: pem };
}

function storeType(kind: 'keystore' | 'truststore', { location, type }: StoreSettings): 'PEM' | 'PKCS12' {
  const extension = /\.([^./]*)$/.exec(location!)?.[1]?.toLowerCase() ?? '';
  const byExtension: Readonly<Record<string, string>> = { pem: 'PEM', p12: 'PKCS12', pfx: 'PKCS12', jks: 'JKS' };
  const is = type?.toUpperCase() ?? byExtension[extension];
  if (is === 'PEM' || is === 'PKCS12') return is;
  if (is === 'JKS') {
    const how = `keytool -importkeystore -srckeystore ${location} -destkeystore store.p12 -deststoretype PKCS12`;
    throw new ZooKeeperSecurityError(
      `zookeeper.ssl.${kind}.location=${location}: only Java reads a JKS store; ${how} makes one that is accepted`,
    );
  }
  if (type !== null) {
    throw new ZooKeeperSecurityError(`zookeeper.ssl.${kind}.type=${type}: PEM and PKCS12 are accepted`);
  }
  throw new ZooKeeperSecurityError(
    `zookeeper.ssl.${kind}.location=${location}: its name does not tell what it is: set zookeeper.ssl.${kind}.type to PEM ` +
      'or PKCS12',
  );
}

async function read(files: Files, kind: 'keystore' | 'truststore', location: string): Promise<Buffer> {
  try {
    return await files.readFile(location);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ZooKeeperSecurityError(`zookeeper.ssl.${kind}.location=${location} cannot be read: ${why}`);
  }
}

function versions(names: readonly string[], key: string): Pick<TlsOptions, 'minVersion' | 'maxVersion'> {
  const known = names.map((name) => {
    const version = tlsVersions.indexOf(name.trim() as TlsVersion);
    if (version !== -1) return version;
    throw new ZooKeeperSecurityError(`zookeeper.ssl.${key}=${names.join(',')}: ${tlsVersions.join(', ')} are accepted`);
  });
  return { minVersion: tlsVersions[Math.min(...known)], maxVersion: tlsVersions[Math.max(...known)] };
}

/** TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 is ECDHE-RSA-AES128-GCM-SHA256 to OpenSSL; TLS 1.3's names are the same. */
function openSslName(suite: string): string {
  const match = /^TLS_(\w+)_WITH_(\w+)$/.exec(suite);
  if (match === null) return suite;
  const exchange = match[1] === 'RSA' ? [] : [match[1]!.replaceAll('_', '-')];
  const cipher = match[2]!
    .replace(/^AES_(\d+)/, 'AES$1')
    .replace(/_CBC_/, '_')
    .replace(/^(CHACHA20_POLY1305)_SHA256$/, '$1')
    .replaceAll('_', '-');
  return [...exchange, cipher].join('-');
}
