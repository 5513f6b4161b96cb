import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Perms } from '../../../broker/src/zookeeper/requests';
import { PreferredReplicaElectionZNode, ReassignPartitionsZNode } from '../../../broker/src/zookeeper/znodes/admin';
import { BrokerIdZNode } from '../../../broker/src/zookeeper/znodes/broker-id';
import { ClusterIdZNode } from '../../../broker/src/zookeeper/znodes/cluster-id';
import { ConfigChangeZNode, ConfigEntityZNode } from '../../../broker/src/zookeeper/znodes/config-entity';
import { ControllerEpochZNode, ControllerZNode } from '../../../broker/src/zookeeper/znodes/controller';
import { FeatureZNode } from '../../../broker/src/zookeeper/znodes/feature';
import { defaultAcls, persistentZkPaths } from '../../../broker/src/zookeeper/znodes/kafka-paths';
import {
  IsrChangeNotificationZNode,
  LogDirEventNotificationZNode,
} from '../../../broker/src/zookeeper/znodes/notifications';
import { TopicPartitionStateZNode } from '../../../broker/src/zookeeper/znodes/partition-state';
import { ProducerIdBlockZNode } from '../../../broker/src/zookeeper/znodes/producer-id-block';
import { TopicZNode } from '../../../broker/src/zookeeper/znodes/topic';
import { ZnodeError } from '../../../broker/src/zookeeper/znodes/znode-error';

interface DumpedZnode {
  readonly path: string;
  readonly data: string | null;
}

const dumps = ['znodes-3.9.txt', 'znodes-3.9-reassigning.txt', 'znodes-3.9-single.txt'];

function dumped(name: string): DumpedZnode[] {
  return readFileSync(join(__dirname, '../../fixtures', name), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as DumpedZnode);
}

/** Reads and writes again, by the path; undefined when this znode is not one of ours. */
function again(path: string, data: Buffer): Buffer | undefined {
  const [, a, b, c, d, e] = path.split('/');
  if (a === 'brokers' && b === 'ids') return BrokerIdZNode.encode(BrokerIdZNode.decode(Number(c), data));
  if (a === 'brokers' && b === 'topics' && e === undefined) return TopicZNode.encode(TopicZNode.decode(c!, data));
  if (path.endsWith('/state')) {
    return TopicPartitionStateZNode.encode(
      TopicPartitionStateZNode.decode({ topic: c!, partition: Number(e) }, data, 0),
    );
  }
  if (path === '/cluster/id') return ClusterIdZNode.encode(ClusterIdZNode.decode(data));
  if (path === '/controller') {
    const { timestamp } = JSON.parse(data.toString()) as { timestamp: string };
    return ControllerZNode.encode(ControllerZNode.decode(data).brokerId, Number(timestamp));
  }
  if (path === '/controller_epoch') return ControllerEpochZNode.encode(ControllerEpochZNode.decode(data));
  if (path === '/feature') return FeatureZNode.encode(FeatureZNode.decode(data));
  if (path === '/latest_producer_id_block') return ProducerIdBlockZNode.encode(ProducerIdBlockZNode.decode(data));
  if (a === 'config' && b === 'changes') return ConfigChangeZNode.encode(ConfigChangeZNode.decode(c!, data));
  if (a === 'config') return ConfigEntityZNode.encode(ConfigEntityZNode.decode(path, data));
  if (a === 'admin' && b === 'reassign_partitions') {
    return ReassignPartitionsZNode.encode(ReassignPartitionsZNode.decode(data));
  }
  void d;
  return undefined;
}

describe('znodes of Apache Kafka 3.9', () => {
  it.each(dumps)('are read, and written again byte for byte: %s', (name) => {
    const skipped: string[] = [];
    let compared = 0;
    for (const { path, data } of dumped(name)) {
      if (data === null || data === '') continue;
      const written = again(path, Buffer.from(data));
      if (written === undefined) skipped.push(path);
      else {
        expect(written.toString(), path).toBe(data);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(30);
    expect(skipped.filter((path) => !path.startsWith('/kafka-acl'))).toEqual([]);
  });

  it.each(dumps)('without data are those that every broker creates, and their parents: %s', (name) => {
    const there = new Set(dumped(name).map(({ path }) => path));
    expect(persistentZkPaths.filter((path) => !there.has(path))).toEqual([]);
  });

  it('keep many partitions in the order of the hash map of Scala', () => {
    const partitions = new Map(
      Array.from({ length: 50 }, (_, i) => [i, { replicas: [1], addingReplicas: [], removingReplicas: [] }] as const),
    );
    const written = TopicZNode.encode({ topicId: null, partitions }).toString();
    // As TopicZNode.encode of Kafka 3.9.2 gives them.
    expect([...written.matchAll(/"(\d+)":/g)].map((match) => match[1]).join(' ')).toBe(
      '44 45 46 47 48 49 10 11 12 13 14 15 16 17 18 19 0 1 2 3 4 5 6 7 8 9 20 21 22 23 24 25 26 27 28 29 30 31 32 33 ' +
        '34 35 36 37 38 39 40 41 42 43',
    );
  });

  it('keep configuration in the order of java.util.Properties', () => {
    // As ConfigEntityZNode.encode of Kafka 3.9.2 gives it.
    const order =
      'compression.type file.delete.delay.ms max.compaction.lag.ms leader.replication.throttled.replicas ' +
      'max.message.bytes min.compaction.lag.ms message.timestamp.type min.insync.replicas preallocate ' +
      'segment.jitter.ms index.interval.bytes min.cleanable.dirty.ratio unclean.leader.election.enable ' +
      'delete.retention.ms retention.bytes cleanup.policy flush.ms follower.replication.throttled.replicas ' +
      'retention.ms segment.bytes segment.ms flush.messages segment.index.bytes';
    const config = new Map(
      order
        .split(' ')
        .map((key) => [key, 'v'] as const)
        .toSorted(),
    );
    const written = ConfigEntityZNode.encode(config).toString();
    expect([...written.matchAll(/"([^"]+)":"v"/g)].map((match) => match[1]).join(' ')).toBe(order);
  });
});

describe('BrokerIdZNode', () => {
  const broker = {
    id: 7,
    endPoints: [
      { host: 'h', port: 9093, listenerName: 'CLIENT', securityProtocol: 'SSL' },
      { host: '::1', port: 9092, listenerName: 'INTERNAL', securityProtocol: 'PLAINTEXT' },
    ],
    rack: null,
    features: new Map([['metadata.version', { minVersion: 1, maxVersion: 20 }]]),
    jmxPort: 9999,
    timestampMs: 5,
  };

  it('gives old clients the first plaintext listener, and no rack when there is none', () => {
    const bytes = BrokerIdZNode.encode(broker);
    expect(bytes.toString()).toBe(
      '{"features":{"metadata.version":{"min_version":1,"max_version":20}},' +
        '"listener_security_protocol_map":{"CLIENT":"SSL","INTERNAL":"PLAINTEXT"},' +
        '"endpoints":["CLIENT://h:9093","INTERNAL://[::1]:9092"],' +
        '"jmx_port":9999,"port":9092,"host":"::1","version":5,"timestamp":"5"}',
    );
    expect(BrokerIdZNode.decode(7, bytes)).toEqual(broker);
  });

  it('has no host for old clients when nothing is plaintext', () => {
    const bytes = BrokerIdZNode.encode({ ...broker, endPoints: [broker.endPoints[0]!] });
    expect(bytes.toString()).toContain('"port":-1,"host":null');
  });

  it('reads versions 1 to 4', () => {
    const read = (json: string) => BrokerIdZNode.decode(1, Buffer.from(json));
    expect(read('{"version":1,"host":"h","port":9092,"jmx_port":-1,"timestamp":"2"}').endPoints).toEqual([
      { host: 'h', port: 9092, listenerName: 'PLAINTEXT', securityProtocol: 'PLAINTEXT' },
    ]);
    const endpoints = '"endpoints":["PLAINTEXT://h:1","SSL://h:2"]';
    expect(read(`{"version":2,"jmx_port":-1,${endpoints}}`).endPoints.map((e) => e.securityProtocol)).toEqual([
      'PLAINTEXT',
      'SSL',
    ]);
    expect(read(`{"version":3,"jmx_port":-1,"rack":"r",${endpoints}}`).rack).toBe('r');
    const map = '"listener_security_protocol_map":{"X":"SASL_SSL"}';
    const v4 = read(`{"version":4,"jmx_port":-1,${map},"endpoints":["X://h:1"],"future":[1]}`);
    expect(v4.endPoints[0]!.securityProtocol).toBe('SASL_SSL');
  });
});

describe('a bad znode', () => {
  it.each<[string, () => unknown, string]>([
    ['no data', () => ClusterIdZNode.decode(null), "znode /cluster/id holds '': it is not JSON"],
    ['not JSON', () => ControllerZNode.decode(Buffer.from('{')), "znode /controller holds '{': it is not JSON"],
    ['an array', () => ControllerZNode.decode(Buffer.from('[]')), 'the whole is []: an object is accepted'],
    ['a missing field', () => ControllerZNode.decode(Buffer.from('{}')), "'brokerid' is missing: it must be there"],
    [
      'a field of the prototype',
      () => FeatureZNode.decode(Buffer.from('{"version":2,"status":1,"features":"toString"}')),
      `'features' is "toString": an object is accepted`,
    ],
    [
      'a string for a number',
      () => ControllerZNode.decode(Buffer.from('{"brokerid":"1"}')),
      `'brokerid' is "1": an integer from -2147483648 to 2147483647 is accepted`,
    ],
    [
      'half a broker',
      () => TopicZNode.decode('t', Buffer.from('{"partitions":{"0":[1,2.5]}}')),
      'znode /brokers/topics/t holds \'{"partitions":{"0":[1,2.5]}}\': \'partitions.0[1]\' is 2.5',
    ],
    [
      'a partition that is no number',
      () => TopicZNode.decode('t', Buffer.from('{"partitions":{"x":[1]}}')),
      'a partition number is accepted as its name',
    ],
    ['a topic id', () => TopicZNode.decode('t', Buffer.from('{"topic_id":"x"}')), '22 characters'],
    ['an epoch', () => ControllerEpochZNode.decode(Buffer.from('3000000000')), 'a 32-bit decimal number is accepted'],
    [
      'an unknown listener',
      () =>
        BrokerIdZNode.decode(
          1,
          Buffer.from(
            '{"version":5,"jmx_port":1,"listener_security_protocol_map":{"A":"SSL"},"endpoints":["B://h:1"]}',
          ),
        ),
      '\'endpoints[0]\' is "B://h:1": a listener of listener_security_protocol_map (A) is accepted',
    ],
    [
      'an entity of no known type',
      () => ConfigChangeZNode.decode('config_change_0000000001', Buffer.from('{"version":2,"entity_path":"x/y"}')),
      'znode /config/changes/config_change_0000000001',
    ],
    [
      'a configuration value that is no string',
      () => ConfigEntityZNode.decode('/config/topics/t', Buffer.from('{"version":1,"config":{"a":1}}')),
      "'config.a' is 1: a string is accepted",
    ],
    [
      'a block that ends before it begins',
      () => ProducerIdBlockZNode.decode(Buffer.from('{"broker":1,"block_start":"5","block_end":"4"}')),
      '\'block_end\' is "4"',
    ],
    [
      'a block beyond 2^53',
      () => ProducerIdBlockZNode.decode(Buffer.from('{"broker":1,"block_start":"9007199254740993","block_end":"4"}')),
      'below 2^53',
    ],
  ])('(%s) is refused, with its path, its data and what is accepted', (_, decode, message) => {
    expect(decode).toThrow(ZnodeError);
    expect(decode).toThrow(message);
  });
});

describe('other znodes', () => {
  it('read what older Kafkas wrote', () => {
    const old = TopicZNode.decode('t', Buffer.from('{"version":1,"partitions":{"0":[1,2]}}'));
    expect(old.topicId).toBeNull();
    expect(old.partitions.get(0)).toEqual({ replicas: [1, 2], addingReplicas: [], removingReplicas: [] });
    const change = '{"version":1,"entity_type":"topics","entity_name":"t"}';
    expect(ConfigChangeZNode.decode('c', Buffer.from(change))).toEqual({ type: 'topics', sanitizedName: 't' });
    const feature = '{"version":1,"status":1,"features":{"f":{"min_version_level":1,"max_version_level":3}}}';
    expect(FeatureZNode.decode(Buffer.from(feature)).features.get('f')).toBe(3);
  });

  it('of a recovering leader stand where Scala puts the extra field', () => {
    const state = { leader: 1, leaderEpoch: 2, isr: [1], leaderRecoveryState: 1, controllerEpoch: 3 } as const;
    const bytes = TopicPartitionStateZNode.encode(state);
    expect(bytes.toString()).toBe(
      '{"controller_epoch":3,"leader":1,"version":1,"leader_recovery_state":1,"leader_epoch":2,"isr":[1]}',
    );
    expect(TopicPartitionStateZNode.decode({ topic: 't', partition: 0 }, bytes, 4)).toEqual({
      ...state,
      partitionEpoch: 4,
    });
  });

  it('that notify hold what the controller reads', () => {
    const partitions = [{ topic: 't', partition: 3 }];
    const isr = IsrChangeNotificationZNode.encode(partitions);
    expect(isr.toString()).toBe('{"version":1,"partitions":[{"topic":"t","partition":3}]}');
    expect(IsrChangeNotificationZNode.decode('isr_change_0000000000', isr)).toEqual(partitions);
    const logDir = LogDirEventNotificationZNode.encode(4);
    expect(logDir.toString()).toBe('{"version":1,"broker":4,"event":1}');
    expect(LogDirEventNotificationZNode.decode('log_dir_event_0000000000', logDir)).toBe(4);
    const elections = PreferredReplicaElectionZNode.encode(partitions);
    expect(PreferredReplicaElectionZNode.decode(elections)).toEqual(partitions);
    const reassignments = [{ topic: 't', partition: 3, replicas: [1, 2] }];
    const reassign = ReassignPartitionsZNode.encode(reassignments);
    expect(reassign.toString()).toBe('{"version":1,"partitions":[{"topic":"t","partition":3,"replicas":[1,2]}]}');
    expect(ReassignPartitionsZNode.decode(reassign)).toEqual(reassignments);
  });

  it('a configuration without data is empty', () => {
    expect(ConfigEntityZNode.decode('/config/users/a', null)).toEqual(new Map());
  });
});

describe('defaultAcls', () => {
  it('open everything unless zookeeper.set.acl is set, and then hide what may hold credentials', () => {
    expect(defaultAcls(false, '/config/users')).toEqual([{ perms: Perms.all, id: { scheme: 'world', id: 'anyone' } }]);
    expect(defaultAcls(true, '/consumers')).toEqual(defaultAcls(false, '/x'));
    expect(defaultAcls(true, '/brokers/topics')).toEqual([
      { perms: Perms.all, id: { scheme: 'auth', id: '' } },
      { perms: Perms.read, id: { scheme: 'world', id: 'anyone' } },
    ]);
    expect(defaultAcls(true, '/config/users/alice')).toEqual([{ perms: Perms.all, id: { scheme: 'auth', id: '' } }]);
  });
});
