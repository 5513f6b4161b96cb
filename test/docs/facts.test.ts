import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { BrokerConfig } from '../../broker/src/config';
import { parseProperties } from '../../broker/src/config/properties';
import { commands } from '../../broker/src/cli/commands';
import { handlers } from '../../broker/src/server/handlers';
import { blocksOf, documents, readDocument, root, where } from './documents';

const pages = [...documents, 'docs/constructs.md', 'docs/configuration-keys.md', 'CONTRIBUTING.md'];
const allBlocks = documents.flatMap((document) => blocksOf(document));

function readJson(file: string): Record<string, Record<string, string>> {
  return JSON.parse(readFileSync(join(root, file), 'utf8')) as Record<string, Record<string, string>>;
}

/** As GitHub makes anchors of headings. */
function anchors(page: string): string[] {
  return [...page.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe('what the generator writes', () => {
  it('is there as it would write it now', () => {
    execFileSync(process.execPath, [join(root, 'scripts/generate-docs.js'), '--check'], { stdio: 'pipe' });
  });

  it('agrees with the number in the README', () => {
    expect(readDocument('README.md')).toContain(`[${handlers.length} API keys]`);
  });
});

describe('links', () => {
  it.each(pages)('of %s lead somewhere', (page) => {
    const text = readDocument(page);
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [file, anchor] = target.split('#');
      const path = file === '' ? page : join(dirname(page), file);
      expect(existsSync(join(root, path)), `${page} links to ${target}`).toBe(true);
      if (anchor !== undefined) expect(anchors(readDocument(path)), `${page} links to ${target}`).toContain(anchor);
    }
  });

  it('lead to every page', () => {
    const readme = readDocument('README.md');
    const linked = readdirSync(join(root, 'docs')).filter((name) => !readme.includes(`docs/${name}`));
    expect(linked).toEqual([]);
  });
});

describe('blocks', () => {
  it('are all of a kind that is looked at', () => {
    const uses: Readonly<Record<string, readonly string[]>> = {
      sh: ['run', 'root', 'server', 'interop', 'elsewhere', 'npm'],
      py: ['interop'],
      ts: ['run'],
      properties: ['file'],
      json: ['file'],
      text: ['log', 'run'],
    };
    for (const block of allBlocks) {
      expect(uses[block.language] ?? [], `${where(block)}: ${block.language} ${block.use}`).toContain(block.use);
    }
  });

  it('are bash', () => {
    for (const block of allBlocks.filter(({ language }) => language === 'sh')) {
      const { status, stderr } = spawnSync('bash', ['-n'], { input: block.code, encoding: 'utf8' });
      expect(status, `${where(block)}: ${stderr}`).toBe(0);
    }
  });

  it('that name scripts of npm name those that are there', () => {
    const scripts = Object.keys(readJson('package.json').scripts);
    const named = pages.flatMap((page) =>
      [...readDocument(page).matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name]) => name),
    );
    expect(named.filter((name) => !scripts.includes(name))).toEqual([]);
    for (const { code } of allBlocks.filter(({ use }) => use === 'npm')) {
      for (const [, name] of code.matchAll(/^npm (?:run )?([\w:-]+)/gm)) expect(scripts).toContain(name);
    }
  });

  it('with properties are accepted by the broker', () => {
    for (const block of allBlocks.filter(({ language }) => language === 'properties')) {
      expect(BrokerConfig.check(parseProperties(block.code)).problems, where(block)).toEqual([]);
    }
  });
});

describe('commands for docker and Kubernetes', () => {
  const named = allBlocks
    .filter(({ use }) => use === 'elsewhere')
    .flatMap((block) => block.code.split('\n').map((command) => ({ block, command })));

  it('are of these programs', () => {
    for (const { block, command } of named) expect(command, where(block)).toMatch(/^(docker|kubectl|npm run|git) /);
  });

  it('name files and images that are there', () => {
    const images = readFileSync(join(root, 'dist/bigdata.k8s.yaml'), 'utf8');
    for (const { block, command } of named) {
      for (const [, file] of command.matchAll(/ -f (?!-)(\S+)/g)) {
        expect(existsSync(join(root, file)), `${where(block)}: ${file}`).toBe(true);
      }
      for (const [image] of command.matchAll(/registry\.example\/\S+/g)) expect(images, where(block)).toContain(image);
    }
  });

  it('name objects of the manifests', () => {
    for (const { block, command } of named) {
      const [, namespace, rest] = /^kubectl -n (\S+) (.*)/.exec(command) ?? [];
      if (namespace === undefined) continue;
      const objects = objectsOf(`dist/${namespace}.k8s.yaml`);
      for (const [, name] of rest.matchAll(/\bstatefulset\/(\S+)/g)) {
        expect(objects, where(block)).toContain(`StatefulSet ${name}`);
      }
      for (const [, name] of rest.matchAll(/ port-forward (\S+)-\d+ /g)) {
        expect(objects, where(block)).toContain(`StatefulSet ${name}`);
      }
    }
  });

  function objectsOf(file: string): string[] {
    return parseAllDocuments(readFileSync(join(root, file), 'utf8')).map((document) => {
      const { kind, metadata } = document.toJS() as { kind: string; metadata: { name: string } };
      return `${kind} ${metadata.name}`;
    });
  }
});

describe('tables', () => {
  it('of the README give a reason for each dependency, and for no other', () => {
    const broker = Object.keys(readJson('broker/package.json').dependencies);
    const root = readJson('package.json');
    const [, section] = /^## Dependencies\n([^]*?)^## /m.exec(readDocument('README.md')) ?? [];
    const rows = [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name);
    expect(rows.toSorted()).toEqual(broker.toSorted());
    for (const name of [
      ...Object.keys(root.dependencies ?? {}),
      ...Object.keys(root.peerDependencies),
      ...Object.keys(root.optionalDependencies),
    ]) {
      expect(section).toContain(`\`${name}\``);
    }
  });

  it('of operations.md name every command and its names in Kafka', () => {
    const [, section] = /^## Commands\n([^]*?)^## /m.exec(readDocument('docs/operations.md')) ?? [];
    const rows = section.split('\n').filter((line) => line.startsWith('|'));
    for (const { name, kafkaNames } of commands) {
      const row = rows.find((each) => each.split('|')[1].includes(`\`${name}\``));
      expect(row, name).toBeDefined();
      for (const kafkas of kafkaNames) expect(row).toContain(`\`${kafkas}\``);
    }
  });

  it('of interoperability.md name every test beside real peers', () => {
    const text = readDocument('docs/interoperability.md');
    const tests = readdirSync(join(root, 'test/interop')).filter((name) => name.endsWith('.test.ts'));
    expect(tests.filter((name) => !text.includes(name))).toEqual([]);
  });
});
