#!/usr/bin/env node
'use strict';
// Writes test/fixtures/kubernetes-openapi-MINOR.json.gz: the JSON schemas of the kinds that the constructs emit, out of
// api/openapi-spec/swagger.json of the Go module k8s.io/kubernetes. Needs Go, and its module proxy or cache.
//   node test/kubernetes/extract-openapi.js [VERSION …]
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const zlib = require('node:zlib');

const versions = process.argv.length > 2 ? process.argv.slice(2) : ['v1.27.16', 'v1.35.4'];
const kinds = [
  'io.k8s.api.core.v1.Namespace',
  'io.k8s.api.core.v1.ConfigMap',
  'io.k8s.api.core.v1.Service',
  'io.k8s.api.core.v1.ServiceAccount',
  'io.k8s.api.core.v1.Pod',
  'io.k8s.api.core.v1.PersistentVolume',
  'io.k8s.api.core.v1.PersistentVolumeClaim',
  'io.k8s.api.apps.v1.Deployment',
  'io.k8s.api.apps.v1.StatefulSet',
  'io.k8s.api.policy.v1.PodDisruptionBudget',
  'io.k8s.api.rbac.v1.ClusterRole',
  'io.k8s.api.rbac.v1.ClusterRoleBinding',
  'io.k8s.api.rbac.v1.Role',
  'io.k8s.api.rbac.v1.RoleBinding',
  'io.k8s.api.storage.v1.StorageClass',
];

function swagger(version) {
  const elsewhere = fs.mkdtempSync(path.join(os.tmpdir(), 'openapi-'));
  try {
    const answer = execFileSync('go', ['mod', 'download', '-json', `k8s.io/kubernetes@${version}`], { cwd: elsewhere });
    const directory = JSON.parse(answer).Dir;
    return JSON.parse(fs.readFileSync(path.join(directory, 'api/openapi-spec/swagger.json'), 'utf8'));
  } finally {
    fs.rmSync(elsewhere, { recursive: true });
  }
}

/** What a validator needs: no prose, no extensions but the kind, and no property beside those that are named. */
function strict(schema, isProperties) {
  if (Array.isArray(schema)) return schema.map((each) => strict(each, false));
  if (schema === null || typeof schema !== 'object') return schema;
  if (!isProperties && schema.format === 'int-or-string') return { type: ['integer', 'string'] };
  const result = {};
  for (const [key, value] of Object.entries(schema)) {
    if (!isProperties && (key === 'description' || key === 'default' || key === 'format')) continue;
    if (!isProperties && key.startsWith('x-kubernetes-') && key !== 'x-kubernetes-group-version-kind') continue;
    result[key] = strict(value, !isProperties && key === 'properties');
  }
  if (!isProperties && result.properties && result.additionalProperties === undefined) {
    result.additionalProperties = false;
  }
  return result;
}

for (const version of versions) {
  const { definitions } = swagger(version);
  const wanted = new Set(kinds);
  const kept = {};
  for (const name of wanted) {
    if (!definitions[name]) throw new Error(`${version} has no ${name}`);
    kept[name] = strict(definitions[name], false);
    for (const [, other] of JSON.stringify(kept[name]).matchAll(/"#\/definitions\/([^"]+)"/g)) wanted.add(other);
  }
  const sorted = Object.fromEntries(
    Object.keys(kept)
      .sort()
      .map((name) => [name, kept[name]]),
  );
  const minor = /^v(\d+\.\d+)/.exec(version)[1];
  const file = path.join(__dirname, '..', 'fixtures', `kubernetes-openapi-${minor}.json.gz`);
  fs.writeFileSync(file, zlib.gzipSync(JSON.stringify({ version, kinds, definitions: sorted }), { level: 9 }));
  process.stdout.write(
    `${path.relative(process.cwd(), file)}: ${Object.keys(sorted).length} definitions of ${version}\n`,
  );
}
