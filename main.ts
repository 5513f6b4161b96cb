import { App, Chart, Size } from 'cdk8s';
import { Cpu, k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import {
  BrokerImage,
  KafkaCluster,
  NfsProvisioner,
  Storage,
  StorageClassRef,
  TestClient,
  ZooKeeperEnsemble,
} from './lib';
import { version } from './package.json';

/** Build broker/Dockerfile, push it, and say here where it is. */
const image = BrokerImage.odradek({ repository: 'registry.example/odradek', tag: version });

/** The namespace comes first in its chart, so that one apply makes it before what is inside. */
function makeNamespace(chart: Chart, name: string, podSecurity: 'baseline' | 'restricted'): void {
  new k8s.KubeNamespace(chart, 'namespace', {
    metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': podSecurity } },
  });
}

/** An NFS export, a ZooKeeper ensemble and a Kafka cluster on directories of it. */
export class Bigdata extends Chart {
  constructor(scope: Construct) {
    super(scope, 'bigdata');
    const namespace = 'bigdata';
    makeNamespace(this, namespace, 'baseline');

    const { storageClass } = new NfsProvisioner(this, 'nfs', {
      namespace,
      name: 'nfs-client-provisioner',
      server: '192.168.0.113',
      path: '/opt/nfsdata',
      provisionerName: 'fuseim.pri/ifs',
      storageClassName: 'bigdata-nfs-storage',
    });

    const zookeeper = new ZooKeeperEnsemble(this, 'zookeeper', {
      namespace,
      name: 'zookeeper',
      replicas: 3,
      storage: Storage.persistent({ size: Size.gibibytes(1), storageClass }),
    });

    new KafkaCluster(this, 'kafka', {
      namespace,
      name: 'kafka',
      image,
      zookeeper,
      brokers: 3,
      replicationFactor: 3,
      minInsyncReplicas: 2,
      storage: Storage.persistent({ size: Size.gibibytes(8), storageClass }),
    });
  }
}

/** The release kafka-test on a storage class that is there already, with a pod to test from. */
export class SscpTest extends Chart {
  constructor(scope: Construct) {
    super(scope, 'sscp-test');
    const namespace = 'sscp-test';
    const release = 'kafka-test';
    const storageClass = StorageClassRef.named('managed-nfs-storage');
    makeNamespace(this, namespace, 'restricted');

    const zookeeper = new ZooKeeperEnsemble(this, 'zookeeper', {
      namespace,
      name: `${release}-zookeeper`,
      instance: release,
      replicas: 3,
      storage: Storage.persistent({ size: Size.gibibytes(10), storageClass }),
      resources: {
        cpu: { request: Cpu.millis(100), limit: Cpu.units(1) },
        memory: { request: Size.mebibytes(536), limit: Size.gibibytes(2) },
      },
    });

    new KafkaCluster(this, 'kafka', {
      namespace,
      name: release,
      instance: release,
      image,
      zookeeper,
      brokers: 3,
      replicationFactor: 3,
      minInsyncReplicas: 2,
      storage: Storage.persistent({ size: Size.gibibytes(40), storageClass }),
      resources: {
        cpu: { request: Cpu.units(1), limit: Cpu.units(2) },
        memory: { request: Size.gibibytes(2), limit: Size.gibibytes(4) },
      },
      heap: Size.gibibytes(2),
    });

    new TestClient(this, 'testclient', { namespace, image });
  }
}

/** Both environments, one file of manifests each. */
export function makeApp(outdir?: string): App {
  const app = new App({ outdir });
  new Bigdata(app);
  new SscpTest(app);
  return app;
}

if (require.main === module) makeApp().synth();
