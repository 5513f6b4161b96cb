import { describe, expect, it } from 'vitest';
import { BrokerConfig } from '../../broker/src/config';
import { kafkaClustersOf } from '../../lib/tool/kafka-manifests';
import { localProperties, localZooCfg } from '../../lib/tool/local-properties';
import { readManifests } from '../../lib/tool/manifest';
import path from 'node:path';

const places = { directory: '/data/kafka-0', zookeeperPort: 2182, ports: new Map([['INTERNAL', 9093]]) };

function replaced(
  properties: Readonly<Record<string, string>>,
  ports: Readonly<Record<string, number>>,
  { replicas = 1, ordinal = 0 } = {},
) {
  const kafka = { properties: new Map(Object.entries(properties)), firstBrokerId: 100, replicas };
  const local = localProperties(kafka, { ...places, ports: new Map(Object.entries(ports)) }, ordinal);
  expect(BrokerConfig.check(local.properties, new Map()).problems).toEqual([]);
  return local;
}

describe('the cluster of dist/bigdata.k8s.yaml', () => {
  const [kafka, ...others] = kafkaClustersOf(readManifests(path.join(__dirname, '../../dist/bigdata.k8s.yaml')));

  it('is found, with its ZooKeeper', () => {
    expect(others).toEqual([]);
    expect(kafka).toMatchObject({ name: 'kafka', namespace: 'bigdata', replicas: 3, firstBrokerId: 0 });
    expect(kafka!.zookeeper).toMatchObject({ title: 'StatefulSet bigdata/zookeeper', replicas: 3 });
  });

  it('keeps every key that has nothing to do with the place', () => {
    const { properties, replacements } = localProperties(kafka!, places);
    const keys = replacements.map(({ key }) => key);
    for (const [key, value] of kafka!.properties) if (!keys.includes(key)) expect(properties.get(key)).toBe(value);
    expect(keys.toSorted()).toEqual([
      'advertised.listeners',
      'broker.id',
      'listeners',
      'log.dirs',
      'zookeeper.connect',
    ]);
  });

  it('gives the one ZooKeeper server what the ensemble is told', () => {
    const zooCfg = localZooCfg(kafka!.zookeeper, { directory: '/data/zookeeper', zookeeperPort: 2182 });
    expect(Object.fromEntries(zooCfg)).toMatchObject({
      clientPort: '2182',
      clientPortAddress: '127.0.0.1',
      dataDir: '/data/zookeeper',
      tickTime: '2000',
      '4lw.commands.whitelist': 'ruok,srvr,stat,stats,mntr,cons,conf',
    });
  });
});

describe('localProperties', () => {
  it('keeps the chroot, the first id and several directories', () => {
    const { properties } = replaced(
      { 'zookeeper.connect': 'zk-0:2181,zk-1:2181/kafka', 'log.dirs': '/data-0/log, /data-1/log' },
      { PLAINTEXT: 9092 },
    );
    expect(properties.get('zookeeper.connect')).toBe('127.0.0.1:2182/kafka');
    expect(properties.get('broker.id')).toBe('100');
    expect(properties.get('log.dirs')).toBe('/data/kafka-0/data-0/log,/data/kafka-0/data-1/log');
  });

  it('counts the brokers from the first id', () => {
    const { properties } = replaced(
      { 'zookeeper.connect': 'zk:2181' },
      { PLAINTEXT: 9094 },
      { replicas: 3, ordinal: 2 },
    );
    expect(properties.get('broker.id')).toBe('102');
    expect(properties.get('listeners')).toBe('PLAINTEXT://127.0.0.1:9094');
  });

  it('has no more replicas than there are brokers', () => {
    const given = { 'zookeeper.connect': 'zk:2181', 'default.replication.factor': '3', 'min.insync.replicas': '2' };
    const ofTwo = replaced(given, { PLAINTEXT: 9092 }, { replicas: 2 }).properties;
    expect(ofTwo.get('default.replication.factor')).toBe('2');
    expect(ofTwo.get('min.insync.replicas')).toBe('2');
    const { replacements } = replaced(given, { PLAINTEXT: 9092 }, { replicas: 3 });
    expect(replacements.filter(({ key }) => /replica/.test(key))).toEqual([]);
  });

  it('also replaces defaults that one broker cannot have', () => {
    const { replacements } = replaced({ 'zookeeper.connect': 'zk:2181' }, { PLAINTEXT: 9092 });
    expect(replacements).toContainEqual({ key: 'offsets.topic.replication.factor', old: '3 (the default)', new: '1' });
    expect(replacements.map(({ key }) => key)).not.toContain('default.replication.factor');
  });

  it('opens encrypted listeners on the loopback address, and takes keys and logins out', () => {
    const { properties, replacements } = replaced(
      {
        'zookeeper.connect': 'zk:2181',
        listeners: 'INNER://:9092,OUTER://:9094',
        'listener.security.protocol.map': 'INNER:SSL,OUTER:SASL_SSL',
        'security.inter.broker.protocol': 'SSL',
        'ssl.keystore.location': '/etc/tls/kafka.p12',
        'ssl.keystore.password': '${file:/etc/tls/password}',
        'sasl.enabled.mechanisms': 'SCRAM-SHA-512',
        'zookeeper.set.acl': 'true',
        'zookeeper.ssl.client.enable': 'true',
      },
      { INNER: 19092, OUTER: 19094 },
    );
    expect(properties.get('listeners')).toBe('INNER://127.0.0.1:19092,OUTER://127.0.0.1:19094');
    expect(properties.get('listener.security.protocol.map')).toBe('INNER:PLAINTEXT,OUTER:PLAINTEXT');
    expect(properties.get('inter.broker.listener.name')).toBe('INNER');
    expect([...properties.keys()].filter((key) => /^(ssl|sasl|zookeeper\.(ssl|set))\./.test(key))).toEqual([]);
    expect(replacements).toContainEqual({ key: 'ssl.keystore.location', old: '/etc/tls/kafka.p12', new: undefined });
  });

  it('says what is wrong with listeners that no broker takes', () => {
    expect(() => replaced({ listeners: 'INNER//:9092' }, {})).toThrow(/listeners=INNER\/\/:9092: .*NAME:\/\/HOST:PORT/);
  });
});
