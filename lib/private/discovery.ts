import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import type { BrokerImage } from '../broker-image';
import type { ListenerSpec } from '../listener';
import { containerSecurityContext, fieldEnv } from './pods';
import { configDirectory, runDirectory } from './start-script';
import { clusterScoped } from './tree';

export interface DiscoveryInput {
  /** The StatefulSet's name, and the ServiceAccount's and roles'. */
  readonly name: string;
  readonly namespace: string;
  readonly labels: Record<string, string>;
  readonly image: BrokerImage;
  readonly listeners: readonly ListenerSpec[];
  /** The names of the per-pod Services that it may read. */
  readonly services: readonly string[];
}

/** The directory in which the API server's address is verified and the pod proves who it is. */
const accountDirectory = '/var/run/secrets/kubernetes.io/serviceaccount';

/** What an external listener's per-pod Service is called. */
export function podServiceName(cluster: string, spec: ListenerSpec, ordinal: number): string {
  return `${cluster}-${spec.name.toLowerCase()}-${ordinal}`;
}

/** The account of pods that ask the Kubernetes API for their own addresses; it may read just those. */
export class DiscoveryAccount extends Construct {
  readonly serviceAccountName: string;

  constructor(scope: Construct, id: string, { name, namespace, labels, listeners, services }: DiscoveryInput) {
    super(scope, id);
    this.serviceAccountName = name;
    const metadata = { name, namespace, labels };
    const subjects = [{ kind: 'ServiceAccount', name, namespace }];
    new k8s.KubeServiceAccount(this, 'service-account', { metadata, automountServiceAccountToken: false });
    new k8s.KubeRole(this, 'role', {
      metadata,
      rules: [{ apiGroups: [''], resources: ['services'], resourceNames: [...services], verbs: ['get'] }],
    });
    new k8s.KubeRoleBinding(this, 'role-binding', {
      metadata,
      subjects,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
    });
    if (!listeners.some((spec) => spec.kind === 'nodePort')) return;
    const clusterName = `${namespace}-${name}-nodes`;
    clusterScoped(
      new k8s.KubeClusterRole(this, 'cluster-role', {
        metadata: { name: clusterName, labels },
        rules: [{ apiGroups: [''], resources: ['nodes'], verbs: ['get'] }],
      }),
    );
    clusterScoped(
      new k8s.KubeClusterRoleBinding(this, 'cluster-role-binding', {
        metadata: { name: clusterName, labels },
        subjects,
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: clusterName },
      }),
    );
  }
}

/** The token's volume: projected, so that only the init container below mounts it. */
export const tokenVolume: k8s.Volume = {
  name: 'api-token',
  projected: {
    defaultMode: 0o440,
    sources: [
      { serviceAccountToken: { path: 'token', expirationSeconds: 3600 } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    ],
  },
};

/** Finds out what this pod's external listeners are reached by, and leaves HOST:PORT in a file for each. */
export function discoveryContainer(input: DiscoveryInput, resources: k8s.ResourceRequirements): k8s.Container {
  return {
    name: 'discover-addresses',
    image: input.image.reference,
    imagePullPolicy: 'IfNotPresent',
    command: ['node', `${configDirectory}/discover.js`],
    env: [
      fieldEnv('POD_NAME', 'metadata.name'),
      fieldEnv('POD_NAMESPACE', 'metadata.namespace'),
      fieldEnv('NODE_NAME', 'spec.nodeName'),
    ],
    resources,
    securityContext: containerSecurityContext(),
    volumeMounts: [
      { name: 'config', mountPath: `${configDirectory}/discover.js`, subPath: 'discover.js', readOnly: true },
      { name: 'run', mountPath: runDirectory },
      { name: 'api-token', mountPath: accountDirectory, readOnly: true },
    ],
  };
}

/** The program of that container: plain JavaScript for Node, built-in modules only. */
export function discoveryProgram(cluster: string, listeners: readonly ListenerSpec[]): string {
  const wanted = listeners.map((spec) => ({ listener: spec.name, kind: spec.kind, port: spec.port }));
  return `'use strict';
// Asks the Kubernetes API what this pod's external listeners are reached by; waits until it is known.
const fs = require('node:fs');
const https = require('node:https');
const { POD_NAME, POD_NAMESPACE, NODE_NAME, KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT } = process.env;
const account = process.env.ACCOUNT_DIRECTORY || '${accountDirectory}';
const output = process.env.RUN_DIRECTORY || '${runDirectory}';
const ordinal = POD_NAME.slice(POD_NAME.lastIndexOf('-') + 1);
const wanted = ${JSON.stringify(wanted)};

function get(path) {
  return new Promise((resolve, reject) => {
    const request = https.get({
      host: KUBERNETES_SERVICE_HOST,
      port: KUBERNETES_SERVICE_PORT,
      path,
      ca: fs.readFileSync(account + '/ca.crt'),
      headers: { authorization: 'Bearer ' + fs.readFileSync(account + '/token', 'utf8') },
      timeout: 10000,
    }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => (body += chunk));
      response.on('end', () => {
        if (response.statusCode !== 200) return reject(new Error(path + ': HTTP ' + response.statusCode));
        try { resolve(JSON.parse(body)); } catch (error) { reject(error); }
      });
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error(path + ': no answer in 10 s')));
    request.on('error', reject);
  });
}

async function address({ listener, kind, port }) {
  const name = '${cluster}-' + listener.toLowerCase() + '-' + ordinal;
  const service = await get('/api/v1/namespaces/' + POD_NAMESPACE + '/services/' + name);
  if (kind === 'loadBalancer') {
    const [ingress] = service.status.loadBalancer.ingress || [];
    if (!ingress) throw new Error('Service ' + name + ' has no load balancer yet');
    return bracketed(ingress.hostname || ingress.ip) + ':' + port;
  }
  const node = await get('/api/v1/nodes/' + NODE_NAME);
  const of = (type) => (node.status.addresses.find((each) => each.type === type) || {}).address;
  const host = of('ExternalIP') || of('InternalIP');
  if (!host) throw new Error('node ' + NODE_NAME + ' has no address');
  return bracketed(host) + ':' + service.spec.ports[0].nodePort;
}

function bracketed(host) {
  return host.includes(':') ? '[' + host + ']' : host;
}

(async () => {
  for (const each of wanted) {
    for (;;) {
      try {
        const found = await address(each);
        fs.writeFileSync(output + '/' + each.listener, found);
        console.log(each.listener + ' is reached by ' + found);
        break;
      } catch (error) {
        console.log('waiting: ' + error.message);
        await new Promise((resolve) => setTimeout(resolve, 2000));
      }
    }
  }
})();
`;
}
