import { ApiObject, Chart, JsonPatch } from 'cdk8s';
import type { Construct, IConstruct } from 'constructs';

/** What a construct's pods are chosen by. */
export interface PodSelector {
  readonly namespace: string;
  readonly matchLabels: Readonly<Record<string, string>>;
}

const selectors = new WeakMap<IConstruct, string>();

/**
 * Refuses, at synth, what cdk8s emits without a word: two objects of the same kind, namespace and name (every apply
 * then reconfigures both), two Services with one node port, and two workloads that choose each other's pods. Charts may go to different Kubernetes
 * clusters, so only one chart's are compared. Reported by each of our constructs that owns one of the two.
 */
export function refuseDuplicates(construct: Construct, pods: PodSelector): void {
  const selector = JSON.stringify([pods.namespace, Object.entries(pods.matchLabels).sort()]);
  selectors.set(construct, selector);
  construct.node.addValidation({
    validate: () => {
      const chart = Chart.of(construct);
      const children = chart.node.findAll().filter((child) => child !== chart && Chart.of(child) === chart);
      const sharing = children.filter((child) => child !== construct && selectors.get(child) === selector);
      return [
        ...sharedNames(construct, children),
        ...sharedNodePorts(construct, children),
        ...sharing.map(
          (other) =>
            `its pods have the labels of ${other.node.path}'s: ${Object.values(pods.matchLabels).join(', ')}; accepted: labels of its own (another instance)`,
        ),
      ];
    },
  });
}

function sharedNames(construct: Construct, children: readonly IConstruct[]): string[] {
  const owners = new Map<string, ApiObject[]>();
  for (const object of children.filter((child) => ApiObject.isApiObject(child))) {
    const key = `${object.apiGroup} ${object.kind} ${object.metadata.namespace ?? ''}/${object.name}`;
    const same = owners.get(key);
    if (same) same.push(object);
    else owners.set(key, [object]);
  }
  const messages: string[] = [];
  for (const same of owners.values()) {
    if (same.length < 2 || !same.some((object) => isBelow(object, construct))) continue;
    const [first] = same;
    const where = first.metadata.namespace === undefined ? '' : ` in namespace ${first.metadata.namespace}`;
    messages.push(
      `${first.kind} ${first.name}${where} is made ${same.length} times, by ${same.map((object) => object.node.path).join(' and ')}; accepted: once (give one of them another name)`,
    );
  }
  return messages;
}

/** A node port is one Service's in the whole Kubernetes cluster, whatever its namespace. */
function sharedNodePorts(construct: Construct, children: readonly IConstruct[]): string[] {
  const owners = new Map<number, ApiObject>();
  const messages: string[] = [];
  for (const object of children) {
    if (!ApiObject.isApiObject(object) || object.kind !== 'Service') continue;
    const { spec } = object.toJson() as { spec?: { ports?: readonly { nodePort?: number }[] } };
    for (const { nodePort } of spec?.ports ?? []) {
      if (nodePort === undefined) continue;
      const first = owners.get(nodePort);
      owners.set(nodePort, first ?? object);
      if (first === undefined || ![first, object].some((each) => isBelow(each, construct))) continue;
      messages.push(
        `node port ${nodePort} is taken by ${first.node.path} and by ${object.node.path}; accepted: by one Service (give the listener of one of them other node ports)`,
      );
    }
  }
  return messages;
}

function isBelow(child: IConstruct, ancestor: IConstruct): boolean {
  return child.node.scopes.includes(ancestor);
}

/** A chart's namespace lands on every object; on one without namespaces the API server does not know it. */
export function clusterScoped<T extends ApiObject>(object: T): T {
  if (Chart.of(object).namespace !== undefined) object.addJsonPatch(JsonPatch.remove('/metadata/namespace'));
  return object;
}
