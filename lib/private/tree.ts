import { ApiObject, Chart, JsonPatch } from 'cdk8s';
import type { Construct, IConstruct } from 'constructs';

/**
 * Refuses, at synth, objects that would overwrite each other: cdk8s emits two objects of the same kind, namespace and
 * name without a word, and every apply then reconfigures both. Charts may go to different Kubernetes clusters, so
 * only objects of one chart are compared. Reported by each of our constructs that owns one of the two.
 */
export function refuseDuplicates(construct: Construct): void {
  construct.node.addValidation({
    validate: () => {
      const chart = Chart.of(construct);
      const owners = new Map<string, ApiObject[]>();
      for (const object of chart.node.findAll().filter((child) => ApiObject.isApiObject(child))) {
        if (Chart.of(object) !== chart) continue;
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
    },
  });
}

function isBelow(child: IConstruct, ancestor: IConstruct): boolean {
  return child.node.scopes.includes(ancestor);
}

/** A chart's namespace lands on every object; on one without namespaces the API server does not know it. */
export function clusterScoped<T extends ApiObject>(object: T): T {
  if (Chart.of(object).namespace !== undefined) object.addJsonPatch(JsonPatch.remove('/metadata/namespace'));
  return object;
}
