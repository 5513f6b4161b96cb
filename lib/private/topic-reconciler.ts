import { Lazy, Size } from 'cdk8s';
import { Cpu, k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import type { KafkaCluster } from '../kafka-cluster';
import type { KafkaTopic } from '../kafka-topic';
import { objectLabels, selectorLabels } from './labels';
import { containerSecurityContext, podSecurityContext, scratchVolume } from './pods';
import { renderResources } from './quantities';
import { reject } from './reject';

const directory = '/etc/odradek';

/**
 * One Deployment for all topics of a cluster: it reads topics.json (a mounted directory, so that changes reach it
 * without a restart) and makes the cluster agree with it. A Job could not: its template never changes.
 */
export class TopicReconciler extends Construct {
  private readonly topics: KafkaTopic[] = [];

  constructor(scope: Construct, id: string, cluster: KafkaCluster, instance: string) {
    super(scope, id);
    const image = cluster._toolsImage;
    if (!image?.isOdradek) {
      return reject(
        cluster,
        'toolsImage',
        image?.reference,
        'BrokerImage.odradek(): its `odradek reconcile` makes the topics',
      );
    }
    const [internal] = cluster.listeners;
    if (internal.securityProtocol.name !== 'PLAINTEXT') {
      reject(
        cluster,
        `listener ${internal.name}: securityProtocol`,
        internal.securityProtocol.name,
        'PLAINTEXT, for KafkaTopic',
      );
    }
    const name = `${cluster.name}-topics`;
    const { namespace } = cluster;
    const workload = { name: 'kafka', instance, component: 'topic-reconciler' };
    const labels = objectLabels(workload);
    const selector = selectorLabels(workload);
    new k8s.KubeConfigMap(this, 'config', {
      metadata: { name, namespace, labels },
      data: { 'topics.json': Lazy.any({ produce: () => this.render() }) as string },
    });
    new k8s.KubeDeployment(this, 'deployment', {
      metadata: { name, namespace, labels: { ...labels, 'app.kubernetes.io/version': image.version } },
      spec: {
        replicas: 1,
        strategy: { type: 'Recreate' },
        selector: { matchLabels: selector },
        template: {
          metadata: { labels: { ...labels, 'app.kubernetes.io/version': image.version } },
          spec: {
            automountServiceAccountToken: false,
            enableServiceLinks: false,
            securityContext: podSecurityContext(),
            imagePullSecrets: cluster._imagePullSecrets,
            terminationGracePeriodSeconds: 30,
            containers: [
              {
                name: 'reconcile',
                image: image.reference,
                imagePullPolicy: 'IfNotPresent',
                command: [
                  'odradek',
                  'reconcile',
                  '--bootstrap-server',
                  cluster.bootstrapServers,
                  '--file',
                  `${directory}/topics.json`,
                ],
                workingDir: '/tmp',
                resources: renderResources({
                  cpuRequest: Cpu.millis(20),
                  cpuLimit: Cpu.millis(500),
                  memoryRequest: Size.mebibytes(64),
                  memoryLimit: Size.mebibytes(256),
                }),
                securityContext: containerSecurityContext(),
                volumeMounts: [
                  { name: 'topics', mountPath: directory, readOnly: true },
                  { name: 'tmp', mountPath: '/tmp' },
                ],
              },
            ],
            volumes: [{ name: 'topics', configMap: { name, defaultMode: 0o444 } }, scratchVolume('tmp', '16Mi')],
          },
        },
      },
    });
  }

  /** Adds a topic, unless another has its name, or one that Kafka's metrics could not tell from it. */
  add(topic: KafkaTopic): void {
    for (const other of this.topics) {
      if (metricName(other.name) !== metricName(topic.name)) continue;
      reject(
        topic,
        'name',
        topic.name,
        `a name of its own (. and _ count as one): ${other.node.path} is ${other.name}`,
      );
    }
    this.topics.push(topic);
  }

  private render(): string {
    const topics = this.topics.map((topic) => topic._document()).sort((one, other) => (one.name < other.name ? -1 : 1));
    return `${JSON.stringify({ topics }, null, 2)}\n`;
  }
}

function metricName(name: string): string {
  return name.replaceAll('.', '_');
}
