import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import Ajv from 'ajv';
import { App } from 'cdk8s';
import { describe, expect, it } from 'vitest';
import { Bigdata, SscpTest } from '../../main';
import { ApacheKafka, EveryOption } from './charts';
import { find, type Manifest, manifestsOf } from './manifests';

interface KindOf {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

interface Definition {
  readonly 'x-kubernetes-group-version-kind'?: KindOf[];
}

interface Fixture {
  readonly version: string;
  readonly kinds: string[];
  readonly definitions: Record<string, Definition>;
}

/** A check of manifests against the API of one Kubernetes version; it names what is wrong with the first bad one. */
function checker(minor: string): (manifest: Manifest) => string[] {
  const file = join(__dirname, `../fixtures/kubernetes-openapi-${minor}.json.gz`);
  const { kinds, definitions } = JSON.parse(gunzipSync(readFileSync(file)).toString('utf8')) as Fixture;
  const ajv = new Ajv({ strict: false, allErrors: true });
  ajv.addSchema({ $id: 'kubernetes', definitions });
  return (manifest) => {
    const [group, version] = manifest.apiVersion.includes('/')
      ? manifest.apiVersion.split('/')
      : ['', manifest.apiVersion];
    const name = kinds.find((each) =>
      definitions[each]['x-kubernetes-group-version-kind']?.some(
        (one) => one.group === group && one.version === version && one.kind === manifest.kind,
      ),
    );
    if (name === undefined) return [`${manifest.apiVersion} ${manifest.kind} is not in ${minor}'s schemas`];
    const validate = ajv.getSchema(`kubernetes#/definitions/${name}`);
    if (validate === undefined) throw new Error(name);
    if (validate(manifest)) return [];
    const where = `${manifest.kind} ${manifest.metadata.name}`;
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${where}${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  };
}

const charts = { Bigdata, SscpTest, EveryOption, ApacheKafka };

describe.each(['1.27', '1.35'])('the API of Kubernetes %s', (minor) => {
  const check = checker(minor);

  it.each(Object.entries(charts))('accepts every object of %s', (_, chart) => {
    const manifests = manifestsOf(new chart(new App()));
    expect(manifests.length).toBeGreaterThan(9);
    expect(manifests.flatMap(check)).toEqual([]);
  });

  it('refuses a mistyped field, a wrong type and a missing one', () => {
    const bad = (change: (spec: Record<string, unknown>) => void): string[] => {
      const manifest = structuredClone(find(manifestsOf(new Bigdata(new App())), 'StatefulSet', 'kafka'));
      change(manifest.spec as Record<string, unknown>);
      return check(manifest);
    };
    expect(bad(() => undefined)).toEqual([]);
    expect(bad((spec) => (spec.podManagmentPolicy = 'Parallel'))).toEqual([
      'StatefulSet kafka/spec must NOT have additional properties {"additionalProperty":"podManagmentPolicy"}',
    ]);
    expect(bad((spec) => (spec.replicas = '3'))).toEqual([
      'StatefulSet kafka/spec/replicas must be integer {"type":"integer"}',
    ]);
    expect(bad((spec) => delete spec.selector)).toEqual([
      'StatefulSet kafka/spec must have required property \'selector\' {"missingProperty":"selector"}',
    ]);
    const deep = structuredClone(find(manifestsOf(new Bigdata(new App())), 'StatefulSet', 'kafka'));
    Object.assign(deep.spec.template.spec.containers[0].securityContext ?? {}, { runAsUsr: 1000 });
    expect(check(deep)).toEqual([
      'StatefulSet kafka/spec/template/spec/containers/0/securityContext must NOT have additional properties {"additionalProperty":"runAsUsr"}',
    ]);
  });
});
