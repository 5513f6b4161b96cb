import { App, Chart, Testing } from 'cdk8s';

/** The parts of a container that tests look at. */
export interface Container {
  readonly name: string;
  readonly image: string;
  readonly imagePullPolicy?: string;
  readonly command?: string[];
  readonly env?: { name: string; value?: string; valueFrom?: unknown }[];
  readonly ports?: { name: string; containerPort: number }[];
  readonly resources?: { requests?: Record<string, string>; limits?: Record<string, string> };
  readonly securityContext?: {
    allowPrivilegeEscalation?: boolean;
    readOnlyRootFilesystem?: boolean;
    capabilities?: { drop?: string[]; add?: string[] };
  };
  readonly volumeMounts?: { name: string; mountPath: string; subPath?: string; readOnly?: boolean }[];
  readonly startupProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
}

export interface Probe {
  readonly httpGet?: { path: string; port: string };
  readonly tcpSocket?: { port: string };
  readonly exec?: { command: string[] };
  readonly failureThreshold?: number;
  readonly periodSeconds?: number;
}

export interface PodSpec {
  readonly containers: Container[];
  readonly initContainers?: Container[];
  readonly volumes?: ({ name: string } & Record<string, unknown>)[];
  readonly automountServiceAccountToken?: boolean;
  readonly enableServiceLinks?: boolean;
  readonly serviceAccountName?: string;
  readonly securityContext?: Record<string, unknown>;
  readonly terminationGracePeriodSeconds?: number;
  readonly topologySpreadConstraints?: {
    topologyKey: string;
    whenUnsatisfiable: string;
    labelSelector: { matchLabels: Record<string, string> };
  }[];
}

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
  };
  readonly spec: PodSpec & {
    readonly replicas: number;
    readonly selector: Record<string, string> & { matchLabels: Record<string, string> };
    readonly template: {
      metadata: { labels: Record<string, string>; annotations?: Record<string, string> };
      spec: PodSpec;
    };
    readonly volumeClaimTemplates: {
      metadata: { name: string };
      spec: { accessModes: string[]; storageClassName: string; resources: { requests: { storage: string } } };
    }[];
    readonly [field: string]: unknown;
  };
  readonly data: Record<string, string>;
  readonly [field: string]: unknown;
}

/** The objects that a chart comes to. */
export function manifestsOf(chart: Chart): Manifest[] {
  return Testing.synth(chart) as Manifest[];
}

/** What `build` adds to a new chart called test. */
export function synth(build: (chart: Chart) => void): Manifest[] {
  return manifestsOf(makeChart(build));
}

export function makeChart(build: (chart: Chart) => void): Chart {
  const chart = new Chart(new App(), 'test');
  build(chart);
  return chart;
}

export function find(manifests: readonly Manifest[], kind: string, name?: string): Manifest {
  const found = manifests.filter((each) => each.kind === kind && (name === undefined || each.metadata.name === name));
  if (found.length !== 1) {
    const there = manifests.map((each) => `${each.kind} ${each.metadata.name}`).join(', ');
    throw new Error(`${found.length} of ${kind} ${name ?? ''} among ${there}`);
  }
  return found[0];
}

export function ofKind(manifests: readonly Manifest[], kind: string): Manifest[] {
  return manifests.filter((each) => each.kind === kind);
}

/** The pods that a manifest makes, if it makes any. */
export function podOf(manifest: Manifest): { labels: Record<string, string>; spec: PodSpec } | undefined {
  if (manifest.kind === 'Pod') return { labels: manifest.metadata.labels ?? {}, spec: manifest.spec };
  if (manifest.kind !== 'StatefulSet' && manifest.kind !== 'Deployment') return undefined;
  const { template } = manifest.spec;
  return { labels: template.metadata.labels, spec: template.spec };
}

export function matches(selector: Record<string, string>, labels: Record<string, string>): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

/** What a function says when it throws. */
export function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}
