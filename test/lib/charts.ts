import { Chart, Duration, Size } from 'cdk8s';
import type { Construct } from 'constructs';
import {
  BrokerImage,
  DeletionPolicy,
  KafkaCluster,
  KafkaTopic,
  Listener,
  NfsProvisioner,
  Rack,
  SecurityProtocol,
  Storage,
  StorageClassRef,
  TestClient,
  ZooKeeperAuthentication,
  ZooKeeperEnsemble,
  ZooKeeperRef,
} from '../../lib';

export const odradek = BrokerImage.odradek({ repository: 'registry.example/odradek', tag: '0.1.0' });
export const apache = BrokerImage.apache('3.9.1');
export const zookeeperRef = ZooKeeperRef.at('zookeeper.example.com:2181/kafka');
export const disk = Storage.persistent({ size: Size.gibibytes(8), storageClass: StorageClassRef.named('fast') });

/** Every construct with every option that adds or changes an object, on our own broker. */
export class EveryOption extends Chart {
  constructor(scope: Construct, id = 'every-option') {
    super(scope, id, { namespace: 'every' });
    const nfs = new NfsProvisioner(this, 'nfs', {
      name: 'nfs',
      server: 'nfs.example.com',
      path: '/export',
      storageClassName: 'nfs',
      provisionerName: 'example.com/nfs',
      mountOptions: ['nfsvers=4.1', 'hard'],
      archiveOnDelete: false,
      pathPattern: '${.PVC.namespace}-${.PVC.name}',
    });
    const zookeeper = new ZooKeeperEnsemble(this, 'zookeeper', {
      replicas: 5,
      storage: Storage.persistent({ size: Size.gibibytes(2), storageClass: nfs.storageClass }),
      heap: Size.mebibytes(256),
      distinctNodes: true,
      imagePullSecrets: ['registry'],
    });
    const kafka = new KafkaCluster(this, 'kafka', {
      image: odradek,
      zookeeper: zookeeper.withChroot('/kafka'),
      storage: Storage.jbod(disk, disk),
      brokers: 4,
      firstBrokerId: 10,
      listeners: [
        Listener.internal(),
        Listener.nodePort({ host: 'node.example.com', firstNodePort: 30090 }),
        Listener.loadBalancer({
          name: 'PUBLIC',
          port: 9095,
          host: 'kafka-{ordinal}.example.com',
          sourceRanges: ['10.0.0.0/8'],
          annotations: { 'external-dns.alpha.kubernetes.io/hostname': 'kafka-{ordinal}.example.com' },
        }),
        Listener.nodePort({ name: 'FOUND', port: 9096, discover: true }),
      ],
      rack: Rack.list('a', 'b'),
      config: { numPartitions: 6, logRetentionHours: 24, autoCreateTopicsEnable: false },
      distinctNodes: true,
      imagePullSecrets: ['registry'],
      secrets: [{ secretName: 'extra', mountPath: '/etc/extra' }],
    });
    new KafkaTopic(this, 'orders', { cluster: kafka, partitions: 12, config: { retentionMs: 3_600_000 } });
    new KafkaTopic(this, 'scratch', {
      cluster: kafka,
      name: 'scratch.v1',
      partitions: 1,
      replicationFactor: 1,
      deletionPolicy: DeletionPolicy.DELETE,
    });
    new TestClient(this, 'testclient', { image: odradek, imagePullSecrets: ['registry'] });
  }
}

/** What only Apache's image can do, on the same constructs. */
export class ApacheKafka extends Chart {
  constructor(scope: Construct, id = 'apache-kafka') {
    super(scope, id);
    const namespace = 'apache';
    const authentication = ZooKeeperAuthentication.sasl({ secretName: 'zookeeper-kafka' });
    const zookeeper = new ZooKeeperEnsemble(this, 'zookeeper', {
      namespace,
      authentication,
      storage: Storage.ephemeral({ sizeLimit: Size.gibibytes(1) }),
      replicas: 3,
    });
    const kafka = new KafkaCluster(this, 'kafka', {
      namespace,
      image: apache,
      toolsImage: odradek,
      zookeeper,
      storage: Storage.ephemeral(),
      heap: Size.mebibytes(768),
      rack: Rack.podLabel('topology.kubernetes.io/zone'),
      startupTimeout: Duration.minutes(10),
      terminationGracePeriod: Duration.minutes(5),
      listeners: [
        Listener.internal(),
        Listener.loadBalancer({ name: 'TLS', discover: true, securityProtocol: SecurityProtocol.SSL }),
      ],
      config: { authorizerClassName: 'kafka.security.authorizer.AclAuthorizer' },
      extraProperties: {
        'super.users': 'User:admin',
        'config.providers': 'dir',
        'config.providers.dir.class': 'org.apache.kafka.common.config.provider.DirectoryConfigProvider',
        'listener.name.tls.ssl.keystore.type': 'PKCS12',
        'listener.name.tls.ssl.keystore.location': '/etc/tls/keystore.p12',
        'listener.name.tls.ssl.keystore.password': '${dir:/etc/tls:password}',
      },
      secrets: [{ secretName: 'kafka-tls', mountPath: '/etc/tls' }],
    });
    new KafkaTopic(this, 'orders', { cluster: kafka, partitions: 3 });
  }
}
