import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as cdk8s from 'cdk8s';
import * as plus from 'cdk8s-plus-27';
import * as cdktf from 'cdktf';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import * as odradek from '../../lib';
import * as terraform from '../../lib/cdktf';

const root = join(__dirname, '../..');

interface Example {
  readonly where: string;
  readonly code: string;
}

/** The @example of every doc comment in lib/, and every block of TypeScript in the page. */
function examples(): Example[] {
  const found: Example[] = [];
  for (const file of readdirSync(join(root, 'lib')).filter((name) => name.endsWith('.ts'))) {
    const text = readFileSync(join(root, 'lib', file), 'utf8');
    for (const [, block] of text.matchAll(/ \* @example\n((?: \*.*\n)+?) \*\//g)) {
      found.push({ where: `lib/${file}`, code: block.replace(/^ \* ?/gm, '') });
    }
  }
  const page = readFileSync(join(root, 'docs/constructs.md'), 'utf8');
  [...page.matchAll(/^```ts\n([^]*?)^```$/gm)].forEach(([, code], index) => {
    found.push({ where: `docs/constructs.md, block ${index + 1}`, code });
  });
  return found;
}

/** What an example may use without saying where it comes from. */
const context: Record<string, string> = {
  app: 'const app = new App();',
  chart: "const chart = new Chart(app, 'example');",
  kafka: `const kafka = new KafkaCluster(chart, 'the-cluster', {
    image: BrokerImage.odradek({ repository: 'registry.example/odradek', tag: '0.1.0' }),
    zookeeper: ZooKeeperRef.at('zookeeper:2181'),
    storage: Storage.persistent({ size: Size.gibibytes(8) }),
  });`,
  stack: "const stack = new TerraformStack(new TerraformApp(), 'stack');",
};

const modules: Record<string, object> = {
  cdk8s,
  'cdk8s-plus-27': plus,
  cdktf,
  '../../lib': odradek,
  '../../lib/cdktf': terraform,
};

function program({ code }: Example): string {
  const own = code
    .replaceAll("from 'odradek/cdktf'", "from '../../lib/cdktf'")
    .replaceAll("from 'odradek'", "from '../../lib'");
  const imported = new Set(
    [...own.matchAll(/import \{([^}]*)\}/g)].flatMap(([, names]) => names.split(',').map((name) => name.trim())),
  );
  const needed = new Map<string, string>();
  const need = (name: string): void => {
    if (needed.has(name) || new RegExp(`(const|let) ${name}\\b`).test(own) || !(name in context)) return;
    for (const other of Object.keys(context))
      if (new RegExp(`\\b${other}\\b`).test(context[name]) && other !== name) need(other);
    needed.set(name, context[name]);
  };
  for (const name of Object.keys(context)) if (new RegExp(`\\b${name}\\b`).test(own)) need(name);
  const body = [...needed.values(), own].join('\n');
  const imports = Object.entries(modules).map(([from, exports]) => {
    const names = Object.keys(exports).filter((name) => new RegExp(`\\b${name}\\b`).test(body) && !imported.has(name));
    return names.length > 0 && from !== 'cdktf' ? `import { ${names.join(', ')} } from '${from}';` : '';
  });
  const stack = needed.has('stack') ? "import { App as TerraformApp, TerraformStack } from 'cdktf';" : '';
  return [...imports, stack, body, 'export {};'].join('\n');
}

const all = examples();
const files = new Map(all.map((example, index) => [join(root, `test/lib/example-${index}.ts`), program(example)]));

/** All examples as one program, on a file system that has them beside this test. */
function compile(): { errors: Map<string, string[]>; outputs: Map<string, string> } {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), (file) => ts.sys.readFile(file));
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  Object.assign(options, {
    noEmit: false,
    noUnusedLocals: false,
    declaration: false,
    sourceMap: false,
    module: ts.ModuleKind.CommonJS,
    moduleResolution: ts.ModuleResolutionKind.Node10,
    ignoreDeprecations: '6.0',
  });
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.getSourceFile = (name, ...rest) =>
    files.has(name)
      ? ts.createSourceFile(name, files.get(name) ?? '', ts.ScriptTarget.ES2023)
      : getSourceFile.call(host, name, ...rest);
  host.fileExists = (name) => files.has(name) || fileExists.call(host, name);
  host.readFile = (name) => files.get(name) ?? readFile.call(host, name);
  const outputs = new Map<string, string>();
  host.writeFile = (name, text) => void outputs.set(name.replace(/\.js$/, '.ts'), text);
  const built = ts.createProgram([...files.keys()], options, host);
  const errors = new Map<string, string[]>();
  for (const name of files.keys()) {
    const source = built.getSourceFile(name);
    errors.set(
      name,
      [...built.getSyntacticDiagnostics(source), ...built.getSemanticDiagnostics(source)].map((each) =>
        ts.flattenDiagnosticMessageText(each.messageText, '\n'),
      ),
    );
    built.emit(source);
  }
  return { errors, outputs };
}

describe('examples', () => {
  const { errors, outputs } = compile();

  it('are there for every construct and strategy', () => {
    const documented = new Set(all.map(({ where }) => where));
    for (const name of Object.keys(odradek)) {
      const file = `lib/${name
        .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
        .toLowerCase()
        .replace('zoo-keeper', 'zookeeper')}.ts`;
      expect(documented).toContain(file);
    }
  });

  it.each(all.map(({ where }, index) => [where, join(root, `test/lib/example-${index}.ts`)]))(
    '%s compiles and synthesizes',
    (_, file) => {
      expect(errors.get(file)).toEqual([]);
      const apps: cdk8s.App[] = [];
      class RecordedApp extends cdk8s.App {
        constructor() {
          super();
          apps.push(this);
        }
        override synth(): void {
          this.synthYaml();
        }
      }
      const require = (name: string): object => (name === 'cdk8s' ? { ...cdk8s, App: RecordedApp } : modules[name]);
      new Function('require', 'exports', outputs.get(file) ?? '')(require, {});
      for (const app of apps) app.synthYaml();
    },
  );
});
