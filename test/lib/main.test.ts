import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'cdk8s';
import { describe, expect, it } from 'vitest';
import { Bigdata, makeApp, SscpTest } from '../../main';
import { version } from '../../package.json';
import { parseProperties } from '../../broker/src/config';
import { find, manifestsOf, matches, ofKind, podOf, type Manifest } from './manifests';

const bigdata = manifestsOf(new Bigdata(new App()));
const sscpTest = manifestsOf(new SscpTest(new App()));
const image = `registry.example/odradek:${version}`;

function properties(manifests: readonly Manifest[], name: string): Map<string, string> {
  return parseProperties(find(manifests, 'ConfigMap', name).data['server.properties']);
}

function claim(manifests: readonly Manifest[], name: string): unknown {
  const templates = find(manifests, 'StatefulSet', name).spec.volumeClaimTemplates;
  expect(templates).toHaveLength(1);
  return templates[0].spec;
}

function claimOf(size: string, storageClassName: string): unknown {
  return {
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: size } },
    storageClassName,
    volumeMode: 'Filesystem',
  };
}

function names(manifests: readonly Manifest[], kind: string): string[] {
  return ofKind(manifests, kind).map((each) => each.metadata.name);
}

describe('dist/', () => {
  it('is what synth gives now (npx cdk8s synth writes it)', () => {
    const directory = mkdtempSync(join(tmpdir(), 'odradek-synth-'));
    try {
      makeApp(directory).synth();
      const dist = join(__dirname, '../../dist');
      expect(readdirSync(dist).sort()).toEqual(['bigdata.k8s.yaml', 'sscp-test.k8s.yaml']);
      expect(readdirSync(directory).sort()).toEqual(['bigdata.k8s.yaml', 'sscp-test.k8s.yaml']);
      for (const file of readdirSync(directory)) {
        expect(readFileSync(join(dist, file), 'utf8')).toBe(readFileSync(join(directory, file), 'utf8'));
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('has no other difference from the last snapshot', () => {
    expect(bigdata).toMatchSnapshot();
    expect(sscpTest).toMatchSnapshot();
  });
});

describe.each([
  { chart: 'bigdata', manifests: bigdata, kafka: 'kafka', zookeeper: 'zookeeper' },
  { chart: 'sscp-test', manifests: sscpTest, kafka: 'kafka-test', zookeeper: 'kafka-test-zookeeper' },
])('$chart', ({ chart, manifests, kafka, zookeeper }) => {
  it('begins with its namespace, and puts everything else into it', () => {
    expect(manifests[0]).toMatchObject({ kind: 'Namespace', metadata: { name: chart } });
    const clusterScoped = ['Namespace', 'ClusterRole', 'ClusterRoleBinding', 'StorageClass'];
    for (const { kind, metadata } of manifests) {
      expect(metadata.namespace).toBe(clusterScoped.includes(kind) ? undefined : chart);
    }
  });

  it('keeps three copies of every partition: replication factor 3', () => {
    const file = properties(manifests, `${kafka}-config`);
    expect(file.get('default.replication.factor')).toBe('3');
    expect(file.get('offsets.topic.replication.factor')).toBe('3');
    expect(file.get('transaction.state.log.replication.factor')).toBe('3');
  });

  it('answers acks=all with two copies, and never elects a leader that lacks records', () => {
    const file = properties(manifests, `${kafka}-config`);
    expect(file.get('min.insync.replicas')).toBe('2');
    expect(file.get('transaction.state.log.min.isr')).toBe('2');
    expect(file.get('unclean.leader.election.enable')).toBe('false');
  });

  it('runs three brokers and three ZooKeeper servers, each with its own claim', () => {
    for (const name of [kafka, zookeeper]) {
      const { spec } = find(manifests, 'StatefulSet', name);
      expect(spec.replicas).toBe(3);
      expect(spec.podManagementPolicy).toBe('Parallel');
      expect(spec.serviceName).toBe(`${name}-headless`);
      expect(spec.persistentVolumeClaimRetentionPolicy).toEqual({ whenDeleted: 'Retain', whenScaled: 'Retain' });
    }
  });

  it('lets one pod at a time be evicted, which leaves min ISR and the quorum', () => {
    for (const name of [kafka, zookeeper]) {
      const { spec } = find(manifests, 'PodDisruptionBudget', name);
      expect(spec.maxUnavailable).toBe(1);
      expect(spec.unhealthyPodEvictionPolicy).toBe('AlwaysAllow');
    }
    expect(3 - 1).toBeGreaterThanOrEqual(Number(properties(manifests, `${kafka}-config`).get('min.insync.replicas')));
  });

  it('reaches ZooKeeper by the names of its pods, without a chroot', () => {
    const domain = `${zookeeper}-headless.${chart}.svc.cluster.local:2181`;
    const connect = [0, 1, 2].map((ordinal) => `${zookeeper}-${ordinal}.${domain}`).join(',');
    expect(properties(manifests, `${kafka}-config`).get('zookeeper.connect')).toBe(connect);
  });

  it('has a headless Service that knows pods before they are ready, and one for clients', () => {
    for (const [name, port] of [
      [kafka, 9092],
      [zookeeper, 2181],
    ] as const) {
      expect(find(manifests, 'Service', name).spec).toMatchObject({ type: 'ClusterIP', ports: [{ port }] });
      const headless = find(manifests, 'Service', `${name}-headless`).spec;
      expect(headless).toMatchObject({ clusterIP: 'None', publishNotReadyAddresses: true });
      const pods = podOf(find(manifests, 'StatefulSet', name));
      expect(matches(headless.selector, pods?.labels ?? {})).toBe(true);
    }
  });

  it('runs the image that main.ts names', () => {
    const [container] = find(manifests, 'StatefulSet', kafka).spec.template.spec.containers;
    expect(container).toMatchObject({ image, imagePullPolicy: 'IfNotPresent' });
  });
});

describe('bigdata', () => {
  it('provisions from the NFS export, and retains what it provisioned', () => {
    expect(find(bigdata, 'StorageClass')).toMatchObject({
      metadata: { name: 'bigdata-nfs-storage' },
      provisioner: 'fuseim.pri/ifs',
      reclaimPolicy: 'Retain',
      volumeBindingMode: 'Immediate',
      allowVolumeExpansion: true,
      parameters: { archiveOnDelete: 'true' },
    });
    const { spec } = find(bigdata, 'Deployment', 'nfs-client-provisioner');
    expect(spec.strategy).toEqual({ type: 'Recreate' });
    expect(spec.template.spec.volumes).toEqual([
      { name: 'nfs-root', nfs: { server: '192.168.0.113', path: '/opt/nfsdata' } },
    ]);
  });

  it('names the provisioner’s objects as its users know them', () => {
    expect(names(bigdata, 'ServiceAccount')).toEqual(['nfs-client-provisioner']);
    expect(names(bigdata, 'ClusterRole')).toEqual(['nfs-client-provisioner-runner']);
    expect(names(bigdata, 'ClusterRoleBinding')).toEqual(['run-nfs-client-provisioner']);
    expect(names(bigdata, 'Role')).toEqual(['leader-locking-nfs-client-provisioner']);
    expect(names(bigdata, 'RoleBinding')).toEqual(['leader-locking-nfs-client-provisioner']);
    expect(names(bigdata, 'Deployment')).toEqual(['nfs-client-provisioner']);
  });

  it('claims 1Gi for ZooKeeper and 8Gi for Kafka on that class', () => {
    expect(claim(bigdata, 'zookeeper')).toEqual(claimOf('1Gi', 'bigdata-nfs-storage'));
    expect(claim(bigdata, 'kafka')).toEqual(claimOf('8Gi', 'bigdata-nfs-storage'));
  });

  it('labels ZooKeeper’s pods zookeeper, zookeeper, zookeeper', () => {
    const { labels } = find(bigdata, 'StatefulSet', 'zookeeper').spec.template.metadata;
    expect(labels).toMatchObject({
      'app.kubernetes.io/name': 'zookeeper',
      'app.kubernetes.io/instance': 'zookeeper',
      'app.kubernetes.io/component': 'zookeeper',
    });
  });

  it('makes these services and no other', () => {
    expect(names(bigdata, 'Service').sort()).toEqual(['kafka', 'kafka-headless', 'zookeeper', 'zookeeper-headless']);
  });
});

describe('sscp-test', () => {
  it('makes these services and no other', () => {
    expect(names(sscpTest, 'Service').sort()).toEqual([
      'kafka-test',
      'kafka-test-headless',
      'kafka-test-zookeeper',
      'kafka-test-zookeeper-headless',
    ]);
  });

  it('claims 10Gi for ZooKeeper and 40Gi for Kafka on a class that is there already', () => {
    expect(claim(sscpTest, 'kafka-test-zookeeper')).toEqual(claimOf('10Gi', 'managed-nfs-storage'));
    expect(claim(sscpTest, 'kafka-test')).toEqual(claimOf('40Gi', 'managed-nfs-storage'));
    expect(names(sscpTest, 'StorageClass')).toEqual([]);
  });

  it('has the resources that were asked for', () => {
    const resources = (name: string): unknown =>
      find(sscpTest, 'StatefulSet', name).spec.template.spec.containers[0].resources;
    expect(resources('kafka-test')).toEqual({
      limits: { cpu: '2', memory: '4Gi' },
      requests: { cpu: '1', memory: '2Gi' },
    });
    expect(resources('kafka-test-zookeeper')).toEqual({
      limits: { cpu: '1', memory: '2Gi' },
      requests: { cpu: '100m', memory: '536Mi' },
    });
  });

  it('has a pod to test from', () => {
    const pod = find(sscpTest, 'Pod', 'testclient');
    expect(pod.spec.containers[0]).toMatchObject({ image });
    expect(pod.spec.containers[0].command?.join(' ')).toContain('tail -f /dev/null');
  });
});
