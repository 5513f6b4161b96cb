import { describe, expect, it } from 'vitest';
import { differencesBetween, formatDifferences } from '../../lib/tool/difference';
import { parseManifests } from '../../lib/tool/manifest';

function report(old: string, current: string): string[] {
  return [...formatDifferences(differencesBetween(parseManifests(old, 'old'), parseManifests(current, 'current')))];
}

const config = (text: string) =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: n}\ndata:\n  file: |\n${text.replace(/^/gm, '    ')}\n`;

describe('the difference of manifests', () => {
  it('is nothing when only order and writing differ', () => {
    const one =
      'apiVersion: v1\nkind: Service\nmetadata:\n  name: s\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n';
    const other =
      'kind: Namespace\napiVersion: "v1"\nmetadata: {name: n}\n---\nkind: Service\nmetadata: {name: s}\napiVersion: v1\n';
    expect(report(one, other)).toEqual([]);
  });

  it('names objects that are new or gone, and the places of a change with both values', () => {
    const set = (replicas: number, image: string) =>
      `apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: kafka, namespace: n}\nspec:\n  replicas: ${replicas}\n` +
      `  containers: [{name: log}, {name: kafka, image: "${image}"}]\n`;
    const gone = '---\napiVersion: v1\nkind: Service\nmetadata: {name: old, namespace: n}\n';
    const added = '---\napiVersion: v1\nkind: Service\nmetadata: {name: new, namespace: n}\n';
    expect(report(set(3, 'a:1') + gone, set(5, 'a:2') + added)).toEqual([
      '~ StatefulSet n/kafka',
      '    spec.replicas: 3 -> 5',
      '    spec.containers[kafka].image: "a:1" -> "a:2"',
      '+ Service n/new',
      '- Service n/old',
    ]);
  });

  it('shows files line by line', () => {
    expect(report(config('a=1\nb=2\nc=3'), config('a=1\nb=3\nc=3\nd=4'))).toEqual([
      '~ ConfigMap n/c',
      '    data.file:',
      '      - b=2',
      '      + b=3',
      '      + d=4',
    ]);
  });

  it('is not made of what is no manifest', () => {
    expect(() => parseManifests('a: [', 'x.yaml')).toThrow(/^x\.yaml: /);
    expect(() => parseManifests('a: 1', 'x.yaml')).toThrow('x.yaml: document 1 is no Kubernetes object');
  });
});
