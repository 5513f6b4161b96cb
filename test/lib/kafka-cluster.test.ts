import { Duration, Size } from 'cdk8s';
import { Cpu } from 'cdk8s-plus-27';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseProperties } from '../../broker/src/config';
import {
  BrokerImage,
  KafkaCluster,
  type KafkaClusterProps,
  Listener,
  Rack,
  SecurityProtocol,
  Storage,
  ZooKeeperAuthentication,
  ZooKeeperEnsemble,
  ZooKeeperRef,
} from '../../lib';
import { apache, disk, odradek, zookeeperRef } from './charts';
import { find, makeChart, type Manifest, manifestsOf, messageOf, ofKind, synth } from './manifests';

const base: KafkaClusterProps = { namespace: 'data', image: odradek, zookeeper: zookeeperRef, storage: disk };

function cluster(props: Partial<KafkaClusterProps> = {}): Manifest[] {
  return synth((chart) => new KafkaCluster(chart, 'kafka', { ...base, ...props }));
}

function refused(props: Partial<KafkaClusterProps>): string {
  return messageOf(() => makeChart((chart) => new KafkaCluster(chart, 'kafka', { ...base, ...props })));
}

function propertiesOf(manifests: readonly Manifest[]): Map<string, string> {
  return parseProperties(find(manifests, 'ConfigMap', 'kafka-config').data['server.properties']);
}

function containerOf(manifests: readonly Manifest[]): Manifest['spec']['containers'][0] {
  return find(manifests, 'StatefulSet').spec.template.spec.containers[0];
}

let written = '';

beforeEach(() => {
  written = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written += String(text);
    return true;
  });
});

afterEach(() => {
  vi.restoreAllMocks();
});

describe('server.properties', () => {
  it('is the same for both images', () => {
    expect(propertiesOf(cluster())).toEqual(propertiesOf(cluster({ image: apache })));
  });

  it('has its areas in order and its keys by name, whatever the order of the props', () => {
    const one = cluster({
      config: { numPartitions: 6, backgroundThreads: 5, logRollHours: 24 },
      logRetention: Duration.days(1),
    });
    const other = cluster({
      logRetention: Duration.days(1),
      config: { logRollHours: 24, backgroundThreads: 5, numPartitions: 6 },
    });
    const text = find(one, 'ConfigMap').data['server.properties'];
    expect(find(other, 'ConfigMap').data['server.properties']).toBe(text);
    expect(text).toMatchSnapshot();
    for (const section of text.split('\n\n')) {
      const keys = section.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
      expect(keys).toEqual([...keys].sort());
    }
  });

  it('takes what the props say', () => {
    const file = propertiesOf(
      cluster({
        brokers: 5,
        replicationFactor: 4,
        minInsyncReplicas: 3,
        uncleanLeaderElection: true,
        logRetention: Duration.hours(2),
        logSegmentSize: Size.mebibytes(128),
        messageMaxSize: Size.mebibytes(8),
        storage: Storage.jbod(disk, disk, disk),
      }),
    );
    expect(Object.fromEntries(file)).toMatchObject({
      'default.replication.factor': '4',
      'offsets.topic.replication.factor': '4',
      'transaction.state.log.replication.factor': '4',
      'min.insync.replicas': '3',
      'transaction.state.log.min.isr': '3',
      'unclean.leader.election.enable': 'true',
      'log.retention.ms': '7200000',
      'log.segment.bytes': '134217728',
      'message.max.bytes': '8388608',
      'replica.fetch.max.bytes': '8388608',
      'log.dirs': '/var/lib/kafka/data/log,/var/lib/kafka/data-1/log,/var/lib/kafka/data-2/log',
    });
  });

  it('takes any key of Kafka in camelCase, and leaves out a default that would hide it', () => {
    const file = propertiesOf(cluster({ config: { logRetentionHours: 24, numIoThreads: 8, compressionType: 'zstd' } }));
    expect(Object.fromEntries(file)).toMatchObject({ 'log.retention.hours': '24', 'compression.type': 'zstd' });
    expect(file.has('log.retention.ms')).toBe(false);
  });

  it('defaults the factors to what a small cluster can do', () => {
    const file = propertiesOf(cluster({ brokers: 1 }));
    expect(file.get('default.replication.factor')).toBe('1');
    expect(file.get('min.insync.replicas')).toBe('1');
    const two = propertiesOf(cluster({ brokers: 2 }));
    expect(two.get('default.replication.factor')).toBe('2');
    expect(two.get('min.insync.replicas')).toBe('1');
  });
});

describe('refusals', () => {
  const atLeastOne = 'a whole number from 1 to';
  it.each<[string, Partial<KafkaClusterProps>, string]>([
    ['no broker', { brokers: 0 }, `test/kafka: brokers: 0 is refused; accepted: ${atLeastOne} 1000`],
    [
      'more copies than brokers',
      { replicationFactor: 5 },
      `test/kafka: replicationFactor: 5 is refused; accepted: ${atLeastOne} 3, the number of brokers`,
    ],
    [
      'more copies to acknowledge than there are',
      { replicationFactor: 2, minInsyncReplicas: 3 },
      `test/kafka: minInsyncReplicas: 3 is refused; accepted: ${atLeastOne} 2, the replication factor`,
    ],
    [
      'a value that Kafka refuses',
      { config: { numPartitions: 0 } },
      'test/kafka: config.numPartitions (num.partitions): "0" is refused; accepted: a 32-bit integer, 1 or more',
    ],
    [
      'a key that is none',
      { config: { numPartition: 3 } as object },
      'test/kafka: config: "numPartition" is refused; accepted: a known key; numPartitions is one',
    ],
    [
      'a key that a prop decides',
      { config: { minInsyncReplicas: 1 } },
      'test/kafka: config (min.insync.replicas): "1" is refused; accepted: the prop minInsyncReplicas, which decides it',
    ],
    [
      'a key that a prop has decided',
      { logRetention: Duration.days(1), config: { logRetentionMinutes: 5 } },
      'test/kafka: config (log.retention.minutes): "5" is refused; accepted: the prop logRetention, which decides it',
    ],
    [
      'keys that do not fit together',
      { config: { replicaFetchWaitMaxMs: 60_000 } },
      'test/kafka: server.properties: replica.fetch.wait.max.ms=60000: accepted is at most replica.socket.timeout.ms, which is 30000\n' +
        'test/kafka: server.properties: replica.fetch.wait.max.ms=60000: accepted is at most replica.lag.time.max.ms, which is 30000',
    ],
    [
      'what our broker cannot do yet',
      { config: { authorizerClassName: 'kafka.security.authorizer.AclAuthorizer' } },
      'test/kafka: config.authorizerClassName (authorizer.class.name): "kafka.security.authorizer.AclAuthorizer" is refused; accepted: with BrokerImage.odradek(), its default: not supported yet by this broker: without an authorizer everyone may do everything; leave it empty only where that is meant; BrokerImage.apache() takes it',
    ],
    [
      'a Java class that our broker cannot load',
      { config: { principalBuilderClass: 'com.example.Builder' } },
      'test/kafka: config.principalBuilderClass (principal.builder.class): "com.example.Builder" is refused; accepted: with BrokerImage.odradek(): com.example.Builder is a Java class, which this broker cannot load; accepted is org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder; BrokerImage.apache() takes it',
    ],
    [
      'a secret in a manifest',
      { image: apache, extraProperties: { 'listener.name.tls.ssl.keystore.password': 'hunter2' } },
      'test/kafka: extraProperties["listener.name.tls.ssl.keystore.password"]: "[hidden]" is refused; accepted: ${PROVIDER:PATH:KEY} of one of Kafka\'s config.providers, on a file that `secrets` mounts (a manifest holds no secret)',
    ],
    [
      'a listener that our broker cannot have yet',
      { listeners: [Listener.internal({ securityProtocol: SecurityProtocol.SASL_SSL })] },
      'test/kafka: listener INTERNAL: securityProtocol: "SASL_SSL" is refused; accepted: with BrokerImage.odradek(), PLAINTEXT; BrokerImage.apache() takes it',
    ],
    [
      'segments that do not fit the volume',
      { storage: Storage.persistent({ size: Size.gibibytes(1) }) },
      'test/kafka: logSegmentSize: 1073741824 is refused; accepted: less than the 1Gi of each volume',
    ],
    [
      'a message that no request can hold',
      { messageMaxSize: Size.mebibytes(100) },
      'test/kafka: messageMaxSize: 104857600 is refused; accepted: less than socket.request.max.bytes, 104857600, in which it must fit',
    ],
    [
      'a heap that fills the container',
      { image: apache, heap: Size.gibibytes(2) },
      'test/kafka: heap: "2Gi" is refused; accepted: whole mebibytes, at most 80 % of the memory limit 2Gi (the JVM needs memory beside its heap)',
    ],
    [
      'a request above its limit',
      { resources: { cpu: { request: Cpu.units(3), limit: Cpu.units(2) } } },
      'test/kafka: resources.cpu.request: "3" is refused; accepted: at most its limit, 2',
    ],
    [
      'a broker id beyond the reserved ones',
      { firstBrokerId: 999 },
      'test/kafka: firstBrokerId: 999 is refused; accepted: a whole number from 0 to 998 (reserved.broker.max.id less the brokers)',
    ],
    [
      'offsets with more copies than brokers',
      { brokers: 1, config: { offsetsTopicReplicationFactor: 3 } },
      'test/kafka: config (offsets.topic.replication.factor): 3 is refused; accepted: at most 1, the number of brokers',
    ],
    [
      'a name that is no DNS label',
      { name: 'Kafka_1' },
      'test/kafka: name: "Kafka_1" is refused; accepted: up to 52 of a-z, 0-9 and -, a letter first and no - last',
    ],
    [
      'a secret over our own files',
      { secrets: [{ secretName: 'x', mountPath: '/etc/kafka/x' }] },
      'test/kafka: secrets[0].mountPath: "/etc/kafka/x" is refused; accepted: an absolute path, neither above nor below /etc/kafka, /run/kafka, /tmp, /etc/zookeeper-login, /var/lib/kafka/data',
    ],
    [
      'a secret that hides our own files',
      { secrets: [{ secretName: 'x', mountPath: '/etc' }] },
      'test/kafka: secrets[0].mountPath: "/etc" is refused; accepted: an absolute path, neither above nor below /etc/kafka, /run/kafka, /tmp, /etc/zookeeper-login, /var/lib/kafka/data',
    ],
    [
      'a secret over another volume of the log',
      { storage: Storage.jbod(disk, disk), secrets: [{ secretName: 'x', mountPath: '/var/lib/kafka/data-1' }] },
      'test/kafka: secrets[0].mountPath: "/var/lib/kafka/data-1" is refused; accepted: an absolute path, neither above nor below /etc/kafka, /run/kafka, /tmp, /etc/zookeeper-login, /var/lib/kafka/data, /var/lib/kafka/data-1',
    ],
    [
      'two secrets at one path',
      {
        secrets: [
          { secretName: 'x', mountPath: '/x' },
          { secretName: 'y', mountPath: '/x' },
        ],
      },
      'test/kafka: secrets[1].mountPath: "/x" is refused; accepted: an absolute path, neither above nor below /etc/kafka, /run/kafka, /tmp, /etc/zookeeper-login, /var/lib/kafka/data, /x',
    ],
    [
      'an instance that is no label',
      { instance: 'my release' },
      'test/kafka: instance: "my release" is refused; accepted: up to 63 of A-Z, a-z, 0-9, -, _ and ., a letter or digit first and last',
    ],
  ])('%s', (_, props, message) => {
    expect(refused(props)).toBe(message);
  });

  it('takes with Apache’s image what our broker refuses', () => {
    const manifests = cluster({
      image: apache,
      config: {
        authorizerClassName: 'kafka.security.authorizer.AclAuthorizer',
        principalBuilderClass: 'com.example.Builder',
      },
      extraProperties: { 'listener.name.tls.ssl.keystore.location': '/etc/tls/keystore.p12' },
      secrets: [{ secretName: 'tls', mountPath: '/etc/tls' }],
      listeners: [
        Listener.internal(),
        Listener.internal({ name: 'TLS', port: 9093, securityProtocol: SecurityProtocol.SSL }),
      ],
      zookeeper: ZooKeeperRef.at('zk:2181', ZooKeeperAuthentication.sasl({ secretName: 'zk' })),
    });
    expect(Object.fromEntries(propertiesOf(manifests))).toMatchObject({
      'authorizer.class.name': 'kafka.security.authorizer.AclAuthorizer',
      'listener.security.protocol.map': 'INTERNAL:PLAINTEXT,TLS:SSL',
      'zookeeper.set.acl': 'true',
    });
  });

  it('logs in to ZooKeeper and gives its znodes to that login alone', () => {
    const manifests = cluster({
      zookeeper: ZooKeeperRef.at('zk:2181', ZooKeeperAuthentication.sasl({ secretName: 'zk' })),
    });
    expect(propertiesOf(manifests).get('zookeeper.set.acl')).toBe('true');
    const mounts = JSON.stringify(manifests.find(({ kind }) => kind === 'StatefulSet'));
    expect(mounts).toContain('"secretName":"zk"');
  });

  it.each([
    ['', disk],
    [', or a log of which a part is', Storage.jbod(disk, Storage.ephemeral())],
  ])('refuses a persistent log%s on a ZooKeeper that forgets the cluster id', (_, storage) => {
    const chart = makeChart((scope) => {
      const zookeeper = new ZooKeeperEnsemble(scope, 'zookeeper', { storage: Storage.ephemeral() });
      new KafkaCluster(scope, 'kafka', { ...base, storage, zookeeper: zookeeper.withChroot('/kafka') });
    });
    expect(messageOf(() => manifestsOf(chart))).toBe(
      'Validation failed with the following errors:\n' +
        '  [test/kafka] zookeeper: "test/zookeeper with ephemeral storage" is refused; accepted: persistent storage, as the brokers have: they would refuse to start with the new cluster id',
    );
  });

  it('refuses two objects of one name', () => {
    const chart = makeChart((scope) => {
      new KafkaCluster(scope, 'one', { ...base, brokers: 1, replicationFactor: 1 });
      new KafkaCluster(scope, 'other', { ...base, brokers: 1, replicationFactor: 1 });
    });
    const message = messageOf(() => manifestsOf(chart));
    expect(message).toContain(
      '[test/one] StatefulSet kafka in namespace data is made 2 times, by test/one/stateful-set and test/other/stateful-set; accepted: once (give one of them another name)',
    );
    expect(message).toContain('[test/other] Service kafka-headless in namespace data is made 2 times');
  });

  it('refuses two clusters whose Services would find each other’s pods', () => {
    const chart = makeChart((scope) => {
      new KafkaCluster(scope, 'one', { ...base, name: 'one', instance: 'release' });
      new KafkaCluster(scope, 'other', { ...base, name: 'other', instance: 'release', firstBrokerId: 3 });
    });
    expect(messageOf(() => manifestsOf(chart))).toBe(
      'Validation failed with the following errors:\n' +
        "  [test/one] its pods have the labels of test/other's: kafka, release, broker; accepted: labels of its own (another instance)\n" +
        "  [test/other] its pods have the labels of test/one's: kafka, release, broker; accepted: labels of its own (another instance)",
    );
  });

  it('takes the same names in different namespaces', () => {
    const zookeeper = ZooKeeperRef.at('zookeeper:2181');
    const manifests = synth((scope) => {
      new KafkaCluster(scope, 'one', { ...base, zookeeper, namespace: 'one' });
      new KafkaCluster(scope, 'other', { ...base, zookeeper, namespace: 'other' });
    });
    expect(ofKind(manifests, 'StatefulSet').map(({ metadata }) => metadata.namespace)).toEqual(['one', 'other']);
  });
});

describe('warnings', () => {
  it('go to stderr at synth, once, with the construct’s path', () => {
    const chart = makeChart((scope) => new KafkaCluster(scope, 'kafka', { ...base, replicationFactor: 1 }));
    expect(written).toBe('');
    manifestsOf(chart);
    expect(written).toBe(
      'odradek: warning: test/kafka: replicationFactor is 1: a broker that is down takes its partitions with it, and a lost volume its records\n',
    );
    manifestsOf(chart);
    expect(written.split('\n')).toHaveLength(2);
    expect(chart.node.findChild('kafka').node.metadata).toMatchObject([{ type: 'odradek:warning' }]);
  });

  it.each<[string, Partial<KafkaClusterProps>, RegExp]>([
    [
      'no copy to spare',
      { minInsyncReplicas: 3 },
      /^odradek: warning: test\/kafka: minInsyncReplicas is 3, as the rep/,
    ],
    [
      'one copy is enough',
      { minInsyncReplicas: 1 },
      /test\/kafka: minInsyncReplicas is 1: acks=all is answered with one/,
    ],
    ['unclean leaders', { uncleanLeaderElection: true }, /test\/kafka: uncleanLeaderElection is true/],
    [
      'a key without effect',
      { config: { numIoThreads: 4 } },
      /config\.numIoThreads \(num\.io\.threads\): no effect with Bro/,
    ],
    ['a log that goes with the pod', { storage: Storage.ephemeral() }, /storage is ephemeral/],
    ['a short grace', { terminationGracePeriod: Duration.seconds(30) }, /terminationGracePeriod is 30 s, but .* 105 s/],
    [
      'an unknown key',
      { extraProperties: { 'log.retention.hour': '1' } },
      /not a key of Kafka 3\.9; log\.retention\.hours is/,
    ],
    ['a removed key', { extraProperties: { port: '9092' } }, /port is a key of older Kafka/],
  ])('about %s', (_, props, warning) => {
    cluster(props);
    expect(written).toMatch(warning);
  });

  it('says nothing about a sound cluster', () => {
    cluster();
    expect(written).toBe('');
  });
});

describe('the pods', () => {
  it('run the wrapper of each image', () => {
    const ours = find(cluster(), 'ConfigMap').data['start.sh'];
    expect(ours).toContain(
      '\nexec odradek broker /etc/kafka/server.properties --wait-for-zookeeper --http :9404 "${overrides[@]}"\n',
    );
    const theirs = find(cluster({ image: apache }), 'ConfigMap').data['start.sh'];
    expect(theirs).toContain(
      '\nexec /opt/kafka/bin/kafka-server-start.sh /etc/kafka/server.properties "${overrides[@]}"\n',
    );
    expect(theirs).toContain('/dev/tcp/zookeeper.example.com/2181');
  });

  it('ask our broker by HTTP and Apache’s by its port', () => {
    const ours = containerOf(cluster());
    expect([ours.startupProbe, ours.readinessProbe, ours.livenessProbe].map((probe) => probe?.httpGet?.path)).toEqual([
      '/live',
      '/ready',
      '/live',
    ]);
    expect(find(cluster(), 'StatefulSet').spec.minReadySeconds).toBeUndefined();
    const manifests = cluster({ image: apache });
    const theirs = containerOf(manifests);
    expect(
      [theirs.startupProbe, theirs.readinessProbe, theirs.livenessProbe].map((probe) => probe?.tcpSocket?.port),
    ).toEqual(['internal', 'internal', 'internal']);
    expect(find(manifests, 'StatefulSet').spec.minReadySeconds).toBe(30);
  });

  it('have a heap with Apache’s image only', () => {
    const heap = (manifests: readonly Manifest[]): unknown =>
      containerOf(manifests).env?.find(({ name }) => name === 'KAFKA_HEAP_OPTS')?.value;
    expect(heap(cluster({ heap: Size.mebibytes(300) }))).toBeUndefined();
    expect(heap(cluster({ image: apache }))).toBe('-Xms1024m -Xmx1024m -XX:+ExitOnOutOfMemoryError');
    expect(heap(cluster({ image: apache, heap: Size.mebibytes(300) }))).toMatch(/^-Xms300m -Xmx300m /);
  });

  it('are replaced when server.properties changes', () => {
    const checksum = (props?: Partial<KafkaClusterProps>): unknown =>
      find(cluster(props), 'StatefulSet').spec.template.metadata.annotations?.['odradek/config-checksum'];
    expect(checksum()).toMatch(/^[0-9a-f]{64}$/);
    expect(checksum()).toBe(checksum());
    expect(checksum({ config: { numPartitions: 2 } })).not.toBe(checksum());
  });

  it('keep the log below the mount, where a lost+found can lie beside it', () => {
    const manifests = cluster({ storage: Storage.jbod(disk, Storage.ephemeral({ sizeLimit: Size.gibibytes(2) })) });
    const mounts = containerOf(manifests).volumeMounts?.map(({ mountPath }) => mountPath);
    expect(mounts).toEqual(expect.arrayContaining(['/var/lib/kafka/data', '/var/lib/kafka/data-1']));
    const { spec } = find(manifests, 'StatefulSet');
    expect(spec.volumeClaimTemplates.map(({ metadata }) => metadata.name)).toEqual(['data']);
    expect(spec.template.spec.volumes).toContainEqual({ name: 'data-1', emptyDir: { sizeLimit: '2Gi' } });
  });

  it('let as many be evicted as leave min ISR', () => {
    const budget = (props: Partial<KafkaClusterProps>): unknown =>
      find(cluster(props), 'PodDisruptionBudget').spec.maxUnavailable;
    expect(budget({})).toBe(1);
    expect(budget({ minInsyncReplicas: 3 })).toBe(0);
    expect(budget({ brokers: 5, replicationFactor: 5, minInsyncReplicas: 2 })).toBe(1);
    expect(budget({ replicationFactor: 1 })).toBe(1);
  });

  it('take JSON patches with plain strings', async () => {
    const { JsonPatch } = await import('cdk8s');
    const manifests = synth((chart) => {
      const { statefulSet } = new KafkaCluster(chart, 'kafka', base);
      statefulSet.addJsonPatch(
        JsonPatch.replace('/spec/template/spec/containers/0/resources/limits/memory', '3Gi'),
        JsonPatch.add('/spec/template/spec/priorityClassName', 'high'),
      );
    });
    expect(containerOf(manifests).resources?.limits).toEqual({ cpu: '2', memory: '3Gi' });
    expect(find(manifests, 'StatefulSet').spec.template.spec).toMatchObject({ priorityClassName: 'high' });
  });

  it('get their rack from a list, or from a label', () => {
    const script = (rack: Rack): string => find(cluster({ rack }), 'ConfigMap').data['start.sh'];
    expect(script(Rack.list('a', 'b'))).toContain("racks=('a' 'b')");
    expect(script(Rack.podLabel('topology.kubernetes.io/zone'))).toContain('broker.rack=$RACK');
    expect(containerOf(cluster({ rack: Rack.podLabel('topology.kubernetes.io/zone') })).env).toContainEqual({
      name: 'RACK',
      valueFrom: { fieldRef: { fieldPath: "metadata.labels['topology.kubernetes.io/zone']" } },
    });
    expect(messageOf(() => Rack.list())).toMatch(/^Rack\.list: \[\] is refused/);
    expect(messageOf(() => Rack.podLabel('a b'))).toMatch(/^Rack\.podLabel: "a b" is refused/);
  });
});

describe('what the next construct needs', () => {
  it('is typed', () => {
    makeChart((chart) => {
      const kafka = new KafkaCluster(chart, 'kafka', {
        ...base,
        listeners: [
          Listener.internal(),
          Listener.internal({ name: 'OTHER', port: 9093 }),
          Listener.nodePort({ hosts: ['a', 'b', 'c'], nodePorts: [30001, 30002, 30003] }),
        ],
      });
      expect(kafka.bootstrapServers).toBe('kafka.data.svc.cluster.local:9092');
      expect(kafka.bootstrapServersOf('OTHER')).toBe('kafka.data.svc.cluster.local:9093');
      expect(kafka.bootstrapServersOf('EXTERNAL')).toBe('a:30001,b:30002,c:30003');
      expect(messageOf(() => kafka.bootstrapServersOf('NONE'))).toBe(
        'test/kafka: bootstrapServersOf: "NONE" is refused; accepted: INTERNAL, OTHER, EXTERNAL',
      );
    });
  });
});

describe('two clusters of one chart', () => {
  function both(second: Partial<KafkaClusterProps>): Manifest[] {
    return synth((chart) => {
      new KafkaCluster(chart, 'one', { ...base, name: 'one' });
      new KafkaCluster(chart, 'two', { ...base, name: 'two', ...second });
    });
  }

  it('may not have one broker.id below one znode', () => {
    expect(messageOf(() => both({}))).toContain(
      'zookeeper: "zookeeper.example.com:2181/kafka" is refused; accepted: a chroot of its own, or with firstBrokerId other broker ids than test/one has there',
    );
    expect(messageOf(() => both({ firstBrokerId: 2 }))).toContain('with firstBrokerId other broker ids');
    expect(ofKind(both({ firstBrokerId: 3 }), 'StatefulSet')).toHaveLength(2);
    const elsewhere = ZooKeeperRef.at('zookeeper.example.com:2181/two');
    expect(ofKind(both({ zookeeper: elsewhere }), 'StatefulSet')).toHaveLength(2);
  });

  it('may not have one node port', () => {
    const at = (firstNodePort: number) => ({
      listeners: [Listener.internal(), Listener.nodePort({ host: 'node.example.com', firstNodePort })],
    });
    const both = (port: number) =>
      synth((chart) => {
        new KafkaCluster(chart, 'one', { ...base, name: 'one', ...at(30090) });
        const zookeeper = ZooKeeperRef.at('zookeeper.example.com:2181/two');
        new KafkaCluster(chart, 'two', { ...base, name: 'two', zookeeper, namespace: 'other', ...at(port) });
      });
    expect(messageOf(() => both(30091))).toMatch(
      /node port 30091 is taken by test\/one\S* and by test\/two\S*; accepted: by one Service/,
    );
    expect(ofKind(both(30095), 'StatefulSet')).toHaveLength(2);
  });
});

describe('BrokerImage', () => {
  it('has a label for every tag', () => {
    const label = (tag: string): unknown =>
      find(cluster({ image: BrokerImage.odradek({ repository: 'r/x', tag }) }), 'StatefulSet').spec.template.metadata
        .labels['app.kubernetes.io/version'];
    expect(label('1.2.3')).toBe('1.2.3');
    expect(label(`_${'a'.repeat(62)}-b`)).toBe(`${'a'.repeat(62)}`);
  });

  it.each([
    [
      () => BrokerImage.odradek({ repository: 'r/x', tag: 'latest' }),
      /^BrokerImage\.odradek: tag: "latest" is refused/,
    ],
    [() => BrokerImage.odradek({ repository: 'r/x', tag: '' }), /^BrokerImage\.odradek: tag: "" is refused/],
    [
      () => BrokerImage.apache('4.0.0'),
      /^BrokerImage\.apache: "4\.0\.0" is refused; accepted: 3\.7\.x, 3\.8\.x or 3\.9\.x \(.*4\.0 has no Zoo/,
    ],
    [() => BrokerImage.apache('latest'), /^BrokerImage\.apache: "latest" is refused/],
    [() => BrokerImage.apache('3.9.1', { repository: 'X' }), /^BrokerImage\.apache: repository: "X" is refused/],
  ])('refuses what is not pinned or has no ZooKeeper mode', (make, message) => {
    expect(messageOf(make)).toMatch(message);
  });

  it.each(['Registry/X', 'r/x:1', 'r x', '', 'https://r/x', 'r/x/'])('refuses the repository %j', (repository) => {
    expect(messageOf(() => BrokerImage.odradek({ repository, tag: '1' }))).toMatch(
      /^BrokerImage\.odradek: repository: ".*" is refused; accepted: \[REGISTRY/,
    );
  });
});
