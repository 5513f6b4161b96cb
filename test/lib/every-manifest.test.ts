import { App, type Chart } from 'cdk8s';
import { describe, expect, it } from 'vitest';
import { parseProperties } from '../../broker/src/config';
import { Bigdata, SscpTest } from '../../main';
import { ApacheKafka, EveryOption } from './charts';
import { type Container, type Manifest, manifestsOf, matches, ofKind, podOf, type PodSpec } from './manifests';

const charts: [string, (app: App) => Chart][] = [
  ['bigdata', (app) => new Bigdata(app)],
  ['sscp-test', (app) => new SscpTest(app)],
  ['every option', (app) => new EveryOption(app)],
  ['Apache Kafka', (app) => new ApacheKafka(app)],
];

interface Pod {
  readonly owner: Manifest;
  readonly labels: Record<string, string>;
  readonly spec: PodSpec;
}

function podsOf(manifests: readonly Manifest[]): Pod[] {
  return manifests.flatMap((owner) => {
    const pod = podOf(owner);
    return pod ? [{ owner, ...pod }] : [];
  });
}

function containersOf({ spec }: Pod): Container[] {
  return [...(spec.initContainers ?? []), ...spec.containers];
}

function withoutPodName({
  'statefulset.kubernetes.io/pod-name': _,
  ...selector
}: Record<string, string>): Record<string, string> {
  return selector;
}

function isProvisioner({ owner }: Pod): boolean {
  return owner.metadata.labels?.['app.kubernetes.io/component'] === 'provisioner';
}

describe.each(charts)('what is checked in every manifest: %s', (_, make) => {
  const manifests = manifestsOf(make(new App()));
  const pods = podsOf(manifests);
  const containers = pods.flatMap(containersOf);

  it('pins every image, and pulls none that is there', () => {
    for (const { image, imagePullPolicy } of containers) {
      expect(image).toMatch(/^[a-z0-9.-]+\/[a-z0-9./-]+:[A-Za-z0-9][A-Za-z0-9._-]*$/);
      expect(image).not.toMatch(/:latest$/);
      expect(imagePullPolicy).toBe('IfNotPresent');
    }
  });

  it('requests and limits CPU and memory of every container', () => {
    for (const { resources } of containers) {
      for (const amounts of [resources?.requests, resources?.limits]) {
        expect(amounts?.cpu).toMatch(/^\d+m?$/);
        expect(amounts?.memory).toMatch(/^\d+[MG]i$/);
      }
    }
  });

  it('runs as user 1000 with a number, except for the NFS provisioner', () => {
    for (const pod of pods) {
      expect(pod.spec.securityContext?.seccompProfile).toEqual({ type: 'RuntimeDefault' });
      const ids = isProvisioner(pod)
        ? { runAsUser: 0, runAsGroup: 0 }
        : { runAsUser: 1000, runAsGroup: 1000, runAsNonRoot: true };
      expect(pod.spec.securityContext).toMatchObject(ids);
    }
  });

  it('gives containers a read-only root and no privileges', () => {
    for (const pod of pods) {
      for (const { securityContext } of containersOf(pod)) {
        expect(securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'], ...(isProvisioner(pod) ? { add: ['DAC_OVERRIDE', 'FOWNER'] } : {}) },
        });
      }
    }
  });

  it('mounts a token only where one is used', () => {
    for (const pod of pods) {
      expect(pod.spec.automountServiceAccountToken).toBe(isProvisioner(pod));
      const withToken = containersOf(pod).filter((each) => each.volumeMounts?.some(({ name }) => name === 'api-token'));
      expect(withToken.map(({ name }) => name)).toEqual(pod.spec.initContainers?.map(({ name }) => name) ?? []);
    }
  });

  it('keeps service links, and so KAFKA_PORT, out of the environment', () => {
    for (const { spec } of pods) expect(spec.enableServiceLinks).toBe(false);
  });

  it('mounts exactly the volumes that there are', () => {
    for (const pod of pods) {
      const templates = pod.owner.kind === 'StatefulSet' ? (pod.owner.spec.volumeClaimTemplates ?? []) : [];
      const there = [...(pod.spec.volumes ?? []), ...templates.map(({ metadata }) => metadata)].map(({ name }) => name);
      const mounted = containersOf(pod).flatMap((each) => each.volumeMounts ?? []);
      expect([...new Set(mounted.map(({ name }) => name))].sort()).toEqual([...there].sort());
      for (const each of containersOf(pod)) {
        const paths = (each.volumeMounts ?? []).map(({ mountPath }) => mountPath);
        expect(new Set(paths).size).toBe(paths.length);
      }
    }
  });

  it('says how long a pod may take to stop', () => {
    for (const { spec } of pods) expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(0);
  });

  it('has probes on every server', () => {
    for (const { owner, spec } of pods) {
      if (owner.kind !== 'StatefulSet') continue;
      for (const { startupProbe, readinessProbe, livenessProbe } of spec.containers) {
        expect([startupProbe, readinessProbe, livenessProbe].every(Boolean)).toBe(true);
        // Recovery of a log, or of a transaction log, must not end in a restart.
        expect((startupProbe?.failureThreshold ?? 0) * (startupProbe?.periodSeconds ?? 0)).toBeGreaterThanOrEqual(300);
      }
    }
  });

  it('never asks ZooKeeper whether a broker is alive', () => {
    for (const { owner, spec } of pods) {
      if (owner.metadata.labels?.['app.kubernetes.io/component'] !== 'broker') continue;
      const { livenessProbe } = spec.containers[0];
      expect(livenessProbe?.httpGet?.path === '/live' || livenessProbe?.tcpSocket?.port === 'internal').toBe(true);
    }
  });

  it('has selectors that match the pods they are meant for, and no others', () => {
    for (const { kind, metadata, spec } of manifests) {
      if (!['StatefulSet', 'Deployment', 'PodDisruptionBudget', 'Service'].includes(kind)) continue;
      const { 'statefulset.kubernetes.io/pod-name': podName, ...selector } =
        kind === 'Service' ? spec.selector : spec.selector.matchLabels;
      const chosen = pods.filter(
        (pod) => matches(selector, pod.labels) && pod.owner.metadata.namespace === metadata.namespace,
      );
      expect(chosen.map(({ owner }) => owner.metadata.name)).toHaveLength(1);
      const [{ owner }] = chosen;
      if (kind === 'StatefulSet' || kind === 'Deployment') expect(owner.metadata.name).toBe(metadata.name);
      if (podName !== undefined) expect(podName.slice(0, podName.lastIndexOf('-'))).toBe(owner.metadata.name);
    }
  });

  it('spreads pods by a selector that matches them', () => {
    for (const { owner, labels, spec } of pods) {
      if (owner.kind !== 'StatefulSet') continue;
      expect(spec.topologySpreadConstraints?.map(({ topologyKey }) => topologyKey)).toEqual([
        'kubernetes.io/hostname',
        'topology.kubernetes.io/zone',
      ]);
      for (const { labelSelector } of spec.topologySpreadConstraints ?? []) {
        expect(matches(labelSelector.matchLabels, labels)).toBe(true);
      }
    }
  });

  it('points the ports of Services at ports that containers have', () => {
    for (const { spec } of ofKind(manifests, 'Service')) {
      const [pod] = pods.filter(({ labels }) => matches(withoutPodName(spec.selector), labels));
      const ports = pod.spec.containers.flatMap((each) => each.ports ?? []);
      for (const { port, targetPort } of spec.ports as { port: number; targetPort: string }[]) {
        expect(ports).toContainEqual({ name: targetPort, containerPort: port });
      }
    }
  });

  it('labels everything, and no claim template with what may change', () => {
    for (const { kind, metadata, spec } of manifests) {
      if (kind === 'Namespace') continue;
      expect(Object.keys(metadata.labels ?? {})).toEqual(
        expect.arrayContaining(
          ['name', 'instance', 'component', 'managed-by'].map((each) => `app.kubernetes.io/${each}`),
        ),
      );
      for (const template of kind === 'StatefulSet' ? (spec.volumeClaimTemplates ?? []) : []) {
        expect(JSON.stringify(template)).not.toContain('app.kubernetes.io/version');
      }
    }
  });

  it('holds no secret: Secrets are referenced by name', () => {
    expect(ofKind(manifests, 'Secret')).toEqual([]);
    for (const { data } of ofKind(manifests, 'ConfigMap')) {
      for (const [key, value] of parseProperties(data['server.properties'] ?? '')) {
        if (/password|jaas|secret/.test(key)) expect(value).toMatch(/^\$\{[a-z]+:[^}]+\}$/);
      }
    }
  });

  it('puts a namespace on what has one, and on nothing else', () => {
    const without = ['Namespace', 'ClusterRole', 'ClusterRoleBinding', 'StorageClass', 'PersistentVolume'];
    for (const { kind, metadata } of manifests) {
      expect(metadata.namespace === undefined).toBe(without.includes(kind));
    }
  });

  it('ends every grant at an account and role that are there', () => {
    for (const { kind, metadata, roleRef, subjects } of manifests) {
      if (kind !== 'RoleBinding' && kind !== 'ClusterRoleBinding') continue;
      const { kind: role, name } = roleRef as { kind: string; name: string };
      expect(ofKind(manifests, role).map((each) => each.metadata.name)).toContain(name);
      for (const subject of subjects as { kind: string; name: string; namespace: string }[]) {
        const account = ofKind(manifests, subject.kind).find((each) => each.metadata.name === subject.name);
        expect(account?.metadata.namespace).toBe(subject.namespace);
        if (metadata.namespace !== undefined) expect(metadata.namespace).toBe(subject.namespace);
      }
    }
  });

  it('refers only to ConfigMaps that are there', () => {
    const there = ofKind(manifests, 'ConfigMap');
    for (const { owner, spec } of pods) {
      for (const volume of spec.volumes ?? []) {
        const reference = volume.configMap as { name: string } | undefined;
        if (!reference) continue;
        const map = there.find((each) => each.metadata.name === reference.name);
        expect(map?.metadata.namespace).toBe(owner.metadata.namespace);
        for (const { name, subPath } of spec.containers[0].volumeMounts ?? []) {
          if (name === volume.name && subPath !== undefined) expect(Object.keys(map?.data ?? {})).toContain(subPath);
        }
      }
    }
  });
});
