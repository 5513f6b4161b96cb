import { createHash } from 'node:crypto';
import { type ApiObject, Chart, Duration, Size } from 'cdk8s';
import { k8s, type ContainerResources, Cpu } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import type { BrokerImage } from './broker-image';
import type { KafkaBrokerConfig } from './kafka-config.generated';
import { Listener, type ListenerSpec } from './listener';
import { addressesOf, checkListeners, externalSpecs, httpPort, nodePortOf, withOrdinal } from './private/advertised';
import { checkServerProperties } from './private/broker-properties';
import {
  DiscoveryAccount,
  discoveryContainer,
  type DiscoveryInput,
  discoveryProgram,
  podServiceName,
  tokenVolume,
} from './private/discovery';
import { defaultOf, readBrokerConfig, readExtraProperties } from './private/kafka-keys';
import { objectLabels, selectorLabels } from './private/labels';
import { namespaceOf, requireDnsLabel, requireLabelValue } from './private/names';
import { containerSecurityContext, fieldEnv, podSecurityContext, scratchVolume, spread } from './private/pods';
import { bytesOf, completeResources, renderResources, sizeText } from './private/quantities';
import { refusal, reject, requireInteger } from './private/reject';
import { mergeProperties, type OwnedKeys, renderServerProperties } from './private/server-properties';
import { configDirectory, runDirectory, startScript } from './private/start-script';
import { TopicReconciler } from './private/topic-reconciler';
import { refuseDuplicates } from './private/tree';
import { makeStatefulSet, renderStorage } from './private/volumes';
import { warn } from './private/warnings';
import { loginMount, loginVolume } from './private/zookeeper-login';
import type { Rack } from './rack';
import type { Storage } from './storage';
import { ensembleOf } from './zookeeper-ensemble';
import type { IZooKeeper } from './zookeeper-ref';

/** Files of a Secret for the brokers: keystores, or what a config provider reads. */
export interface SecretMount {
  readonly secretName: string;
  /** An absolute path, neither above nor below /etc/kafka or where the cluster keeps its own files. */
  readonly mountPath: string;
}

export interface KafkaClusterProps {
  /** What the pods run. */
  readonly image: BrokerImage;
  /** A ZooKeeperEnsemble, one of its chroots, or ZooKeeperRef.at('HOST:PORT,…'). */
  readonly zookeeper: IZooKeeper;
  /** Each volume of it becomes one of `log.dirs`. */
  readonly storage: Storage;
  /**
   * The StatefulSet's and the bootstrap Service's name; the headless Service is NAME-headless.
   *
   * @default 'kafka'
   */
  readonly name?: string;
  /**
   * @default - the chart's namespace
   */
  readonly namespace?: string;
  /**
   * The label app.kubernetes.io/instance: a release's name, where several workloads share one.
   *
   * @default - the name
   */
  readonly instance?: string;
  /**
   * @default 3
   */
  readonly brokers?: number;
  /**
   * The broker.id of the first pod; the others follow. Another value than 0 is for a second cluster of pods that joins
   * the brokers of the first.
   *
   * @default 0
   */
  readonly firstBrokerId?: number;
  /**
   * Copies of each partition, for topics that say nothing else and for Kafka's own topics.
   *
   * @default - 3, or the number of brokers if there are fewer
   */
  readonly replicationFactor?: number;
  /**
   * Copies that must have a record before acks=all is answered.
   *
   * @default - one less than the replication factor, at least 1
   */
  readonly minInsyncReplicas?: number;
  /**
   * Whether a replica that lacks records may become leader when no other is left: they are lost then.
   *
   * @default false
   */
  readonly uncleanLeaderElection?: boolean;
  /**
   * How long records are kept.
   *
   * @default Duration.days(7)
   */
  readonly logRetention?: Duration;
  /**
   * How large a segment of the log becomes; whole segments are deleted.
   *
   * @default Size.gibibytes(1)
   */
  readonly logSegmentSize?: Size;
  /**
   * The largest record batch, as it is compressed.
   *
   * @default - 1048588 bytes
   */
  readonly messageMaxSize?: Size;
  /**
   * The first one is internal: the brokers use it among themselves.
   *
   * @default [Listener.internal()]
   */
  readonly listeners?: Listener[];
  /**
   * @default - no rack
   */
  readonly rack?: Rack;
  /**
   * Any other key of server.properties, in camelCase.
   *
   * @default - Kafka's defaults
   */
  readonly config?: KafkaBrokerConfig;
  /**
   * Keys that have no prop: listener.name.…, config.providers and those of plugins.
   *
   * @default - none
   */
  readonly extraProperties?: { readonly [key: string]: string };
  /**
   * @default - none
   */
  readonly secrets?: SecretMount[];
  /**
   * @default - requests 500m and 1Gi, limits 2 and 2Gi
   */
  readonly resources?: ContainerResources;
  /**
   * The JVM's heap, used with BrokerImage.apache() only.
   *
   * @default - half of the memory limit
   */
  readonly heap?: Size;
  /**
   * How long a broker may take to open its port: it recovers its log first.
   *
   * @default Duration.minutes(30)
   */
  readonly startupTimeout?: Duration;
  /**
   * How long a broker may take to hand over its partitions and close its log.
   *
   * @default Duration.minutes(3)
   */
  readonly terminationGracePeriod?: Duration;
  /**
   * Whether a broker never shares a node with another; a pod waits then until there is a node for it.
   *
   * @default false
   */
  readonly distinctNodes?: boolean;
  /**
   * The image whose `odradek` command reconciles topics and discovers addresses.
   *
   * @default - image, if it is BrokerImage.odradek()
   */
  readonly toolsImage?: BrokerImage;
  /**
   * @default 'cluster.local'
   */
  readonly clusterDomain?: string;
  /**
   * @default - none
   */
  readonly imagePullSecrets?: string[];
}

const dataDirectory = '/var/lib/kafka/data';

/**
 * A Kafka cluster on a ZooKeeper: a StatefulSet of brokers, its Services, its budget for disruptions, and one
 * server.properties that is the same for this project's broker and for Apache Kafka.
 *
 * @example
 * const kafka = new KafkaCluster(chart, 'kafka', {
 *   namespace: 'bigdata',
 *   image: BrokerImage.odradek({ repository: 'registry.example/odradek', tag: '0.1.0' }),
 *   zookeeper: ZooKeeperRef.at('zookeeper.bigdata.svc.cluster.local:2181'),
 *   storage: Storage.persistent({ size: Size.gibibytes(8), storageClass: StorageClassRef.named('bigdata-nfs-storage') }),
 *   config: { numPartitions: 3, autoCreateTopicsEnable: false },
 * });
 */
export class KafkaCluster extends Construct {
  readonly name: string;
  readonly namespace: string;
  readonly image: BrokerImage;
  readonly brokers: number;
  readonly replicationFactor: number;
  readonly minInsyncReplicas: number;
  readonly listeners: Listener[];
  /** The bootstrap Service at the first internal listener: HOST:PORT. */
  readonly bootstrapServers: string;
  /** The text of server.properties, without what each pod adds. */
  readonly serverProperties: string;
  /** The workload itself, for what has no prop: addJsonPatch. */
  readonly statefulSet: ApiObject;

  /** @internal */
  readonly _properties: ReadonlyMap<string, string>;
  /** @internal */
  readonly _firstBrokerId: number;
  /** @internal */
  readonly _toolsImage?: BrokerImage;
  /** @internal */
  readonly _imagePullSecrets?: k8s.LocalObjectReference[];
  private readonly instance: string;
  private reconciler?: TopicReconciler;

  constructor(scope: Construct, id: string, props: KafkaClusterProps) {
    super(scope, id);
    this.name = props.name ?? 'kafka';
    requireDnsLabel(this, 'name', this.name, 52);
    this.namespace = namespaceOf(this, props.namespace);
    this.instance = props.instance ?? this.name;
    requireLabelValue(this, 'instance', this.instance);
    this.image = props.image;
    this._toolsImage = props.toolsImage ?? (props.image.isOdradek ? props.image : undefined);
    this._imagePullSecrets = props.imagePullSecrets?.map((name) => ({ name }));
    this.brokers = props.brokers ?? 3;
    requireInteger(this, 'brokers', this.brokers, 1, 1000);
    this.replicationFactor = props.replicationFactor ?? Math.min(3, this.brokers);
    const atMostBrokers = `, the number of brokers`;
    requireInteger(this, 'replicationFactor', this.replicationFactor, 1, this.brokers, atMostBrokers);
    this.minInsyncReplicas = props.minInsyncReplicas ?? Math.max(1, this.replicationFactor - 1);
    const atMostFactor = `, the replication factor`;
    requireInteger(this, 'minInsyncReplicas', this.minInsyncReplicas, 1, this.replicationFactor, atMostFactor);
    this.listeners = props.listeners ?? [Listener.internal()];
    checkListeners(this, this.listeners, this.brokers);
    this.checkProtocols();

    const podDomain = `${this.name}-headless.${this.namespace}.svc.${props.clusterDomain ?? 'cluster.local'}`;
    this.bootstrapServers = `${podDomain.replace('-headless.', '.')}:${this.listeners[0].port}`;
    this._properties = this.decideProperties(props);
    checkServerProperties(this, this._properties, this.image.isOdradek);
    this.serverProperties = renderServerProperties(this._properties);
    this._firstBrokerId = this.firstBrokerId(props);
    this.warnAbout(props);

    const workload = { name: 'kafka', instance: this.instance, component: 'broker' };
    const labels = objectLabels(workload);
    const selector = selectorLabels(workload);
    const specs = this.listeners.map((listener) => listener._spec);
    this.makeServices(specs, labels, selector);
    new k8s.KubePodDisruptionBudget(this, 'disruption-budget', {
      metadata: { name: this.name, namespace: this.namespace, labels },
      spec: {
        maxUnavailable: k8s.IntOrString.fromNumber(this.mayBeUnavailable()),
        selector: { matchLabels: selector },
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
      },
    });

    const discovery = this.discovery(specs, labels);
    const files = this.files(props, specs, podDomain, discovery);
    new k8s.KubeConfigMap(this, 'config', {
      metadata: { name: `${this.name}-config`, namespace: this.namespace, labels },
      data: files,
    });
    this.statefulSet = this.renderStatefulSet(props, labels, selector, files, discovery);
    refuseDuplicates(this, { namespace: this.namespace, matchLabels: selector });
    this.refuseLostClusterId(props);
    this.refuseSharedBrokerIds();
  }

  /**
   * Where clients of one listener start: the bootstrap Service for an internal one, every broker's own address for an
   * external one.
   *
   * @param listenerName such as EXTERNAL; one that discovers its addresses has none at synth
   */
  bootstrapServersOf(listenerName: string): string {
    const listener = this.listeners.find(({ name }) => name === listenerName);
    if (listener === undefined) {
      return reject(this, 'bootstrapServersOf', listenerName, this.listeners.map(({ name }) => name).join(', '));
    }
    const { _spec: spec } = listener;
    if (spec.kind === 'internal') return this.bootstrapServers.replace(/\d+$/, String(spec.port));
    const addresses = addressesOf(spec, this.brokers);
    return addresses?.join(',') ?? reject(this, 'bootstrapServersOf', listenerName, 'a listener without discover');
  }

  /** @internal */
  _topics(): TopicReconciler {
    this.reconciler ??= new TopicReconciler(this, 'topics', this, this.instance);
    return this.reconciler;
  }

  private checkProtocols(): void {
    if (!this.image.isOdradek) return;
    for (const { name, securityProtocol } of this.listeners) {
      if (securityProtocol.name === 'PLAINTEXT') continue;
      reject(
        this,
        `listener ${name}: securityProtocol`,
        securityProtocol.name,
        'with BrokerImage.odradek(), PLAINTEXT; BrokerImage.apache() takes it',
      );
    }
  }

  private decideProperties(props: KafkaClusterProps): Map<string, string> {
    const { zookeeper } = props;
    const internal = [this.replicationFactor, this.minInsyncReplicas].map(String);
    const messageMax = props.messageMaxSize ? bytesOf(props.messageMaxSize) : Number(defaultOf('message.max.bytes'));
    const decided = new Map<string, string>([
      ['zookeeper.connect', zookeeper.connectString],
      // The first apply starts ZooKeeper and Kafka together; a broker that gives up is restarted for nothing.
      ['zookeeper.connection.timeout.ms', '60000'],
      ['zookeeper.session.timeout.ms', defaultOf('zookeeper.session.timeout.ms')],
      ['listeners', this.listeners.map(({ name, port }) => `${name}://:${port}`).join(',')],
      [
        'listener.security.protocol.map',
        this.listeners.map(({ name, securityProtocol }) => `${name}:${securityProtocol.name}`).join(','),
      ],
      ['inter.broker.listener.name', this.listeners[0].name],
      ['default.replication.factor', internal[0]],
      ['min.insync.replicas', internal[1]],
      ['offsets.topic.replication.factor', internal[0]],
      ['transaction.state.log.replication.factor', internal[0]],
      ['transaction.state.log.min.isr', internal[1]],
      ['unclean.leader.election.enable', String(props.uncleanLeaderElection ?? false)],
      ['auto.create.topics.enable', defaultOf('auto.create.topics.enable')],
      ['delete.topic.enable', defaultOf('delete.topic.enable')],
      ['num.partitions', defaultOf('num.partitions')],
      ['message.max.bytes', String(messageMax)],
      ['replica.fetch.max.bytes', String(Math.max(messageMax, Number(defaultOf('replica.fetch.max.bytes'))))],
      ['log.dirs', logDirectories(props.storage._volumes().length).join(',')],
      ['log.segment.bytes', String(bytesOf(props.logSegmentSize ?? Size.gibibytes(1)))],
      ['log.retention.ms', String((props.logRetention ?? Duration.days(7)).toMilliseconds())],
      ['log.retention.check.interval.ms', defaultOf('log.retention.check.interval.ms')],
      ['controlled.shutdown.enable', 'true'],
    ]);
    if (zookeeper.authentication.credentials) decided.set('zookeeper.set.acl', 'true');

    const owned: Record<string, string> = { ...ownedKeys };
    if (props.uncleanLeaderElection !== undefined) owned['unclean.leader.election.enable'] = 'uncleanLeaderElection';
    if (props.logSegmentSize) owned['log.segment.bytes'] = 'logSegmentSize';
    if (props.messageMaxSize) owned['message.max.bytes'] = 'messageMaxSize';
    if (props.logRetention) {
      for (const key of retentionKeys) owned[key] = 'logRetention';
    }
    const given = readBrokerConfig(this, props.config, this.image);
    // The finer unit wins, so that the default in milliseconds must not hide what was said in hours.
    if (retentionKeys.some((key) => given.has(key))) decided.delete('log.retention.ms');
    mergeProperties(this, decided, given, owned);
    mergeProperties(this, decided, readExtraProperties(this, props.extraProperties, this.image), owned);
    this.checkSizes(props, decided);
    return decided;
  }

  private checkSizes(props: KafkaClusterProps, decided: ReadonlyMap<string, string>): void {
    const segment = Number(decided.get('log.segment.bytes'));
    for (const { claim } of props.storage._volumes()) {
      if (claim && segment >= bytesOf(claim.size)) {
        reject(this, 'logSegmentSize', segment, `less than the ${sizeText(claim.size)} of each volume`);
      }
    }
    const request = Number(decided.get('socket.request.max.bytes') ?? defaultOf('socket.request.max.bytes'));
    const message = Number(decided.get('message.max.bytes'));
    if (message >= request) {
      reject(this, 'messageMaxSize', message, `less than socket.request.max.bytes, ${request}, in which it must fit`);
    }
    for (const key of ['offsets.topic.replication.factor', 'transaction.state.log.replication.factor']) {
      const factor = Number(decided.get(key));
      if (factor > this.brokers)
        reject(this, `config (${key})`, factor, `at most ${this.brokers}, the number of brokers`);
    }
  }

  private warnAbout(props: KafkaClusterProps): void {
    const { replicationFactor: factor, minInsyncReplicas: least } = this;
    if (factor === 1) {
      warn(
        this,
        'replicationFactor is 1: a broker that is down takes its partitions with it, and a lost volume its records',
      );
    } else if (least === factor) {
      warn(
        this,
        `minInsyncReplicas is ${least}, as the replication factor: acks=all fails while any broker is down, and the disruption budget lets no node be drained`,
      );
    } else if (least === 1) {
      warn(this, `minInsyncReplicas is 1: acks=all is answered with one copy, which can be lost with its broker`);
    }
    if (this._properties.get('unclean.leader.election.enable') === 'true') {
      warn(this, 'uncleanLeaderElection is true: acknowledged records can be lost when a broker fails');
    }
    if (!props.storage.isPersistent) warn(this, 'storage is ephemeral: a broker loses its log when its pod goes');
    const grace = (props.terminationGracePeriod ?? Duration.minutes(3)).toMilliseconds();
    const shutdown = this.longestShutdown();
    if (grace <= shutdown) {
      warn(
        this,
        `terminationGracePeriod is ${grace / 1000} s, but controlled.shutdown.max.retries with their timeouts can take ${shutdown / 1000} s: the broker may be killed while it hands over`,
      );
    }
  }

  private longestShutdown(): number {
    const value = (key: Parameters<typeof defaultOf>[0]): number => Number(this._properties.get(key) ?? defaultOf(key));
    return (
      value('controlled.shutdown.max.retries') *
      (value('controller.socket.timeout.ms') + value('controlled.shutdown.retry.backoff.ms'))
    );
  }

  /** As many as leave min ISR of every partition; with one copy there is nothing to keep, and a drain must end. */
  private mayBeUnavailable(): number {
    return this.replicationFactor === 1 ? 1 : Math.min(1, this.replicationFactor - this.minInsyncReplicas);
  }

  private makeServices(
    specs: readonly ListenerSpec[],
    labels: Record<string, string>,
    selector: Record<string, string>,
  ): void {
    const { namespace } = this;
    const ports = specs.map(({ name, port }) => ({
      name: portName(name),
      port,
      targetPort: k8s.IntOrString.fromString(portName(name)),
    }));
    const internal = ports.filter((_, index) => specs[index].kind === 'internal');
    const metrics = { name: 'http', port: httpPort, targetPort: k8s.IntOrString.fromString('http') };
    new k8s.KubeService(this, 'headless-service', {
      metadata: { name: `${this.name}-headless`, namespace, labels },
      // Brokers must reach each other before they are ready: ready is a broker whose replicas are in sync again.
      spec: {
        clusterIp: 'None',
        publishNotReadyAddresses: true,
        selector,
        ports: this.image.isOdradek ? [...ports, metrics] : ports,
      },
    });
    new k8s.KubeService(this, 'service', {
      metadata: { name: this.name, namespace, labels },
      spec: { type: 'ClusterIP', selector, ports: internal },
    });
    for (const spec of externalSpecs(this.listeners)) {
      for (let ordinal = 0; ordinal < this.brokers; ordinal++) {
        this.makePodService(spec, ordinal, labels, selector);
      }
    }
  }

  private makePodService(
    spec: ListenerSpec,
    ordinal: number,
    labels: Record<string, string>,
    selector: Record<string, string>,
  ): void {
    const { annotations = {}, sourceRanges, loadBalancerClass } = spec.external;
    const name = podServiceName(this.name, spec, ordinal);
    requireDnsLabel(this, `listener ${spec.name}: the name of its Service`, name);
    const entries = Object.entries(annotations).map(([key, value]) => [key, withOrdinal(value, ordinal)]);
    new k8s.KubeService(this, `${spec.name.toLowerCase()}-service-${ordinal}`, {
      metadata: { name, namespace: this.namespace, labels, annotations: Object.fromEntries(entries) },
      spec: {
        type: spec.kind === 'nodePort' ? 'NodePort' : 'LoadBalancer',
        // A leader is a leader whether its pod is ready or not; clients know no other way to it.
        publishNotReadyAddresses: true,
        selector: { ...selector, 'statefulset.kubernetes.io/pod-name': `${this.name}-${ordinal}` },
        ports: [
          {
            name: portName(spec.name),
            port: spec.port,
            targetPort: k8s.IntOrString.fromString(portName(spec.name)),
            nodePort: spec.kind === 'nodePort' ? nodePortOf(spec, ordinal) : undefined,
          },
        ],
        loadBalancerSourceRanges: sourceRanges,
        loadBalancerClass,
      },
    });
  }

  private discovery(specs: readonly ListenerSpec[], labels: Record<string, string>): DiscoveryInput | undefined {
    const listeners = specs.filter((spec) => spec.external.discover);
    if (listeners.length === 0) return undefined;
    if (!this._toolsImage?.isOdradek) {
      reject(this, 'toolsImage', this._toolsImage?.reference, 'BrokerImage.odradek(): discover runs its program there');
    }
    const services = listeners.flatMap((spec) =>
      Array.from({ length: this.brokers }, (_, ordinal) => podServiceName(this.name, spec, ordinal)),
    );
    const { name, namespace, _toolsImage: image } = this;
    const input = { name, namespace, labels, image, listeners, services };
    new DiscoveryAccount(this, 'discovery', input);
    return input;
  }

  private files(
    props: KafkaClusterProps,
    specs: readonly ListenerSpec[],
    podDomain: string,
    discovery: DiscoveryInput | undefined,
  ): Record<string, string> {
    return {
      'server.properties': this.serverProperties,
      'start.sh': startScript({
        odradek: this.image.isOdradek,
        brokers: this.brokers,
        firstBrokerId: this._firstBrokerId,
        listeners: specs,
        podDomain,
        rack: props.rack,
        connectString: props.zookeeper.connectString,
        zooKeeperLogin: props.zookeeper.authentication.credentials !== undefined,
      }),
      ...(this.image.isOdradek ? {} : { 'log4j.properties': log4jProperties }),
      ...(discovery ? { 'discover.js': discoveryProgram(this.name, discovery.listeners) } : {}),
    };
  }

  private firstBrokerId(props: KafkaClusterProps): number {
    const first = props.firstBrokerId ?? 0;
    const reserved = Number(this._properties.get('reserved.broker.max.id') ?? defaultOf('reserved.broker.max.id'));
    const most = reserved - this.brokers + 1;
    requireInteger(this, 'firstBrokerId', first, 0, most, ' (reserved.broker.max.id less the brokers)');
    return first;
  }

  private renderStatefulSet(
    props: KafkaClusterProps,
    labels: Record<string, string>,
    selector: Record<string, string>,
    files: Record<string, string>,
    discovery: DiscoveryInput | undefined,
  ): ApiObject {
    const { odradek, name, namespace } = { odradek: this.image.isOdradek, name: this.name, namespace: this.namespace };
    const resources = completeResources(this, props.resources, {
      cpuRequest: Cpu.millis(500),
      cpuLimit: Cpu.units(2),
      memoryRequest: Size.gibibytes(1),
      memoryLimit: Size.gibibytes(2),
    });
    const { credentials } = props.zookeeper.authentication;
    const volumes = props.storage._volumes();
    if (volumes.length === 0) reject(this, 'storage', 'no volume', 'one or more');
    const names = volumes.map((_, index) => (index === 0 ? 'data' : `data-${index}`));
    const storage = renderStorage(volumes, names, selector);
    const secrets = this.secretVolumes(props.secrets ?? [], volumes.length);
    const container: k8s.Container = {
      name: 'kafka',
      image: this.image.reference,
      imagePullPolicy: 'IfNotPresent',
      command: ['/bin/bash', `${configDirectory}/start.sh`],
      workingDir: '/tmp',
      env: [
        fieldEnv('POD_NAME', 'metadata.name'),
        ...(props.rack?.label === undefined ? [] : [fieldEnv('RACK', `metadata.labels['${props.rack.label}']`)]),
        ...(odradek ? [] : this.javaEnvironment(props, resources.memoryLimit)),
      ],
      ports: [
        ...this.listeners.map(({ name: listener, port }) => ({ name: portName(listener), containerPort: port })),
        ...(odradek ? [{ name: 'http', containerPort: httpPort }] : []),
      ],
      resources: renderResources(resources),
      securityContext: containerSecurityContext(),
      ...this.probes(props),
      volumeMounts: [
        // Files, not the directory: Apache's image declares a volume below it, which could not be made in a ConfigMap.
        ...Object.keys(files)
          .filter((file) => file !== 'discover.js')
          .map((file) => ({ name: 'config', mountPath: `${configDirectory}/${file}`, subPath: file, readOnly: true })),
        ...names.map((volume, index) => ({ name: volume, mountPath: mountPath(index) })),
        { name: 'run', mountPath: runDirectory },
        { name: 'tmp', mountPath: '/tmp' },
        ...(credentials ? [loginMount] : []),
        ...secrets.map(({ volume, mount }) => ({ name: volume.name, mountPath: mount.mountPath, readOnly: true })),
      ],
    };
    return makeStatefulSet(this, 'stateful-set', {
      metadata: { name, namespace, labels: { ...labels, 'app.kubernetes.io/version': this.image.version } },
      spec: {
        serviceName: `${name}-headless`,
        replicas: this.brokers,
        podManagementPolicy: 'Parallel',
        updateStrategy: { type: 'RollingUpdate' },
        // Apache's image tells only that its port is open; its replicas need some time after that.
        minReadySeconds: odradek ? undefined : 30,
        persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
        selector: { matchLabels: selector },
        template: {
          metadata: {
            labels: { ...labels, 'app.kubernetes.io/version': this.image.version },
            annotations: { 'odradek/config-checksum': checksum(files) },
          },
          spec: {
            automountServiceAccountToken: false,
            serviceAccountName: discovery?.name,
            enableServiceLinks: false,
            securityContext: podSecurityContext(),
            imagePullSecrets: this._imagePullSecrets,
            terminationGracePeriodSeconds: (props.terminationGracePeriod ?? Duration.minutes(3)).toSeconds(),
            topologySpreadConstraints: spread(selector, props.distinctNodes ?? false),
            initContainers: discovery
              ? [
                  discoveryContainer(
                    discovery,
                    renderResources({
                      cpuRequest: Cpu.millis(50),
                      cpuLimit: Cpu.millis(500),
                      memoryRequest: Size.mebibytes(64),
                      memoryLimit: Size.mebibytes(128),
                    }),
                  ),
                ]
              : undefined,
            containers: [container],
            volumes: [
              { name: 'config', configMap: { name: `${name}-config`, defaultMode: 0o444 } },
              ...storage.volumes,
              scratchVolume('run', '16Mi'),
              scratchVolume('tmp', '256Mi'),
              ...(credentials ? [loginVolume(credentials)] : []),
              ...secrets.map(({ volume }) => volume),
              ...(discovery ? [tokenVolume] : []),
            ],
          },
        },
        volumeClaimTemplates: storage.templates,
      },
    });
  }

  private secretVolumes(
    mounts: readonly SecretMount[],
    volumeCount: number,
  ): { volume: k8s.Volume; mount: SecretMount }[] {
    const taken = [
      configDirectory,
      runDirectory,
      '/tmp',
      loginMount.mountPath,
      ...Array.from({ length: volumeCount }, (_, index) => mountPath(index)),
    ];
    return mounts.map((mount, index) => {
      const path = mount.mountPath;
      if (
        !/^(\/[A-Za-z0-9._-]+)+$/.test(path) ||
        taken.some((other) => `${path}/`.startsWith(`${other}/`) || other.startsWith(`${path}/`))
      ) {
        reject(
          this,
          `secrets[${index}].mountPath`,
          path,
          `an absolute path, neither above nor below ${taken.join(', ')}`,
        );
      }
      taken.push(path);
      return {
        mount,
        volume: { name: `secret-${index}`, secret: { secretName: mount.secretName, defaultMode: 0o440 } },
      };
    });
  }

  /** Nothing here sets a key: Apache's image does that in an entrypoint that our command replaces. */
  private javaEnvironment(props: KafkaClusterProps, limit: Size): k8s.EnvVar[] {
    const heap = props.heap ?? Size.mebibytes(Math.max(1, Math.floor(bytesOf(limit) / 2 / 2 ** 20)));
    const mebibytes = bytesOf(heap) / 2 ** 20;
    if (!Number.isInteger(mebibytes) || bytesOf(heap) > bytesOf(limit) * 0.8) {
      reject(
        this,
        'heap',
        sizeText(heap),
        `whole mebibytes, at most 80 % of the memory limit ${sizeText(limit)} (the JVM needs memory beside its heap)`,
      );
    }
    return [
      { name: 'KAFKA_HEAP_OPTS', value: `-Xms${mebibytes}m -Xmx${mebibytes}m -XX:+ExitOnOutOfMemoryError` },
      { name: 'KAFKA_LOG4J_OPTS', value: `-Dlog4j.configuration=file:${configDirectory}/log4j.properties` },
      // Without -loggc: its files would fill the scratch directory.
      { name: 'EXTRA_ARGS', value: '-name kafkaServer' },
      { name: 'LOG_DIR', value: '/tmp' },
    ];
  }

  private probes(props: KafkaClusterProps): Pick<k8s.Container, 'startupProbe' | 'readinessProbe' | 'livenessProbe'> {
    const period = 2;
    const startup = Math.ceil((props.startupTimeout ?? Duration.minutes(30)).toSeconds() / period);
    const http = (path: string): k8s.Probe => ({ httpGet: { path, port: k8s.IntOrString.fromString('http') } });
    const port = { tcpSocket: { port: k8s.IntOrString.fromString(portName(this.listeners[0].name)) } };
    const [live, ready] = this.image.isOdradek ? [http('/live'), http('/ready')] : [port, port];
    return {
      startupProbe: { ...live, periodSeconds: period, timeoutSeconds: 5, failureThreshold: startup },
      readinessProbe: { ...ready, periodSeconds: 5, timeoutSeconds: 5, failureThreshold: 3 },
      // Two minutes: a disk that hangs for one is no reason to lose a broker.
      livenessProbe: { ...live, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 12 },
    };
  }

  /** A cluster id that ZooKeeper forgets, and every broker's log remembers: no broker starts again. */
  private refuseLostClusterId(props: KafkaClusterProps): void {
    this.node.addValidation({
      validate: () => {
        const ensemble = ensembleOf(props.zookeeper);
        const remembers = props.storage._volumes().some(({ claim }) => claim !== undefined);
        if (!ensemble || ensemble.storage.isPersistent || !remembers) return [];
        return [
          refusal(
            'zookeeper',
            `${ensemble.node.path} with ephemeral storage`,
            'persistent storage, as the brokers have: they would refuse to start with the new cluster id',
          ),
        ];
      },
    });
  }

  /** Below one znode a broker.id is one broker's: the other's registration is never accepted. */
  private refuseSharedBrokerIds(): void {
    this.node.addValidation({
      validate: () => {
        const others = Chart.of(this)
          .node.findAll()
          .filter((child): child is KafkaCluster => child instanceof KafkaCluster && child !== this)
          .filter((other) => Chart.of(other) === Chart.of(this) && sharesBrokerId(this, other));
        return others.map((other) =>
          refusal(
            'zookeeper',
            this._properties.get('zookeeper.connect'),
            `a chroot of its own, or with firstBrokerId other broker ids than ${other.node.path} has there`,
          ),
        );
      },
    });
  }
}

function sharesBrokerId(one: KafkaCluster, other: KafkaCluster): boolean {
  const connect = one._properties.get('zookeeper.connect') ?? '';
  const servers = connect.split('/')[0].split(',');
  // A name without a dot is another host in another namespace.
  const meansTheSame = one.namespace === other.namespace || servers.every((server) => /[.[]/.test(server));
  return (
    meansTheSame &&
    connect === other._properties.get('zookeeper.connect') &&
    one._firstBrokerId < other._firstBrokerId + other.brokers &&
    other._firstBrokerId < one._firstBrokerId + one.brokers
  );
}

const retentionKeys = ['log.retention.ms', 'log.retention.minutes', 'log.retention.hours'];

/** What a prop decides is not said twice. */
const ownedKeys: OwnedKeys = {
  'broker.id': 'firstBrokerId',
  'node.id': 'firstBrokerId',
  'broker.id.generation.enable': 'firstBrokerId',
  'broker.rack': 'rack',
  listeners: 'listeners',
  'advertised.listeners': 'listeners',
  'listener.security.protocol.map': 'listeners',
  'inter.broker.listener.name': 'listeners',
  'security.inter.broker.protocol': 'listeners',
  'zookeeper.connect': 'zookeeper',
  'log.dir': 'storage',
  'log.dirs': 'storage',
  'default.replication.factor': 'replicationFactor',
  'min.insync.replicas': 'minInsyncReplicas',
};

function portName(listener: string): string {
  return listener.toLowerCase();
}

function mountPath(index: number): string {
  return index === 0 ? dataDirectory : `${dataDirectory}-${index}`;
}

/** A directory below each mount: the root of a block device has a lost+found, which is no partition. */
function logDirectories(volumes: number): string[] {
  return Array.from({ length: volumes }, (_, index) => `${mountPath(index)}/log`);
}

function checksum(files: Record<string, string>): string {
  return createHash('sha256').update(JSON.stringify(files)).digest('hex');
}

const log4jProperties = [
  'log4j.rootLogger=INFO, stdout',
  'log4j.appender.stdout=org.apache.log4j.ConsoleAppender',
  'log4j.appender.stdout.layout=org.apache.log4j.PatternLayout',
  'log4j.appender.stdout.layout.ConversionPattern=[%d] %p %m (%c)%n',
  'log4j.logger.org.apache.zookeeper=WARN',
  '',
].join('\n');
