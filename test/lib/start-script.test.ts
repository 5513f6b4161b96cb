import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  KafkaCluster,
  type KafkaClusterProps,
  Listener,
  Rack,
  ZooKeeperAuthentication,
  ZooKeeperEnsemble,
  ZooKeeperRef,
} from '../../lib';
import { apache, disk, odradek, zookeeperRef } from './charts';
import { find, synth } from './manifests';

let directory = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'odradek-start-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

function startScript(props: Partial<KafkaClusterProps>): string {
  const manifests = synth(
    (chart) =>
      new KafkaCluster(chart, 'kafka', {
        namespace: 'data',
        image: odradek,
        zookeeper: zookeeperRef,
        storage: disk,
        ...props,
      }),
  );
  return find(manifests, 'ConfigMap').data['start.sh'];
}

/** A stand-in on the PATH, or at a path of its own, that prints what it was started with. */
function standIn(file: string): void {
  writeFileSync(file, '#!/bin/bash\nprintf "%s\\n" "${0##*/}" "$@" "KAFKA_OPTS=${KAFKA_OPTS:-}"\n');
  chmodSync(file, 0o755);
}

/** Runs a start script as a pod would, its absolute paths moved into the test's directory. */
function run(script: string, env: Record<string, string>): string[] {
  for (const path of ['/run/kafka', '/etc/zookeeper-login', '/opt/kafka/bin']) {
    mkdirSync(join(directory, path), { recursive: true });
  }
  standIn(join(directory, 'odradek'));
  standIn(join(directory, 'opt/kafka/bin/kafka-server-start.sh'));
  const moved = script.replace(/\/(run\/kafka|etc\/zookeeper-login|opt\/kafka\/bin)/g, `${directory}/$1`);
  const output = execFileSync('bash', ['-c', moved], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: `${directory}:/usr/bin:/bin`, ...env },
  });
  return output.trimEnd().split('\n');
}

function overrides(lines: readonly string[]): string[] {
  return lines.filter((_, index) => lines[index - 1] === '--override');
}

describe('the start script', () => {
  it('turns the pod’s name into broker.id and advertised.listeners, and hands over to our broker', () => {
    expect(run(startScript({}), { POD_NAME: 'kafka-2' })).toEqual([
      'odradek',
      'broker',
      '/etc/kafka/server.properties',
      '--wait-for-zookeeper',
      '--http',
      ':9404',
      '--override',
      'broker.id=2',
      '--override',
      'advertised.listeners=INTERNAL://kafka-2.kafka-headless.data.svc.cluster.local:9092',
      'KAFKA_OPTS=',
    ]);
  });

  it('knows what each pod advertises outside, from which id ids start, and the racks', () => {
    const script = startScript({
      name: 'my-kafka-0',
      brokers: 12,
      firstBrokerId: 100,
      rack: Rack.list('a', 'b', 'c'),
      listeners: [
        Listener.internal(),
        Listener.nodePort({ host: 'node', firstNodePort: 30090 }),
        Listener.loadBalancer({ name: 'PUBLIC', port: 9095, host: 'kafka-{ordinal}.example.com' }),
      ],
    });
    expect(overrides(run(script, { POD_NAME: 'my-kafka-0-11' }))).toEqual([
      'broker.id=111',
      'advertised.listeners=INTERNAL://my-kafka-0-11.my-kafka-0-headless.data.svc.cluster.local:9092,' +
        'EXTERNAL://node:30101,PUBLIC://kafka-11.example.com:9095',
      'broker.rack=c',
    ]);
  });

  it('takes the rack of a label, and none where there is no label', () => {
    const script = startScript({ rack: Rack.podLabel('topology.kubernetes.io/zone') });
    expect(overrides(run(script, { POD_NAME: 'kafka-0', RACK: 'zone-1' }))).toContain('broker.rack=zone-1');
    expect(overrides(run(script, { POD_NAME: 'kafka-0', RACK: '' }))).toHaveLength(2);
  });

  it('takes addresses that were discovered', () => {
    mkdirSync(join(directory, 'run/kafka'), { recursive: true });
    writeFileSync(join(directory, 'run/kafka/EXTERNAL'), '203.0.113.7:31234');
    const script = startScript({ listeners: [Listener.internal(), Listener.nodePort({ discover: true })] });
    expect(overrides(run(script, { POD_NAME: 'kafka-1' }))[1]).toMatch(/,EXTERNAL:\/\/203\.0\.113\.7:31234$/);
  });

  it('stops where an address that was to be discovered is not there', () => {
    const script = startScript({ listeners: [Listener.internal(), Listener.nodePort({ discover: true })] });
    expect(() => run(script, { POD_NAME: 'kafka-1' })).toThrow(/No such file/);
  });

  it.each([
    ['Apache’s', apache, 'kafka-server-start.sh'],
    ['our', odradek, 'odradek'],
  ])('writes %s login to ZooKeeper from the Secret’s files, for this user alone', (_, image, program) => {
    const script = startScript({
      image,
      zookeeper: ZooKeeperRef.at('zk:2181', ZooKeeperAuthentication.sasl({ secretName: 'zk' })),
    });
    const withoutWaiting = script.replace(/^until reachable[^]*?^done\n/m, '');
    expect(withoutWaiting === script).toBe(image.isOdradek);
    mkdirSync(join(directory, 'etc/zookeeper-login'), { recursive: true });
    writeFileSync(join(directory, 'etc/zookeeper-login/username'), 'kafka');
    writeFileSync(join(directory, 'etc/zookeeper-login/password'), 'a"b\\c $d `e`');
    const file = `${directory}/run/kafka/zookeeper-jaas.conf`;
    const lines = run(withoutWaiting, { POD_NAME: 'kafka-0', KAFKA_OPTS: '-Dx=y' });
    expect(lines[0]).toBe(program);
    expect(lines.at(-1)).toBe(`KAFKA_OPTS=-Dx=y -Djava.security.auth.login.config=${file}`);
    expect(readFileSync(file, 'utf8')).toBe(
      'Client {\n' +
        '  org.apache.zookeeper.server.auth.DigestLoginModule required\n' +
        '  username="kafka"\n' +
        '  password="a\\"b\\\\c $d `e`";\n' +
        '};\n',
    );
    expect(execFileSync('stat', ['-c', '%a', file], { encoding: 'utf8' }).trim()).toBe('600');
  });
});

describe('ZooKeeper’s start script', () => {
  function zookeeperScript(authentication = ZooKeeperAuthentication.anonymous()): string {
    const manifests = synth((chart) => new ZooKeeperEnsemble(chart, 'zookeeper', { storage: disk, authentication }));
    return find(manifests, 'StatefulSet').spec.template.spec.containers[0].command?.[2] ?? '';
  }

  function start(script: string, podName: string): string[] {
    mkdirSync(join(directory, 'conf'), { recursive: true });
    writeFileSync(join(directory, 'conf/logback.xml'), '<configuration/>');
    standIn(join(directory, 'docker-entrypoint.sh'));
    const moved = script.replace(/ \/(conf\/\.|docker-entrypoint\.sh)/g, ` ${directory}/$1`);
    const output = execFileSync('bash', ['-c', moved.replaceAll('/etc/zookeeper-login', `${directory}/login`)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: '/usr/bin:/bin',
        POD_NAME: podName,
        ZOO_DATA_DIR: join(directory, 'volume/data'),
        ZOO_DATA_LOG_DIR: join(directory, 'volume/log'),
        ZOO_CONF_DIR: join(directory, 'run/conf'),
        ZOO_LOG_DIR: join(directory, 'run/logs'),
      },
    });
    return output.trimEnd().split('\n');
  }

  const myid = (): string => readFileSync(join(directory, 'volume/data/myid'), 'utf8');

  it('gives each server its id, keeps the image’s conf, and hands over to the image’s entrypoint', () => {
    expect(start(zookeeperScript(), 'zookeeper-2').slice(0, 3)).toEqual([
      'docker-entrypoint.sh',
      'zkServer.sh',
      'start-foreground',
    ]);
    expect(myid()).toBe('3\n');
    expect(existsSync(join(directory, 'run/conf/logback.xml'))).toBe(true);
    expect(existsSync(join(directory, 'volume/log'))).toBe(true);
  });

  it('corrects an id that is not the pod’s, and lets the entrypoint write zoo.cfg anew', () => {
    start(zookeeperScript(), 'zookeeper-0');
    writeFileSync(join(directory, 'run/conf/zoo.cfg'), 'old');
    writeFileSync(join(directory, 'run/conf/zoo.cfg.dynamic.100000000'), 'old');
    start(zookeeperScript(), 'zookeeper-1');
    expect(myid()).toBe('2\n');
    expect(existsSync(join(directory, 'run/conf/zoo.cfg'))).toBe(false);
    expect(existsSync(join(directory, 'run/conf/zoo.cfg.dynamic.100000000'))).toBe(false);
  });

  it('writes the user that may log in', () => {
    mkdirSync(join(directory, 'login'));
    writeFileSync(join(directory, 'login/username'), 'kafka');
    writeFileSync(join(directory, 'login/password'), 'p"w');
    start(zookeeperScript(ZooKeeperAuthentication.sasl({ secretName: 'login' })), 'zookeeper-0');
    expect(readFileSync(join(directory, 'run/conf/server-jaas.conf'), 'utf8')).toBe(
      'Server {\n' +
        '  org.apache.zookeeper.server.auth.DigestLoginModule required\n' +
        '  user_kafka="p\\"w";\n' +
        '};\n',
    );
  });
});
