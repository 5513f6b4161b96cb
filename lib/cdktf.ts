import { ApiObject, Chart } from 'cdk8s';
import { type TerraformProvider, TerraformResource } from 'cdktf';
import type { Construct } from 'constructs';
import { canonicalQuantity } from './private/quantities';

export interface TerraformManifestsProps {
  /** The chart whose objects are to be managed by Terraform. It has to belong to a cdk8s App. */
  readonly chart: Chart;
  /**
   * The `kubernetes` provider.
   *
   * @default - Terraform's default configuration of it
   */
  readonly provider?: TerraformProvider;
}

/**
 * One `kubernetes_manifest` resource for each object of a cdk8s chart, in the chart's order: what depends on another
 * object in cdk8s, and everything in a namespace that the chart makes, says so with depends_on.
 *
 * CDK for Terraform has reached its end of life (2025-12-10); this is for stacks that are there.
 *
 * @example
 * const resources = terraformManifests(stack, { chart });
 */
export function terraformManifests(scope: Construct, props: TerraformManifestsProps): TerraformResource[] {
  const { chart, provider } = props;
  // Validates, and turns dependencies between constructs into those between objects.
  const manifests: Manifest[] = chart.toJson();
  const objects = new Map<string, ApiObject>();
  for (const child of chart.node.findAll()) {
    if (ApiObject.isApiObject(child) && Chart.of(child) === chart) objects.set(resourceId(child.toJson()), child);
  }
  const resources = new Map<string, TerraformResource>();
  for (const manifest of manifests) {
    const id = resourceId(manifest);
    const needed = new Set(
      objects
        .get(id)
        ?.node.dependencies.filter((other) => ApiObject.isApiObject(other))
        .map((other) => resourceId((other as ApiObject).toJson())),
    );
    if (manifest.metadata.namespace !== undefined) needed.add(`Namespace-${manifest.metadata.namespace}`);
    const dependsOn = [...needed].flatMap((other) => resources.get(other) ?? []);
    const resource = new TerraformResource(scope, id, {
      terraformResourceType: 'kubernetes_manifest',
      terraformGeneratorMetadata: { providerName: 'kubernetes' },
      provider,
      dependsOn: dependsOn.length > 0 ? dependsOn : undefined,
    });
    resource.addOverride('manifest', forTerraform(manifest, []));
    resources.set(id, resource);
  }
  return [...resources.values()];
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

function resourceId({ kind, metadata }: Manifest): string {
  return [kind, metadata.namespace, metadata.name].filter((part) => part !== undefined).join('-');
}

/**
 * The provider compares what it sent with what the API server gives back, so that quantities have to be in the server's
 * form; and Terraform reads every string as a template.
 */
function forTerraform(value: unknown, path: readonly string[]): unknown {
  if (typeof value === 'string') {
    return (isQuantity(path) ? canonicalQuantity(value) : value).replace(/[$%](?=\{)/g, '$&$&');
  }
  if (Array.isArray(value)) return value.map((each) => forTerraform(each, path));
  if (typeof value === 'number' && isQuantity(path)) return canonicalQuantity(String(value));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, each]) => each !== undefined && each !== null && !(path.length === 0 && key === 'status'))
      .map(([key, each]) => [key, forTerraform(each, [...path, key])]),
  );
}

/** resources.limits.cpu, capacity.storage, emptyDir.sizeLimit and their like. */
function isQuantity(path: readonly string[]): boolean {
  const [key, parent] = [path.at(-1), path.at(-2)];
  return (
    key === 'sizeLimit' ||
    ((parent === 'limits' || parent === 'requests') && path.at(-3) === 'resources') ||
    parent === 'capacity'
  );
}
