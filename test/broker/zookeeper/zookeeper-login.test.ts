import { describe, expect, it } from 'vitest';
import { clientLogin, serverUsers, type JaasSource } from '../../../broker/src/zookeeper/zookeeper-login';

const digest = 'org.apache.zookeeper.server.auth.DigestLoginModule required';

function source(content: string, properties: Readonly<Record<string, string>> = {}): JaasSource {
  return { file: '/jaas.conf', content, systemProperties: new Map(Object.entries(properties)) };
}

describe('the login to ZooKeeper', () => {
  const client = `Client { ${digest} username="kafka" password="secret"; };\n`;

  it('is the section Client, or the one that zookeeper.sasl.clientconfig names', () => {
    expect(clientLogin(source(client))).toEqual({ username: 'kafka', password: 'secret' });
    expect(clientLogin(source(client, { 'zookeeper.sasl.clientconfig': 'Other' }))).toBeUndefined();
    const other = client.replace('Client', 'Other').replace('kafka', 'other');
    expect(clientLogin(source(client + other, { 'zookeeper.sasl.clientconfig': 'Other' }))?.username).toBe('other');
    expect(clientLogin(source('KafkaServer { x required; };'))).toBeUndefined();
  });

  it.each([
    ['Client {', {}, '/jaas.conf is not a JAAS configuration: line 1: the file ends'],
    [client, { 'zookeeper.sasl.client': 'false' }, 'zookeeper.sasl.client=false'],
    [`Client { ${digest} username="kafka"; };`, {}, 'needs the options username and password'],
    [
      'Client { com.sun.security.auth.module.Krb5LoginModule required; };',
      {},
      'has com.sun.security.auth.module.Krb5LoginModule: org.apache.zookeeper.server.auth.DigestLoginModule is accepted',
    ],
    ['Client {};', {}, 'has no login module'],
  ])('that cannot be used is refused: %s', (content, properties, message) => {
    expect(() => clientLogin(source(content, properties))).toThrow(message);
  });

  it('is checked by the section Server', () => {
    const users = serverUsers(source(`Server { ${digest} user_kafka="a" user_super="b" debug=true; };`));
    expect(users).toEqual(
      new Map([
        ['kafka', 'a'],
        ['super', 'b'],
      ]),
    );
    expect(serverUsers(source(client))).toBeUndefined();
    expect(() => serverUsers(source(`Server { ${digest}; };`))).toThrow('user_NAME="PASSWORD"');
  });
});
