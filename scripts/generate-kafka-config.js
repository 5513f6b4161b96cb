#!/usr/bin/env node
'use strict';
// Writes lib/kafka-config.generated.ts: the keys of broker/src/config as camelCase props, for constructs that jsii can
// export (jsii has neither mapped types nor dotted names). With --check it writes nothing and fails if the file is stale.
const fs = require('node:fs');
const path = require('node:path');

const root = path.dirname(__dirname);
const target = path.join(root, 'lib', 'kafka-config.generated.ts');

require('ts-node').register({
  transpileOnly: true,
  project: path.join(root, 'tsconfig.json'),
  compilerOptions: { rootDir: root },
});
const { brokerKeys } = require('../broker/src/config/broker-keys');
const { topicKeys } = require('../broker/src/config/topic-keys');

const tsTypes = {
  boolean: 'boolean',
  int: 'number',
  short: 'number',
  long: 'number',
  double: 'number',
  string: 'string',
  class: 'string',
  list: 'string[]',
};

/** Keys that a manifest may set: not Kafka's internal ones, and no passwords (a manifest holds no secret). */
function publicKeys(table) {
  return Object.entries(table).filter(([, { internal, type }]) => !internal && type !== 'password');
}

function camelCase(key) {
  return key.replace(/[._-](\w)/g, (_, letter) => letter.toUpperCase());
}

function comment(key, { doc, default: fallback, valid, deprecated }) {
  const lines = [doc, `Key: \`${key}\`${valid ? ` (${valid.accepts})` : ''}.`, ''];
  lines.push(`@default ${fallback === null ? '- none' : fallback === '' ? '- empty' : fallback}`);
  if (deprecated) lines.push(`@deprecated ${deprecated}`);
  return ['  /**', ...lines.map((line) => `   * ${line}`.trimEnd()), '   */'].join('\n');
}

function interfaceOf(name, doc, keys) {
  const members = keys.map(
    ([key, definition]) => `${comment(key, definition)}\n  readonly ${camelCase(key)}?: ${tsTypes[definition.type]};`,
  );
  return `/** ${doc} */\nexport interface ${name} {\n${members.join('\n\n')}\n}\n`;
}

function mapOf(name, of, keys) {
  const entries = keys.map(([key]) => `  ${camelCase(key)}: '${key}',`);
  return (
    `/**\n * The keys behind the props of ${of}.\n *\n * @internal\n */\n` +
    `export const ${name}: Readonly<Record<keyof ${of}, string>> = {\n${entries.join('\n')}\n};\n`
  );
}

async function generate() {
  const broker = publicKeys(brokerKeys);
  const topic = publicKeys(topicKeys);
  const source = [
    '// Written by scripts/generate-kafka-config.js from broker/src/config; do not edit.\n',
    interfaceOf('KafkaBrokerConfig', 'The keys of server.properties of Kafka 3.9.', broker),
    interfaceOf('KafkaTopicConfig', 'The topic keys of Kafka 3.9.', topic),
    mapOf('kafkaBrokerConfigKeys', 'KafkaBrokerConfig', broker),
    mapOf('kafkaTopicConfigKeys', 'KafkaTopicConfig', topic),
  ].join('\n');
  const prettier = await import('prettier');
  return prettier.format(source, { ...(await prettier.resolveConfig(target)), filepath: target });
}

async function main() {
  const source = await generate();
  if (process.argv[2] !== '--check') {
    fs.writeFileSync(target, source);
  } else if (!fs.existsSync(target) || fs.readFileSync(target, 'utf8') !== source) {
    process.stderr.write('lib/kafka-config.generated.ts is stale: run `npm run generate`.\n');
    process.exitCode = 1;
  }
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
});
