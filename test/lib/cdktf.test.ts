import { App, Chart } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import { App as TerraformApp, TerraformProvider, TerraformStack, Testing } from 'cdktf';
import { describe, expect, it } from 'vitest';
import { terraformManifests } from '../../lib/cdktf';
import { Bigdata } from '../../main';
import { EveryOption } from './charts';

/** As `cdktf get` generates it, without its arguments. */
class KubernetesProvider extends TerraformProvider {}

interface Resource {
  readonly manifest: Record<string, unknown> & { metadata: { name: string; namespace?: string } };
  readonly depends_on?: string[];
  readonly provider?: string;
}

function synth(chart: Chart, provider?: (stack: TerraformStack) => TerraformProvider): Record<string, Resource> {
  const stack = new TerraformStack(Testing.stubVersion(new TerraformApp({ stackTraces: false })), 'stack');
  terraformManifests(stack, { chart, provider: provider?.(stack) });
  const document = JSON.parse(Testing.synth(stack)) as { resource: { kubernetes_manifest: Record<string, Resource> } };
  return document.resource.kubernetes_manifest;
}

describe('terraformManifests', () => {
  it('makes one kubernetes_manifest of each object', () => {
    const chart = new Bigdata(new App());
    const resources = synth(chart);
    const manifests = (chart.toJson() as Resource['manifest'][]).map(({ metadata }) => metadata.name);
    expect(
      Object.values(resources)
        .map(({ manifest }) => manifest.metadata.name)
        .sort(),
    ).toEqual(manifests.sort());
    expect(Object.keys(resources)).toContain('StatefulSet-bigdata-kafka');
    expect(resources['StatefulSet-bigdata-kafka'].manifest).toMatchObject({
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
    });
  });

  it('makes everything in a namespace after the namespace', () => {
    const resources = synth(new Bigdata(new App()));
    for (const { manifest, depends_on: dependsOn } of Object.values(resources)) {
      const expected =
        manifest.metadata.namespace === undefined ? undefined : ['kubernetes_manifest.Namespace-bigdata'];
      expect(dependsOn).toEqual(expected);
    }
  });

  it('keeps what depends on another object in cdk8s in that order', () => {
    const chart = new Chart(new App(), 'chart');
    const later = new k8s.KubeConfigMap(chart, 'later', { metadata: { name: 'later' } });
    const sooner = new k8s.KubeConfigMap(chart, 'sooner', { metadata: { name: 'sooner' } });
    later.addDependency(sooner);
    const resources = synth(chart);
    expect(resources['ConfigMap-sooner'].depends_on).toBeUndefined();
    expect(resources['ConfigMap-later'].depends_on).toEqual(['kubernetes_manifest.ConfigMap-sooner']);
  });

  it('escapes what Terraform would take for a template', () => {
    const chart = new Chart(new App(), 'chart');
    const script = 'echo ${x} $${y} %{if z} 100% $5';
    new k8s.KubeConfigMap(chart, 'config', { metadata: { name: 'config' }, data: { script } });
    expect(synth(chart)['ConfigMap-config'].manifest.data).toEqual({ script: 'echo $${x} $$${y} %%{if z} 100% $5' });
    const start = synth(new EveryOption(new App()))['ConfigMap-every-kafka-config'].manifest.data as Record<
      string,
      string
    >;
    expect(start['start.sh']).toContain('"$${overrides[@]}"');
    expect(start['start.sh']).not.toMatch(/[^$]\$\{/);
  });

  it('writes quantities as the API server gives them back, and nothing else', () => {
    const chart = new Chart(new App(), 'chart');
    new k8s.KubePod(chart, 'pod', {
      metadata: { name: 'pod', labels: { amount: '1000m' } },
      spec: {
        containers: [
          {
            name: 'one',
            resources: { limits: { cpu: k8s.Quantity.fromString('1000m'), memory: k8s.Quantity.fromString('1024Mi') } },
          },
        ],
        volumes: [{ name: 'scratch', emptyDir: { sizeLimit: k8s.Quantity.fromString('2048Ki') } }],
      },
    });
    expect(synth(chart)['Pod-pod'].manifest).toMatchObject({
      metadata: { labels: { amount: '1000m' } },
      spec: {
        containers: [{ resources: { limits: { cpu: '1', memory: '1Gi' } } }],
        volumes: [{ emptyDir: { sizeLimit: '2Mi' } }],
      },
    });
  });

  it('names the provider', () => {
    const resources = synth(
      new Bigdata(new App()),
      (stack) => new KubernetesProvider(stack, 'kubernetes', { terraformResourceType: 'kubernetes' }),
    );
    expect(resources['Namespace-bigdata'].provider).toBe('kubernetes');
  });
});
