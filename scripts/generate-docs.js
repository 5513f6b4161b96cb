#!/usr/bin/env node
'use strict';
// Writes what the code knows better than a writer: docs/configuration-keys.md from the tables of keys, and the table of
// API keys in docs/interoperability.md from the broker's handlers. With --check it writes nothing and fails if one is
// stale.
const fs = require('node:fs');
const path = require('node:path');

const root = path.dirname(__dirname);

require('ts-node').register({
  transpileOnly: true,
  project: path.join(root, 'tsconfig.json'),
  compilerOptions: { rootDir: root },
});
const { brokerKeys } = require('../broker/src/config/broker-keys');
const { dynamicOnlyKeys } = require('../broker/src/config/keys/dynamic-only');
const { topicKeys } = require('../broker/src/config/topic-keys');
const { topicSynonyms } = require('../broker/src/config/synonyms');
const { Apis } = require('../broker/src/protocol/api-keys');
const { handlers } = require('../broker/src/server/handlers');

function cell(text) {
  return text.replaceAll('|', '\\|').replace(/\s+/g, ' ');
}

function row(...cells) {
  return `| ${cells.map(cell).join(' | ')} |`;
}

function table(heads, rows) {
  return [row(...heads), `|${heads.map(() => '---|').join('')}`, ...rows].join('\n');
}

function shownDefault(value) {
  if (value === null) return '';
  return value === '' ? '(empty)' : `\`${value}\``;
}

const heads = { acts: 'acts', accepted: 'no effect', refused: 'refused' };

function supportOf({ support }) {
  if (support.kind === 'acts') return heads.acts;
  return `**${heads[support.kind]}**: ${support.kind === 'accepted' ? support.note : support.instead}`;
}

/** Kafka's internal keys are for its own tests. */
function entries(keys) {
  return Object.entries(keys)
    .filter(([, { internal }]) => !internal)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function count(keys, kind) {
  return entries(keys).filter(([, { support }]) => support.kind === kind).length;
}

function counts(keys) {
  return (
    `${entries(keys).length} keys: ${count(keys, 'acts')} act, ${count(keys, 'accepted')} are accepted without effect, ` +
    `${count(keys, 'refused')} are refused unless they have their default.`
  );
}

function brokerRows(keys) {
  return entries(keys).map(([key, definition]) =>
    row(`\`${key}\``, shownDefault(definition.default), definition.mode ?? '', supportOf(definition)),
  );
}

function topicRows() {
  return entries(topicKeys).map(([key, definition]) =>
    row(
      `\`${key}\``,
      shownDefault(definition.default),
      topicSynonyms[key].map((synonym) => `\`${synonym}\``).join(', '),
      supportOf(definition),
    ),
  );
}

function configurationKeys() {
  const own = { ...brokerKeys, ...dynamicOnlyKeys };
  return [
    '# Every key, and what this broker does with it',
    '',
    '<!-- Written by scripts/generate-docs.js from broker/src/config; do not edit. -->',
    '',
    'Names, types, defaults and accepted values are those of Apache Kafka 3.9. [configuration.md](configuration.md)',
    'explains the treatments.',
    '',
    '## server.properties',
    '',
    counts(own),
    '',
    'At runtime: `per-broker` and `cluster-wide` keys may be changed with `kafka-configs`, the others at a start.',
    '',
    table(['Key', 'Default', 'At runtime', 'Here'], brokerRows(own)),
    '',
    '## Topics',
    '',
    counts(topicKeys),
    '',
    'Where a topic does not set a key, the broker key beside it counts.',
    '',
    table(['Key', 'Default', 'Broker key', 'Here'], topicRows()),
    '',
  ].join('\n');
}

function apiTable() {
  const handled = new Map(handlers.map(({ api }) => [api.key, api]));
  const all = Object.values(Apis).sort((a, b) => a.key - b.key);
  const rows = all
    .filter(({ key }) => handled.has(key))
    .map(({ key, name, minVersion, maxVersion }) => row(String(key), name, `${minVersion}–${maxVersion}`));
  const others = all.filter(({ key }) => !handled.has(key)).map(({ key, name }) => `${name} (${key})`);
  return [table(['Key', 'Name', 'Versions'], rows), '', `Not handled, and so not offered: ${others.join(', ')}.`].join(
    '\n',
  );
}

/** The document with what stands between the marks of a generated part replaced. */
function withPart(file, name, content) {
  const [begin, end] = [`<!-- generated: ${name} -->`, `<!-- /generated: ${name} -->`];
  const text = fs.readFileSync(path.join(root, file), 'utf8');
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${file} has no ${begin} … ${end}`);
  return `${text.slice(0, from + begin.length)}\n${content}\n${text.slice(to)}`;
}

const wanted = new Map([
  ['docs/configuration-keys.md', configurationKeys()],
  ['docs/interoperability.md', withPart('docs/interoperability.md', 'apis', apiTable())],
]);

for (const [file, text] of wanted) {
  const target = path.join(root, file);
  if (fs.existsSync(target) && fs.readFileSync(target, 'utf8') === text) continue;
  if (process.argv[2] === '--check') {
    process.stderr.write(`${file} is stale: run \`node scripts/generate-docs.js\`.\n`);
    process.exitCode = 1;
  } else {
    fs.writeFileSync(target, text);
  }
}
