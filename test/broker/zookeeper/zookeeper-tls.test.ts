import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BrokerConfig } from '../../../broker/src/config/broker-config';
import { nodeIo } from '../../../broker/src/io/node/index';
import { pkcs12Certificates } from '../../../broker/src/zookeeper/pkcs12-certificates';
import { zooKeeperSecurity } from '../../../broker/src/zookeeper/zookeeper-security';

// One certificate, of CN=authority, until 2126; as PKCS #12 by keytool of Java 17 and by OpenSSL 3.
const pem = `-----BEGIN CERTIFICATE-----
MIIBfzCCASWgAwIBAgIUAaEM7l+O9Xtjg15twEveCOubhYkwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJYXV0aG9yaXR5MCAXDTI2MTEyMTE1MjIyM1oYDzIxMjYxMDI4
MTUyMjIzWjAUMRIwEAYDVQQDDAlhdXRob3JpdHkwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARxiJ0QoyBPOEJpnvqPAXz0kVmTAkN9zUpije9Z4X7Os8Q0feUkdJWi
btm/id3oRLKf8GYFjC0N7gMxbOq/H84io1MwUTAdBgNVHQ4EFgQUBS2N+54S5bJt
h3+PswGqwoJ0anEwHwYDVR0jBBgwFoAUBS2N+54S5bJth3+PswGqwoJ0anEwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAg0d5GJpyrcSR6GHT5Z32
TJJxzITYq8AgN97BymKIqN8CICiwEH0kt1RZ27AcaAqGXaiNXVZ8YJbHwNsAxEKw
Utt1
-----END CERTIFICATE-----
`;
const stores = {
  java: 'MIIC8gIBAzCCApwGCSqGSIb3DQEHAaCCAo0EggKJMIIChTCCAoEGCSqGSIb3DQEHBqCCAnIwggJuAgEAMIICZwYJKoZIhvcNAQcBMGYGCSqGSIb3DQEFDTBZMDgGCSqGSIb3DQEFDDArBBTio3KV1+qkL1EsQivJ1ApwS3KX0wICJxACASAwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEF+beA4P/IbpAmtQ+bKHm1+AggHwTvT1kicCLzagN/l5Al3s8aSHQ8tO7ETjr9BL2aq5ijIoFPQeZOiqalw0ellhithqLDiQpjf+gP7zqSpR4W6oU1U9UqFX07qJ/489nno5EsGdZPNaZ9maWGTfNpM9S2GYSc81TwaCQv23GjufF3bTJIvbrzKKgjIU3ocY97F6+N/P/7z9G+pAfQLkSWVK1Gnv8exNJ1o61P+uNiZ/Do8DqJNrPadY/RVDJ1ExCbSw9zITDVKBUpEbdz3ezs7QW+s7Udb3UEzClG++XWW/eQgtnE2hrV/aZvNFK2QxuBs9ACktBXR+mfxw3ZqTn55mzPCQnqKV00TmZW/0ZezmfzzbflopclgnqHuWk3kIyeYW/Oapik1E/0f7cSu1BN3u+614nlRebT7kS79YlWwVAuSnXPVOuOhDHHaybxuTC1J5+eBk04pAZ1bjgJg5H/sOakbUWgdaLjqWqwCzL27zPNblDG/Skf2wY+zG8TiTqrK9md5Vzzr5IANZmNR4fiCIGN3Y7O825XwcajxXxTqJh7XhE0/h9JiEthy1vH/FSk7ofkhW8pyZ2isrcul4PcDcfwNPWysgT3h4xwGWTa0CQnpimf+bpPSZoAYLO5AaWI206pvddJ6NC5gYO7iVTuOIDjl8qLdHPSZ0fWxqj8NSPqGTNjBNMDEwDQYJYIZIAWUDBAIBBQAEIPKs+X6WrdFwcF540fY2AEV1EQKyi30udJvhjCV6zXfbBBQhwAy15U3T1E9zpHPwYNaBuV59awICJxA=',
  tripleDes:
    'MIICZAIBAzCCAhoGCSqGSIb3DQEHAaCCAgsEggIHMIICAzCCAf8GCSqGSIb3DQEHBqCCAfAwggHsAgEAMIIB5QYJKoZIhvcNAQcBMBwGCiqGSIb3DQEMAQMwDgQIbBdqLFvw6F0CAggAgIIBuIhbJCdcAKJkdjVLxxyMQ8brRx85fYqShrevh/SCUdmLgsLoUWE10NmvTeFuDjQ0A9O8rbt8YKgF7e8J8K/9EFWfanhW+oD5gKpQbBFtGV8cKJXznatIyJ75XpsUPPXAtBvDPG+jJ6QAxfEriajK+IofnbQV4eYiKIBv8Sy4ti1C5orS+5RZsqq9nGxgG+Hxaf8Fa0OoBrgIV62TpmHC1ff/JwT3VXnJUSmyqfg5ig2oNXYWWddpzQAaovJvdDWEY100MpX7eyjKjmWQE9ReuIE7ApGEUog5pGHncJlxSPkimuFAwYsddJkQfVpeObyszBu2BDDNiV55LBM2Ca83g8SjYYVFtkxh009MYJ6loKD1Ct+UNUJI03CUGUa2F5KxMNIawMN+rEsBXPgD8BJHU1ZZemxFv0e1ssCUYrhiGNGC5XKcB4KTwrQLguP6CQ3XcIVYfaN96ggd8WE2SsEsl+sQyse07FJaLmpilSh95GbKEZwndoSDBkZp+AlBL1JoE8aTtnbeLlYDe3FhWJe9nll5zU8sX/UzzKBWYAz96JAYAkXLwGcXa5D6X9AWgwv8vTvZqXq2cvrlMEEwMTANBglghkgBZQMEAgEFAAQgHk0XtpE1WWpywmP8WSBOEJ3jgQNM63XA4y55qWHmENwECPf2Qou6SThxAgIIAA==',
  utf8: 'MIICpwIBAzCCAl0GCSqGSIb3DQEHAaCCAk4EggJKMIICRjCCAkIGCSqGSIb3DQEHBqCCAjMwggIvAgEAMIICKAYJKoZIhvcNAQcBMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgeu9/seR537wICCAAwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEGd8WZ+YcW2/cJjQImSq9WKAggHATLnEpt1jbr+LjB2a8NaSBrlbRyBE7gzJiLwOV+mBJXyH2Pxt/AVhyXQ4ATj1Ia2vvKEXML0wfr8WDed+LJHmopKnuaYflVQe7UTnEMZpFBKEQ8tGWOA+3DnaRRag+4JT5Olcb8kl28goMeLDcdwTWBBYsrrsNt37YTCPxD8Tjpabe5vOmATwnrnQrPc6jXuQWmYIVXqFY//rk7kPHbzl/rW49e5snZbi2Xq8K6BNMY69H1R83bza9kvVwkCLV62RZjyi5BN39kIkc3ejQ4ynQ0ZpUm60PA8Q25psJvEIVRBsC1EU1Or9iOdjzKy9uceYLwsAGQHpnIOYoDhqzoNpiUHEFVg/W1U+fWYFVAi+YKUEqzEg8PZRitGNjxGvNxC88GCL6eowrPZtMmOGJKtozT82yLzLO+951ZEjJdaA4PS1ntMg8KHslBveprw+nUj8reo7HaJV/b3gY9aAmaL6n4aforEbekXdgRAL3bjSp63GrFRmxnMRmJEB+RecrHgxHroAHnUXuMIWZNBftAZjOJluyy5gSl4y2PDsdL5CZL+mx1sM++C4vIq4yTUUfkeahX4sO757AxrHgOyJYcEv7DBBMDEwDQYJYIZIAWUDBAIBBQAEIEYRtQHfIgxtIDyifWSw0TUsGloV78YwE2ZzNCPYgUwxBAi8Ly+QtxoqdgICCAA=',
  plain:
    'MIICLAIBAzCCAeIGCSqGSIb3DQEHAaCCAdMEggHPMIIByzCCAccGCSqGSIb3DQEHAaCCAbgEggG0MIIBsDCCAawGCyqGSIb3DQEMCgEDoIIBmzCCAZcGCiqGSIb3DQEJFgGgggGHBIIBgzCCAX8wggEloAMCAQICFAGhDO5fjvV7Y4NebcBL3gjrm4WJMAoGCCqGSM49BAMCMBQxEjAQBgNVBAMMCWF1dGhvcml0eTAgFw0yNjExMjExNTIyMjNaGA8yMTI2MTAyODE1MjIyM1owFDESMBAGA1UEAwwJYXV0aG9yaXR5MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEcYidEKMgTzhCaZ76jwF89JFZkwJDfc1KYo3vWeF+zrPENH3lJHSVom7Zv4nd6ESyn/BmBYwtDe4DMWzqvx/OIqNTMFEwHQYDVR0OBBYEFAUtjfueEuWybYd/j7MBqsKCdGpxMB8GA1UdIwQYMBaAFAUtjfueEuWybYd/j7MBqsKCdGpxMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAINHeRiacq3Ekehh0+Wd9kySccyE2KvAIDfewcpiiKjfAiAosBB9JLdUWduwHGgKhl2ojV1WfGCWx8DbAMRCsFLbdTBBMDEwDQYJYIZIAWUDBAIBBQAEIJqKBKSZiUe4VzooolrhnceUXgBKJVx/IId1+yrXHgMABAgQV91ICa0GEAICCAA=',
  rc2: 'MIICVAIBAzCCAhoGCSqGSIb3DQEHAaCCAgsEggIHMIICAzCCAf8GCSqGSIb3DQEHBqCCAfAwggHsAgEAMIIB5QYJKoZIhvcNAQcBMBwGCiqGSIb3DQEMAQYwDgQIqH8yHIzkOfUCAggAgIIBuOkLH4/AlNDRZsofyesKcwbjPzAs3f5K+5edoIGA+94iHNKza6kNmXRWe0X17z5CB9DZCJtLqizyJWepgvtWFz9JAVcbyDWMpT8JGvGxfCVBg9YxcyzGg/g3NpCutkD6QrKoGMulUZgCCNSzr63G9bq7EAQLsvqEeo6xlHFpYN6E+wpRocV3hN99k8v5Qajyxi+P9GnL8vimOFvYW9B/V//emJXFTR7TtNa3GUPFjckwDnYJ6nRJRW2DwtOBvIIYIPSrBZGEuGZuLZPSPVh6Ke9UAbolbUwJfJNdrfYvzy5tO9VjDdG7KbBL06YUf341/71eaioPsVrzNXguGIh6W5DWDrF+dSaztOzdTMD6PdV2r7hx4wZKkFX/OZAL26Tf3RD3o5sKF1yW9VbRlqb1CYM+LfAv2DYz0ZktT2GECYKetAd3SYoebtt3mlhvQf8ud/DgeDRBlNUc6Jw6F5PpxMB4ft6Q59wbBGRqWrGCTnmu5/2jzRKex2wOUgd+un2EBq8lPB7dgh8ybJ9fjlUWScxKWd3nwbs+BLMFInfabAfBgHq6hys2jJQImqZie3OB0KZ88MNYdyX1MDEwITAJBgUrDgMCGgUABBThPPV01SH5bBLkTIs/ezVmxG4cewQIFBsPJHaMZ6kCAggA',
} as const;
const stored = (name: keyof typeof stores): Buffer => Buffer.from(stores[name], 'base64');

describe('the certificates of a PKCS #12 file', () => {
  it.each([
    ['java', 'changeit'],
    ['tripleDes', 'changeit'],
    ['utf8', 'pässwörd'],
    ['plain', 'changeit'],
  ] as const)('are read (%s)', (name, password) => {
    const certificates = pkcs12Certificates(stored(name), password);
    expect(certificates).toEqual([pem]);
    expect(new X509Certificate(certificates[0]!).subject).toBe('CN=authority');
  });

  it.each([
    ['with another password', stored('java'), 'other', 'the password is not that of the file'],
    ['by an old cipher', stored('rc2'), 'changeit', 'it is encrypted by 1.2.840.113549.1.12.1.6: AES'],
    ['that is none', Buffer.from(pem), '', 'it is no PKCS #12 file, or damaged'],
    ['that is empty', Buffer.alloc(0), '', 'it is no PKCS #12 file, or damaged'],
  ])('are not read from one %s', (_, file, password, message) => {
    expect(() => pkcs12Certificates(file, password)).toThrow(message);
  });

  it('are not read from any damaged one without saying so', () => {
    const whole = stored('java');
    for (let at = 0; at < whole.length; at++) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 0x41;
      // The iterations are in there: not too many of them here.
      if (at > 60 && at < 140) continue;
      try {
        pkcs12Certificates(damaged, 'changeit');
      } catch (error) {
        expect((error as Error).name).toBe('Pkcs12Error');
      }
      expect(() => pkcs12Certificates(whole.subarray(0, at), 'changeit')).toThrow();
    }
  });
});

describe('zookeeper.ssl', () => {
  const { files } = nodeIo();
  let directory: string;
  const at = (name: string): string => join(directory, name);
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'odradek-zookeeper-tls-'));
    writeFileSync(at('ca.pem'), pem);
    writeFileSync(at('key.pem'), `-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n${pem}`);
    writeFileSync(at('trust.p12'), stored('java'));
    writeFileSync(at('store.jks'), 'x');
    writeFileSync(at('store'), pem);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  function security(properties: Readonly<Record<string, string>>) {
    const all = { 'zookeeper.connect': 'h', ...properties };
    const placed = Object.entries(all).map(([key, value]) => [key, value.replace('DIR', directory)] as const);
    return zooKeeperSecurity(files, BrokerConfig.from(new Map(placed)).config, undefined);
  }

  const on = { 'zookeeper.ssl.client.enable': 'true' };

  it('is off by default, whatever else is said', async () => {
    expect(await security({ 'zookeeper.ssl.truststore.location': '/nowhere' })).toEqual({ secure: false });
  });

  it('reads PEM by its extension, TLS 1.2 alone, and checks names by default', async () => {
    const { tls, secure } = await security({
      ...on,
      'zookeeper.set.acl': 'true',
      'zookeeper.clientCnxnSocket': 'org.apache.zookeeper.ClientCnxnSocketNetty',
      'zookeeper.ssl.keystore.location': 'DIR/key.pem',
      'zookeeper.ssl.keystore.password': 'secret',
      'zookeeper.ssl.truststore.location': 'DIR/ca.pem',
    });
    expect(secure).toBe(true);
    expect(tls).toMatchObject({
      verifyPeer: true,
      ca: Buffer.from(pem),
      passphrase: 'secret',
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.2',
    });
    expect(tls).not.toHaveProperty('serverName');
    expect(tls?.key).toEqual(tls?.cert);
  });

  it('reads PKCS #12, versions and ciphers by their Java names', async () => {
    const { tls } = await security({
      ...on,
      'zookeeper.ssl.keystore.location': 'DIR/trust.p12',
      'zookeeper.ssl.keystore.password': 'p',
      'zookeeper.ssl.truststore.location': 'DIR/trust.p12',
      'zookeeper.ssl.truststore.password': 'changeit',
      'zookeeper.ssl.enabled.protocols': 'TLSv1.3,TLSv1.2',
      'zookeeper.ssl.endpoint.identification.algorithm': '',
      'zookeeper.ssl.cipher.suites':
        'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_RSA_WITH_AES_256_CBC_SHA,' +
        'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,TLS_AES_128_GCM_SHA256',
    });
    expect(tls).toEqual({
      pfx: stored('java'),
      passphrase: 'p',
      ca: pem,
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.3',
      verifyPeer: true,
      serverName: '',
      ciphers: 'ECDHE-RSA-AES128-GCM-SHA256:AES256-SHA:ECDHE-ECDSA-CHACHA20-POLY1305:TLS_AES_128_GCM_SHA256',
    });
  });

  it.each([
    [{ 'zookeeper.ssl.truststore.location': 'DIR/store.jks' }, /only Java reads a JKS store; keytool -importkeystore/],
    [
      { 'zookeeper.ssl.keystore.location': 'DIR/store' },
      /its name does not tell what it is: set zookeeper.ssl.keystore.type/,
    ],
    [
      { 'zookeeper.ssl.keystore.location': 'DIR/store', 'zookeeper.ssl.keystore.type': 'BCFKS' },
      /type=BCFKS: PEM and PKCS12/,
    ],
    [{ 'zookeeper.ssl.keystore.location': 'DIR/ca.pem' }, /ca.pem: a private key and its certificates/],
    [{ 'zookeeper.ssl.truststore.location': 'DIR/none.pem' }, /none.pem cannot be read: ENOENT/],
    [
      { 'zookeeper.ssl.truststore.location': 'DIR/store.jks', 'zookeeper.ssl.truststore.type': 'PEM' },
      /certificates of authorities, as PEM/,
    ],
    [{ 'zookeeper.ssl.truststore.location': 'DIR/trust.p12' }, /trust.p12: the password is not that of the file/],
    [
      { 'zookeeper.ssl.protocol': 'SSLv3' },
      /zookeeper.ssl.protocol=SSLv3: TLSv1, TLSv1.1, TLSv1.2, TLSv1.3 are accepted/,
    ],
    [{ 'zookeeper.set.acl': 'true' }, /nothing says who this broker is to ZooKeeper/],
  ])('refuses %o', async (properties, message) => {
    await expect(security({ ...on, ...properties })).rejects.toThrow(message);
  });
});
