import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Yaml } from 'cdk8s';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bigdata, SscpTest } from '../../main';
import { ApacheKafka, EveryOption } from '../lib/charts';
import { manifestsOf } from '../lib/manifests';

const dist = join(__dirname, '../../dist');
const script = join(__dirname, '../kubernetes/kube.sh');

let directory = '';
let environment: NodeJS.ProcessEnv = {};

/** A port that is free now, for programs that can't take port 0. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function kube(command: string): string {
  return execFileSync('bash', [script, command], {
    encoding: 'utf8',
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** A new, empty server in place of the one before. */
async function startServer(): Promise<void> {
  environment = {
    ...process.env,
    KUBE_RIG: join(directory, 'rig'),
    KUBE_PORT: String(await freePort()),
    ETCD_PORT: String(await freePort()),
  };
  const [, kubeconfig, path] = /^export KUBECONFIG=(\S+) PATH=([^:]+):/m.exec(kube('up')) ?? [];
  expect(kubeconfig).toBeDefined();
  environment = { ...environment, KUBECONFIG: kubeconfig, PATH: `${path}:${process.env.PATH}` };
}

function kubectl(...args: string[]): string[] {
  const output = execFileSync('kubectl', args, {
    encoding: 'utf8',
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return output.split('\n').filter((line) => line !== '');
}

/** Everything that the charts make, with the version that a change would raise. */
function versions(): string[] {
  const kinds = 'ns,cm,svc,sa,pod,pv,pvc,sts,deploy,pdb,sc,clusterrole,clusterrolebinding,role,rolebinding';
  const column = 'KIND:.kind,SPACE:.metadata.namespace,NAME:.metadata.name,VERSION:.metadata.resourceVersion';
  const ours = ['app.kubernetes.io/managed-by=odradek', 'pod-security.kubernetes.io/enforce'];
  return ours.flatMap((label) =>
    kubectl('get', kinds, '-A', '-l', label, '--no-headers', '-o', `custom-columns=${column}`),
  );
}

/** What the files' objects are called when kubectl is done with them: KIND/NAME VERB. */
function count(lines: readonly string[], verb: string): number {
  return lines.filter((line) => line.endsWith(` ${verb}`)).length;
}

const everything = [Bigdata, SscpTest].flatMap((chart) => manifestsOf(new chart(new App())));

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'odradek-kube-'));
  // Of its own: kube.sh ends whatever runs in the directory that it is given.
  environment = { ...process.env, KUBE_RIG: join(directory, 'rig') };
});

afterAll(() => {
  kube('down');
  rmSync(directory, { recursive: true, force: true });
});

describe('a Kubernetes API server with both namespaces', () => {
  beforeAll(async () => {
    await startServer();
    for (const name of ['bigdata', 'sscp-test', 'every', 'apache']) kubectl('create', 'namespace', name);
  });

  it('accepts every object of dist/', () => {
    const lines = kubectl('apply', '--dry-run=server', '-f', dist);
    expect(lines).toHaveLength(everything.length);
    // The namespaces were made without our label.
    expect(count(lines, 'configured (server dry run)')).toBe(2);
    expect(count(lines, 'created (server dry run)')).toBe(everything.length - 2);
  });

  it.each([
    ['with every option', EveryOption],
    ['of Apache Kafka', ApacheKafka],
  ])('accepts every object of a chart %s', (_, chart) => {
    const manifests = manifestsOf(new chart(new App()));
    const file = join(directory, 'chart.yaml');
    writeFileSync(file, Yaml.stringify(...manifests));
    const lines = kubectl('apply', '--dry-run=server', '-f', file);
    expect(count(lines, 'created (server dry run)')).toBe(manifests.length);
  });

  it('refuses a mistyped field: it does look', () => {
    const [manifest] = manifestsOf(new SscpTest(new App())).filter(({ kind }) => kind === 'StatefulSet');
    const file = join(directory, 'mistyped.yaml');
    writeFileSync(file, Yaml.stringify({ ...manifest, spec: { ...manifest.spec, podManagmentPolicy: 'Parallel' } }));
    expect(() => kubectl('apply', '--dry-run=server', '-f', file)).toThrow(/unknown field "spec\.podManagmentPolicy"/);
  });
});

describe('an empty Kubernetes API server', () => {
  beforeAll(startServer);

  it('takes dist/ in one apply, namespaces first, and nothing changes at the second', () => {
    const first = kubectl('apply', '-f', dist);
    expect(first[0]).toBe('namespace/bigdata created');
    expect(count(first, 'created')).toBe(everything.length);
    const before = versions();
    expect(before).toHaveLength(everything.length);

    const second = kubectl('apply', '-f', dist);
    expect(versions()).toEqual(before);
    // kubectl always sends a budget's selector, and then says "configured".
    const budgets = second.filter((line) => line.startsWith('poddisruptionbudget.policy/'));
    expect(budgets).toHaveLength(4);
    expect(count(second, 'unchanged')).toBe(everything.length - budgets.length);
    expect(kubectl('diff', '-f', dist)).toEqual([]);
  });
});
