import { type ApiObject, Size } from 'cdk8s';
import { k8s, type ContainerResources, Cpu } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { objectLabels, selectorLabels } from './private/labels';
import { namespaceOf, requireDnsLabel, requireLabelValue, requirePinnedImage } from './private/names';
import { containerSecurityContext, fieldEnv, podSecurityContext, scratchVolume, spread } from './private/pods';
import { bytesOf, completeResources, renderResources, sizeText } from './private/quantities';
import { reject } from './private/reject';
import { refuseDuplicates } from './private/tree';
import { makeStatefulSet, renderStorage } from './private/volumes';
import { warn } from './private/warnings';
import { loginMount, loginVolume, serverEntries, writeJaas } from './private/zookeeper-login';
import type { Storage } from './storage';
import { ZooKeeperAuthentication } from './zookeeper-authentication';
import { isChroot, type IZooKeeper } from './zookeeper-ref';

export interface ZooKeeperEnsembleProps {
  /** Where data and transaction log are kept: one claim (or directory) for both. */
  readonly storage: Storage;
  /**
   * The StatefulSet's and the client Service's name; the headless Service is NAME-headless.
   *
   * @default 'zookeeper'
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
   * An odd number: an even one needs one more server for a majority and survives no more failures.
   *
   * @default 3
   */
  readonly replicas?: number;
  /**
   * The official image, or one that keeps its contract: /docker-entrypoint.sh, ZOO_ variables, user 1000, bash and nc.
   *
   * @default 'docker.io/library/zookeeper:3.9.3'
   */
  readonly image?: string;
  /**
   * @default ZooKeeperAuthentication.anonymous()
   */
  readonly authentication?: ZooKeeperAuthentication;
  /**
   * @default - requests 100m and 512Mi, limits 1 and 1Gi
   */
  readonly resources?: ContainerResources;
  /**
   * The JVM's heap.
   *
   * @default - half of the memory limit, at most 1Gi
   */
  readonly heap?: Size;
  /**
   * Whether a server never shares a node with another; a pod waits then until there is a node for it.
   *
   * @default false
   */
  readonly distinctNodes?: boolean;
  /**
   * @default 'cluster.local'
   */
  readonly clusterDomain?: string;
  /**
   * @default - none
   */
  readonly imagePullSecrets?: string[];
}

const clientPort = 2181;
const dataRoot = '/var/lib/zookeeper';
const scratch = '/run/zookeeper';

/**
 * A ZooKeeper ensemble on the official image.
 *
 * @example
 * const zookeeper = new ZooKeeperEnsemble(chart, 'zookeeper', {
 *   namespace: 'bigdata',
 *   storage: Storage.persistent({ size: Size.gibibytes(1), storageClass: StorageClassRef.named('bigdata-nfs-storage') }),
 * });
 */
export class ZooKeeperEnsemble extends Construct implements IZooKeeper {
  readonly name: string;
  readonly namespace: string;
  readonly authentication: ZooKeeperAuthentication;
  readonly replicas: number;
  readonly storage: Storage;
  /** Every server by its own name, so that a client passes over one that is down: HOST:2181,HOST:2181,HOST:2181. */
  readonly connectString: string;
  /** The client Service, for people: HOST:2181. */
  readonly serviceAddress: string;
  /** The workload itself, for what has no prop: addJsonPatch. */
  readonly statefulSet: ApiObject;

  constructor(scope: Construct, id: string, props: ZooKeeperEnsembleProps) {
    super(scope, id);
    const name = props.name ?? 'zookeeper';
    const namespace = namespaceOf(this, props.namespace);
    const image = props.image ?? 'docker.io/library/zookeeper:3.9.3';
    const replicas = props.replicas ?? 3;
    const domain = `svc.${props.clusterDomain ?? 'cluster.local'}`;
    const headless = `${name}-headless`;
    // A pod's name is a DNS label, and so is the StatefulSet's revision label: NAME-1234567890.
    requireDnsLabel(this, 'name', name, 52);
    requireLabelValue(this, 'instance', props.instance ?? name);
    requirePinnedImage(this, 'image', image);
    if (!Number.isInteger(replicas) || replicas < 1 || replicas > 7 || replicas % 2 === 0) {
      reject(this, 'replicas', replicas, '1, 3, 5 or 7 (an even number survives no more failures than one less)');
    }
    if (replicas === 1) warn(this, 'replicas is 1: when this pod restarts, the Kafka cluster can change nothing');
    const volumes = props.storage._volumes();
    if (volumes.length !== 1) reject(this, 'storage', `${volumes.length} volumes`, 'one volume');

    const resources = completeResources(this, props.resources, {
      cpuRequest: Cpu.millis(100),
      cpuLimit: Cpu.units(1),
      memoryRequest: Size.mebibytes(512),
      memoryLimit: Size.gibibytes(1),
    });
    const limit = bytesOf(resources.memoryLimit);
    const heap = props.heap ?? Size.mebibytes(Math.max(1, Math.floor(Math.min(limit / 2, 2 ** 30) / 2 ** 20)));
    const heapMebibytes = bytesOf(heap) / 2 ** 20;
    if (bytesOf(heap) > limit * 0.8 || !Number.isInteger(heapMebibytes)) {
      reject(
        this,
        'heap',
        sizeText(heap),
        `whole mebibytes, at most 80 % of the memory limit ${sizeText(resources.memoryLimit)} (the JVM needs memory beside its heap)`,
      );
    }

    this.name = name;
    this.namespace = namespace;
    this.replicas = replicas;
    this.storage = props.storage;
    this.authentication = props.authentication ?? ZooKeeperAuthentication.anonymous();
    const hosts = Array.from(
      { length: replicas },
      (_, ordinal) => `${name}-${ordinal}.${headless}.${namespace}.${domain}`,
    );
    this.connectString = hosts.map((host) => `${host}:${clientPort}`).join(',');
    this.serviceAddress = `${name}.${namespace}.${domain}:${clientPort}`;

    const workload = { name: 'zookeeper', instance: props.instance ?? name, component: 'zookeeper' };
    const labels = objectLabels(workload);
    const selector = selectorLabels(workload);
    const ports = [
      { name: 'client', port: clientPort, targetPort: k8s.IntOrString.fromString('client') },
      { name: 'follower', port: 2888, targetPort: k8s.IntOrString.fromString('follower') },
      { name: 'election', port: 3888, targetPort: k8s.IntOrString.fromString('election') },
    ];

    new k8s.KubeService(this, 'headless-service', {
      metadata: { name: headless, namespace, labels },
      // Servers find each other before any of them is ready: readiness is the quorum.
      spec: { clusterIp: 'None', publishNotReadyAddresses: true, selector, ports },
    });
    new k8s.KubeService(this, 'service', {
      metadata: { name, namespace, labels },
      spec: { type: 'ClusterIP', selector, ports: ports.slice(0, 1) },
    });
    new k8s.KubePodDisruptionBudget(this, 'disruption-budget', {
      metadata: { name, namespace, labels },
      spec: {
        maxUnavailable: k8s.IntOrString.fromNumber(1),
        selector: { matchLabels: selector },
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
      },
    });

    const { credentials } = this.authentication;
    const storage = renderStorage(volumes, ['data'], selector);
    const env: k8s.EnvVar[] = [
      fieldEnv('POD_NAME', 'metadata.name'),
      { name: 'ZOO_CONF_DIR', value: `${scratch}/conf` },
      { name: 'ZOOCFGDIR', value: `${scratch}/conf` },
      { name: 'ZOO_LOG_DIR', value: `${scratch}/logs` },
      { name: 'ZOO_DATA_DIR', value: `${dataRoot}/data` },
      { name: 'ZOO_DATA_LOG_DIR', value: `${dataRoot}/log` },
      {
        name: 'ZOO_SERVERS',
        value: hosts.map((host, ordinal) => `server.${ordinal + 1}=${host}:2888:3888;${clientPort}`).join(' '),
      },
      { name: 'ZOO_STANDALONE_ENABLED', value: String(replicas === 1) },
      { name: 'ZOO_TICK_TIME', value: '2000' },
      { name: 'ZOO_INIT_LIMIT', value: '10' },
      { name: 'ZOO_SYNC_LIMIT', value: '5' },
      { name: 'ZOO_MAX_CLIENT_CNXNS', value: '200' },
      { name: 'ZOO_AUTOPURGE_PURGEINTERVAL', value: '1' },
      { name: 'ZOO_AUTOPURGE_SNAPRETAINCOUNT', value: '3' },
      { name: 'ZOO_ADMINSERVER_ENABLED', value: 'false' },
      { name: 'ZOO_4LW_COMMANDS_WHITELIST', value: 'ruok,srvr,stat,stats,mntr,cons,conf' },
      {
        name: 'ZOO_CFG_EXTRA',
        value: [
          'quorumListenOnAllIPs=true',
          ...(credentials
            ? [
                'authProvider.sasl=org.apache.zookeeper.server.auth.SASLAuthenticationProvider',
                'enforce.auth.enabled=true',
                'enforce.auth.schemes=sasl',
              ]
            : []),
        ].join(' '),
      },
      { name: 'ZK_SERVER_HEAP', value: String(heapMebibytes) },
      ...(credentials
        ? [{ name: 'SERVER_JVMFLAGS', value: `-Djava.security.auth.login.config=${scratch}/conf/server-jaas.conf` }]
        : []),
    ];

    this.statefulSet = makeStatefulSet(this, 'stateful-set', {
      metadata: { name, namespace, labels },
      spec: {
        serviceName: headless,
        replicas,
        podManagementPolicy: 'Parallel',
        updateStrategy: { type: 'RollingUpdate' },
        persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
        selector: { matchLabels: selector },
        template: {
          metadata: { labels },
          spec: {
            automountServiceAccountToken: false,
            enableServiceLinks: false,
            securityContext: podSecurityContext(),
            imagePullSecrets: props.imagePullSecrets?.map((secret) => ({ name: secret })),
            terminationGracePeriodSeconds: 60,
            topologySpreadConstraints: spread(selector, props.distinctNodes ?? false),
            containers: [
              {
                name: 'zookeeper',
                image,
                imagePullPolicy: 'IfNotPresent',
                command: ['/bin/bash', '-c', startScript(credentials !== undefined)],
                env,
                ports: [
                  { name: 'client', containerPort: clientPort },
                  { name: 'follower', containerPort: 2888 },
                  { name: 'election', containerPort: 3888 },
                ],
                resources: renderResources(resources),
                securityContext: containerSecurityContext(),
                startupProbe: probe(imok, 2, 150),
                readinessProbe: probe(inQuorum, 5, 3),
                livenessProbe: probe(imok, 10, 6),
                volumeMounts: [
                  { name: 'data', mountPath: dataRoot },
                  { name: 'run', mountPath: scratch },
                  { name: 'tmp', mountPath: '/tmp' },
                  ...(credentials ? [loginMount] : []),
                ],
              },
            ],
            volumes: [
              ...storage.volumes,
              scratchVolume('run', '64Mi'),
              scratchVolume('tmp', '64Mi'),
              ...(credentials ? [loginVolume(credentials)] : []),
            ],
          },
        },
        volumeClaimTemplates: storage.templates,
      },
    });
    refuseDuplicates(this, { namespace, matchLabels: selector });
  }

  /**
   * The same ensemble below a znode of its own: several Kafka clusters can share it.
   *
   * @param path such as /kafka
   */
  withChroot(path: string): IZooKeeper {
    if (path === '' || !isChroot(path)) reject(this, 'withChroot', path, 'a znode path such as /kafka');
    return new ChrootedEnsemble(this, path);
  }
}

/** An ensemble below one of its znodes. */
class ChrootedEnsemble implements IZooKeeper {
  readonly connectString: string;
  readonly authentication: ZooKeeperAuthentication;

  constructor(
    readonly ensemble: ZooKeeperEnsemble,
    path: string,
  ) {
    this.connectString = `${ensemble.connectString}${path}`;
    this.authentication = ensemble.authentication;
  }
}

/** The ensemble of this app behind a reference, if it is one. */
export function ensembleOf(zookeeper: IZooKeeper): ZooKeeperEnsemble | undefined {
  if (zookeeper instanceof ZooKeeperEnsemble) return zookeeper;
  return zookeeper instanceof ChrootedEnsemble ? zookeeper.ensemble : undefined;
}

/**
 * The official entrypoint writes zoo.cfg and myid only where there are none: a zoo.cfg of an earlier container goes
 * first, and myid follows the ordinal. The image's conf holds the logging configuration.
 */
function startScript(login: boolean): string {
  return [
    'set -euo pipefail',
    'export ZOO_MY_ID=$((${POD_NAME##*-} + 1))',
    'mkdir -p "$ZOO_DATA_DIR" "$ZOO_DATA_LOG_DIR" "$ZOO_LOG_DIR" "$ZOO_CONF_DIR"',
    'rm -f "$ZOO_CONF_DIR"/zoo.cfg*',
    'cp -R /conf/. "$ZOO_CONF_DIR"',
    '[ "$(cat "$ZOO_DATA_DIR/myid" 2>/dev/null)" = "$ZOO_MY_ID" ] || echo "$ZOO_MY_ID" >"$ZOO_DATA_DIR/myid"',
    ...(login ? writeJaas('"$ZOO_CONF_DIR/server-jaas.conf"', 'Server', serverEntries) : []),
    'exec /docker-entrypoint.sh zkServer.sh start-foreground',
    '',
  ].join('\n');
}

// printf, not echo: with an unread newline ZooKeeper's close is a reset, and nc prints nothing.
const imok = `[ "$(printf ruok | nc -w 2 127.0.0.1 ${clientPort})" = imok ]`;
const inQuorum = `printf srvr | nc -w 2 127.0.0.1 ${clientPort} | grep -q '^Mode: '`;

function probe(command: string, periodSeconds: number, failureThreshold: number): k8s.Probe {
  return { exec: { command: ['/bin/bash', '-c', command] }, periodSeconds, timeoutSeconds: 5, failureThreshold };
}
