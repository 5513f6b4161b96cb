import { describe, expect, it } from 'vitest';
import { KafkaCluster, Listener } from '../../lib';
import { apache, disk, odradek, zookeeperRef } from './charts';
import { find, makeChart, type Manifest, messageOf, ofKind, synth } from './manifests';

function build(listeners: Listener[], image = odradek, toolsImage = odradek): Manifest[] {
  return synth(
    (chart) =>
      new KafkaCluster(chart, 'kafka', {
        namespace: 'data',
        image,
        toolsImage,
        zookeeper: zookeeperRef,
        storage: disk,
        listeners,
      }),
  );
}

function refused(...listeners: Listener[]): string {
  return messageOf(() => build([Listener.internal(), ...listeners]));
}

function script(...listeners: Listener[]): string {
  return find(build([Listener.internal(), ...listeners]), 'ConfigMap').data['start.sh'];
}

describe('Listener.nodePort', () => {
  it('makes one Service a pod, with its node port, that finds the pod before it is ready', () => {
    const services = ofKind(
      build([Listener.internal(), Listener.nodePort({ host: 'node', firstNodePort: 30090 })]),
      'Service',
    );
    expect(services.map(({ metadata }) => metadata.name)).toEqual([
      'kafka-headless',
      'kafka',
      'kafka-external-0',
      'kafka-external-1',
      'kafka-external-2',
    ]);
    expect(services[3].spec).toEqual({
      type: 'NodePort',
      publishNotReadyAddresses: true,
      selector: {
        'app.kubernetes.io/name': 'kafka',
        'app.kubernetes.io/instance': 'kafka',
        'app.kubernetes.io/component': 'broker',
        'statefulset.kubernetes.io/pod-name': 'kafka-1',
      },
      ports: [{ name: 'external', port: 9094, targetPort: 'external', nodePort: 30091 }],
    });
    expect(services[1].spec.ports).toHaveLength(1);
  });

  it('advertises another address for each pod', () => {
    expect(script(Listener.nodePort({ host: 'node.example.com', firstNodePort: 30090 }))).toContain(
      "at_external=('node.example.com:30090' 'node.example.com:30091' 'node.example.com:30092')",
    );
    expect(script(Listener.nodePort({ hosts: ['a', 'b', 'c'], nodePorts: [30001, 30001 + 1, 30007] }))).toContain(
      "at_external=('a:30001' 'b:30002' 'c:30007')",
    );
  });
});

describe('Listener.loadBalancer', () => {
  it('makes one Service a pod, with what the load balancer is told', () => {
    const manifests = build([
      Listener.internal(),
      Listener.loadBalancer({
        host: 'kafka-{ordinal}.example.com',
        loadBalancerClass: 'example.com/lb',
        sourceRanges: ['10.0.0.0/8'],
        annotations: { 'external-dns.alpha.kubernetes.io/hostname': 'kafka-{ordinal}.example.com' },
      }),
    ]);
    expect(find(manifests, 'Service', 'kafka-external-2')).toMatchObject({
      metadata: { annotations: { 'external-dns.alpha.kubernetes.io/hostname': 'kafka-2.example.com' } },
      spec: {
        type: 'LoadBalancer',
        loadBalancerClass: 'example.com/lb',
        loadBalancerSourceRanges: ['10.0.0.0/8'],
        ports: [{ port: 9094 }],
      },
    });
    expect(find(manifests, 'ConfigMap').data['start.sh']).toContain(
      "at_external=('kafka-0.example.com:9094' 'kafka-1.example.com:9094' 'kafka-2.example.com:9094')",
    );
  });
});

describe('discover', () => {
  const manifests = build([Listener.internal(), Listener.nodePort({ discover: true })]);

  it('gives a token to the init container, and to nothing else', () => {
    const { spec } = find(manifests, 'StatefulSet').spec.template;
    expect(spec.serviceAccountName).toBe('kafka');
    expect(spec.automountServiceAccountToken).toBe(false);
    expect(spec.initContainers?.[0].volumeMounts?.map(({ name }) => name)).toContain('api-token');
    expect(spec.containers[0].volumeMounts?.map(({ name }) => name)).not.toContain('api-token');
  });

  it('may read the cluster’s own Services, and nodes where node ports are', () => {
    expect(find(manifests, 'Role').rules).toEqual([
      {
        apiGroups: [''],
        resources: ['services'],
        resourceNames: ['kafka-external-0', 'kafka-external-1', 'kafka-external-2'],
        verbs: ['get'],
      },
    ]);
    expect(find(manifests, 'ClusterRole').rules).toEqual([{ apiGroups: [''], resources: ['nodes'], verbs: ['get'] }]);
    const balanced = build([Listener.internal(), Listener.loadBalancer({ discover: true })]);
    expect(ofKind(balanced, 'ClusterRole')).toEqual([]);
  });

  it('is not there where the address is said', () => {
    const said = build([Listener.internal(), Listener.nodePort({ host: 'node', firstNodePort: 30090 })]);
    expect(ofKind(said, 'ServiceAccount')).toEqual([]);
    expect(find(said, 'StatefulSet').spec.template.spec.initContainers).toBeUndefined();
  });

  it('needs our image, for Apache’s too', () => {
    expect(
      messageOf(() => build([Listener.internal(), Listener.loadBalancer({ discover: true })], apache, apache)),
    ).toBe(
      'test/kafka: toolsImage: "docker.io/apache/kafka:3.9.1" is refused; accepted: BrokerImage.odradek(): discover runs its program there',
    );
  });
});

describe('refusals', () => {
  const where = 'test/kafka: listeners[1]';
  it.each<[string, Listener, string]>([
    [
      'no address',
      Listener.nodePort({ firstNodePort: 30090 }),
      `${where}: [] is refused; accepted: one of host (with '{ordinal}' for the pod's), hosts (one a broker) or discover: true`,
    ],
    [
      'two kinds of address',
      Listener.loadBalancer({ host: 'a', discover: true }),
      `${where}: ["host","discover"] is refused; accepted: one of host (with '{ordinal}' for the pod's), hosts (one a broker) or discover: true`,
    ],
    [
      'no node port',
      Listener.nodePort({ host: 'node' }),
      `${where}: nothing is refused; accepted: firstNodePort (broker N gets it plus N), nodePorts (one a broker) or discover: true`,
    ],
    [
      'one address for all brokers',
      Listener.loadBalancer({ host: 'kafka.example.com' }),
      `test/kafka: listener EXTERNAL: advertised address: "kafka.example.com:9094" is refused; accepted: another one than broker 0 (EXTERNAL) has: '{ordinal}' in host, or hosts`,
    ],
    [
      'a node port twice',
      Listener.nodePort({ hosts: ['a', 'b', 'c'], nodePorts: [30001, 30002, 30001] }),
      'test/kafka: listener EXTERNAL: node port: 30001 is refused; accepted: another one than broker 0 (EXTERNAL) has',
    ],
    [
      'an address that clients cannot reach',
      Listener.nodePort({ host: 'localhost', firstNodePort: 30090 }),
      `${where}.host: "localhost" is refused; accepted: a name or address that clients reach: no port, not localhost, not 0.0.0.0`,
    ],
    [
      'an address with a port',
      Listener.nodePort({ host: 'node:30090', firstNodePort: 30090 }),
      `${where}.host: "node:30090" is refused; accepted: a name or address that clients reach: no port, not localhost, not 0.0.0.0`,
    ],
    [
      'too few addresses',
      Listener.loadBalancer({ hosts: ['a', 'b'] }),
      `${where}.hosts: ["a","b"] is refused; accepted: one for each of the 3 brokers`,
    ],
    [
      'a node port that is no port',
      Listener.nodePort({ host: 'node', firstNodePort: 65534 }),
      `${where}: node port of broker 2: 65536 is refused; accepted: a whole number from 1 to 65535`,
    ],
    [
      'a name twice',
      Listener.internal({ port: 9093 }),
      `${where}.name: "INTERNAL" is refused; accepted: up to 15 of A-Z and 0-9, a letter first, not HTTP, and no two listeners of one name`,
    ],
    [
      'the name of the port of /ready',
      Listener.internal({ name: 'HTTP', port: 9093 }),
      `${where}.name: "HTTP" is refused; accepted: up to 15 of A-Z and 0-9, a letter first, not HTTP, and no two listeners of one name`,
    ],
    [
      'a port twice',
      Listener.internal({ name: 'OTHER' }),
      `${where}.port: 9092 is refused; accepted: a port of its own, other than 9404, 9092`,
    ],
    [
      'the port of /ready',
      Listener.internal({ name: 'OTHER', port: 9404 }),
      `${where}.port: 9404 is refused; accepted: a port of its own, other than 9404, 9092`,
    ],
  ])('%s', (_, listener, message) => {
    expect(refused(listener)).toBe(message);
  });

  it('a pod’s Service whose name would be too long', () => {
    const name = 'a'.repeat(52);
    const make = (brokers: number): unknown =>
      synth((chart) => {
        const listeners = [Listener.internal(), Listener.nodePort({ host: 'node', firstNodePort: 30090 })];
        const props = { namespace: 'data', image: odradek, zookeeper: zookeeperRef, storage: disk };
        new KafkaCluster(chart, 'kafka', { ...props, name, brokers, listeners });
      });
    make(10);
    expect(messageOf(() => make(11))).toBe(
      `test/kafka: listener EXTERNAL: the name of its Service: "${name}-external-10" is refused; accepted: up to 63 of a-z, 0-9 and -, a letter first and no - last`,
    );
  });

  it('no internal listener first', () => {
    expect(messageOf(() => build([Listener.nodePort({ host: 'node', firstNodePort: 30090 })]))).toBe(
      'test/kafka: listeners: ["EXTERNAL"] is refused; accepted: Listener.internal() first: the brokers use it among themselves',
    );
    expect(messageOf(() => makeChart(() => build([])))).toMatch(/listeners: \[\] is refused/);
  });
});
