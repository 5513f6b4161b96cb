import { Size } from 'cdk8s';
import { Cpu, k8s, type ContainerResources } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import type { BrokerImage } from './broker-image';
import { objectLabels, selectorLabels } from './private/labels';
import { namespaceOf, requireDnsLabel } from './private/names';
import { containerSecurityContext, podSecurityContext, scratchVolume } from './private/pods';
import { completeResources, renderResources } from './private/quantities';
import { reject } from './private/reject';
import { refuseDuplicates } from './private/tree';

export interface TestClientProps {
  /** An image with the command-line tools: BrokerImage.odradek(). */
  readonly image: BrokerImage;
  /**
   * The pod's name.
   *
   * @default 'testclient'
   */
  readonly name?: string;
  /**
   * @default - the chart's namespace
   */
  readonly namespace?: string;
  /**
   * @default - requests 50m and 128Mi, limits 1 and 512Mi
   */
  readonly resources?: ContainerResources;
  /**
   * @default - none
   */
  readonly imagePullSecrets?: string[];
}

/**
 * A pod that stays up, for `kubectl exec testclient -- kafka-topics --zookeeper zookeeper:2181 --list`: Kafka's
 * commands, with and without .sh, and ZooKeeper's are on its PATH; files can be written to /tmp.
 *
 * @example
 * new TestClient(chart, 'testclient', {
 *   namespace: 'sscp-test',
 *   image: BrokerImage.odradek({ repository: 'registry.example/odradek', tag: '0.1.0' }),
 * });
 */
export class TestClient extends Construct {
  readonly name: string;
  readonly namespace: string;

  constructor(scope: Construct, id: string, props: TestClientProps) {
    super(scope, id);
    this.name = props.name ?? 'testclient';
    this.namespace = namespaceOf(this, props.namespace);
    requireDnsLabel(this, 'name', this.name);
    if (!props.image.isOdradek) {
      reject(
        this,
        'image',
        props.image.reference,
        "BrokerImage.odradek(), which has the commands on its PATH (Apache's has not)",
      );
    }
    const workload = { name: 'testclient', instance: this.name, component: 'client' };
    const labels = objectLabels(workload);
    new k8s.KubePod(this, 'pod', {
      metadata: { name: this.name, namespace: this.namespace, labels },
      spec: {
        restartPolicy: 'Always',
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: podSecurityContext(),
        imagePullSecrets: props.imagePullSecrets?.map((name) => ({ name })),
        terminationGracePeriodSeconds: 5,
        containers: [
          {
            name: 'testclient',
            image: props.image.reference,
            imagePullPolicy: 'IfNotPresent',
            // PID 1 has no default action for SIGTERM, so that tail alone would have to be killed.
            command: ['/bin/bash', '-c', "trap 'exit 0' TERM INT; tail -f /dev/null & wait"],
            workingDir: '/tmp',
            env: [{ name: 'HOME', value: '/tmp' }],
            resources: renderResources(
              completeResources(this, props.resources, {
                cpuRequest: Cpu.millis(50),
                cpuLimit: Cpu.units(1),
                memoryRequest: Size.mebibytes(128),
                memoryLimit: Size.mebibytes(512),
              }),
            ),
            securityContext: containerSecurityContext(),
            volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
          },
        ],
        volumes: [scratchVolume('tmp', '256Mi')],
      },
    });
    refuseDuplicates(this, { namespace: this.namespace, matchLabels: selectorLabels(workload) });
  }
}
