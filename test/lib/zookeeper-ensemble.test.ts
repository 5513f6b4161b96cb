import { Size } from 'cdk8s';
import { describe, expect, it } from 'vitest';
import {
  Storage,
  ZooKeeperAuthentication,
  ZooKeeperEnsemble,
  type ZooKeeperEnsembleProps,
  ZooKeeperRef,
} from '../../lib';
import { disk } from './charts';
import { find, makeChart, type Manifest, messageOf, synth } from './manifests';

function ensemble(props: Partial<ZooKeeperEnsembleProps> = {}): Manifest[] {
  return synth((chart) => new ZooKeeperEnsemble(chart, 'zookeeper', { namespace: 'data', storage: disk, ...props }));
}

function environment(manifests: readonly Manifest[]): Record<string, string | undefined> {
  const { env = [] } = find(manifests, 'StatefulSet').spec.template.spec.containers[0];
  return Object.fromEntries(env.map(({ name, value }) => [name, value]));
}

describe('ZooKeeperEnsemble', () => {
  it('exposes every server in its connect string, with a chroot or without', () => {
    makeChart((chart) => {
      const zookeeper = new ZooKeeperEnsemble(chart, 'zookeeper', { namespace: 'data', storage: disk });
      const servers = [0, 1, 2].map((ordinal) => `zookeeper-${ordinal}.zookeeper-headless.data.svc.cluster.local:2181`);
      expect(zookeeper.connectString).toBe(servers.join(','));
      expect(zookeeper.withChroot('/kafka').connectString).toBe(`${servers.join(',')}/kafka`);
      expect(zookeeper.serviceAddress).toBe('zookeeper.data.svc.cluster.local:2181');
      expect(messageOf(() => zookeeper.withChroot('kafka'))).toBe(
        'test/zookeeper: withChroot: "kafka" is refused; accepted: a znode path such as /kafka',
      );
    });
  });

  it('gives the entrypoint what it makes zoo.cfg from', () => {
    expect(environment(ensemble())).toMatchObject({
      ZOO_SERVERS: [1, 2, 3]
        .map((id) => `server.${id}=zookeeper-${id - 1}.zookeeper-headless.data.svc.cluster.local:2888:3888;2181`)
        .join(' '),
      ZOO_STANDALONE_ENABLED: 'false',
      ZOO_AUTOPURGE_PURGEINTERVAL: '1',
      ZOO_4LW_COMMANDS_WHITELIST: 'ruok,srvr,stat,stats,mntr,cons,conf',
      ZOO_CFG_EXTRA: 'quorumListenOnAllIPs=true',
      ZK_SERVER_HEAP: '512',
    });
    expect(environment(ensemble({ replicas: 1 })).ZOO_STANDALONE_ENABLED).toBe('true');
  });

  it('keeps data and transaction log on the one claim', () => {
    const env = environment(ensemble());
    const { volumeMounts } = find(ensemble(), 'StatefulSet').spec.template.spec.containers[0];
    const mount = volumeMounts?.find(({ name }) => name === 'data')?.mountPath;
    expect(env.ZOO_DATA_DIR).toBe(`${mount}/data`);
    expect(env.ZOO_DATA_LOG_DIR).toBe(`${mount}/log`);
  });

  it('asks with printf, as the reset after an unread newline loses the answer', () => {
    const { startupProbe, readinessProbe, livenessProbe } = find(ensemble(), 'StatefulSet').spec.template.spec
      .containers[0];
    for (const probe of [startupProbe, readinessProbe, livenessProbe]) {
      expect(probe?.exec?.command.join(' ')).toMatch(/printf (ruok|srvr) \| nc -w 2 127\.0\.0\.1 2181/);
    }
    expect(readinessProbe?.exec?.command.join(' ')).toContain('Mode: ');
  });

  it('takes a login from a Secret, and refuses who has none', () => {
    const manifests = ensemble({
      authentication: ZooKeeperAuthentication.sasl({ secretName: 'login', usernameKey: 'user' }),
    });
    expect(environment(manifests).ZOO_CFG_EXTRA?.split(' ')).toEqual([
      'quorumListenOnAllIPs=true',
      'authProvider.sasl=org.apache.zookeeper.server.auth.SASLAuthenticationProvider',
      'enforce.auth.enabled=true',
      'enforce.auth.schemes=sasl',
    ]);
    expect(find(manifests, 'StatefulSet').spec.template.spec.volumes).toContainEqual({
      name: 'zookeeper-login',
      secret: {
        secretName: 'login',
        defaultMode: 0o440,
        items: [
          { key: 'user', path: 'username' },
          { key: 'password', path: 'password' },
        ],
      },
    });
  });

  it.each<[string, Partial<ZooKeeperEnsembleProps>, string]>([
    [
      'an even number of servers',
      { replicas: 4 },
      'replicas: 4 is refused; accepted: 1, 3, 5 or 7 (an even number survives no more failures than one less)',
    ],
    [
      'a heap that fills the container',
      { heap: Size.gibibytes(1) },
      'heap: "1Gi" is refused; accepted: whole mebibytes, at most 80 % of the memory limit 1Gi (the JVM needs memory beside its heap)',
    ],
    [
      'an image that is not pinned',
      { image: 'zookeeper' },
      'image: "zookeeper" is refused; accepted: an image with a tag other than latest, or with a digest',
    ],
    [
      'the newest image',
      { image: 'registry.example:5000/zookeeper:latest' },
      'image: "registry.example:5000/zookeeper:latest" is refused; accepted: an image with a tag other than latest, or with a digest',
    ],
    ['two volumes', { storage: Storage.jbod(disk, disk) }, 'storage: "2 volumes" is refused; accepted: one volume'],
    [
      'a namespace that is none',
      { namespace: 'Data' },
      'namespace: "Data" is refused; accepted: up to 63 of a-z, 0-9 and -, no - first or last',
    ],
  ])('refuses %s', (_, props, message) => {
    expect(messageOf(() => ensemble(props))).toBe(`test/zookeeper: ${message}`);
  });
});

describe('ZooKeeperRef', () => {
  it.each(['zk:2181', 'zk1:2181,zk2:2181/kafka', 'zk', '[fd00::1]:2181/a/b', '10.0.0.1:2181'])('takes %s', (text) => {
    expect(ZooKeeperRef.at(text).connectString).toBe(text);
  });

  it.each([
    '',
    'zk:2181/',
    '/kafka',
    'zk:2181,/kafka',
    'zk:2181/a//b',
    'http://zk:2181',
    'zk: 2181',
    'zk:218100',
    'zk:65536',
    'zk:0',
    "zk:2181/it's",
    'zk:2181/$(x)',
  ])('refuses %j', (text) => {
    expect(messageOf(() => ZooKeeperRef.at(text))).toBe(
      `ZooKeeperRef.at: ${JSON.stringify(text)} is refused; accepted: HOST:PORT with a port of 1 to 65535, several with commas, with /CHROOT behind the last or without`,
    );
  });
});
