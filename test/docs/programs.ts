import { join } from 'node:path';
import * as cdk8s from 'cdk8s';
import * as kafkajs from 'kafkajs';
import ts from 'typescript';
import { expect } from 'vitest';
import * as testing from '../../broker/src/testing';
import * as odradek from '../../lib';
import { type Block, root } from './documents';

/** Where a program of a document finds what it imports, as long as the packages are not installed from a registry. */
const sources: Readonly<Record<string, string>> = {
  odradek: 'lib/index.ts',
  '@odradek/broker/testing': 'broker/src/testing/index.ts',
};

/** A program, compiled. */
export interface Program {
  readonly block: Block;
  readonly errors: readonly string[];
  readonly javascript: string;
}

/** Compiles the programs together, as strictly as the project itself. */
export function compile(blocks: readonly Block[]): Program[] {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), (file) => ts.sys.readFile(file));
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  Object.assign(options, {
    noEmit: false,
    declaration: false,
    sourceMap: false,
    module: ts.ModuleKind.CommonJS,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    // Node's own `await using` is younger than the oldest Node that is served.
    target: ts.ScriptTarget.ES2022,
    paths: Object.fromEntries(Object.entries(sources).map(([name, file]) => [name, [join(root, file)]])),
  });
  const files = new Map(blocks.map((block, i) => [join(root, `test/docs/program-${i}.ts`), block]));
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  const textOf = (name: string): string | undefined => files.get(name)?.code;
  host.getSourceFile = (name, language, ...rest) => {
    const text = textOf(name);
    return text === undefined
      ? getSourceFile.call(host, name, language, ...rest)
      : ts.createSourceFile(name, text, language);
  };
  host.fileExists = (name) => files.has(name) || fileExists.call(host, name);
  host.readFile = (name) => textOf(name) ?? readFile.call(host, name);
  const built = ts.createProgram([...files.keys()], options, host);
  return [...files].map(([name, block]) => {
    const source = built.getSourceFile(name);
    const diagnostics = [...built.getSyntacticDiagnostics(source), ...built.getSemanticDiagnostics(source)];
    let javascript = '';
    built.emit(source, (_, text) => void (javascript = text));
    return {
      block,
      errors: diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')),
      javascript,
    };
  });
}

/** Runs a program to its end, with the tests that it defines. Returns the lines that it printed. */
export async function runProgram({ javascript }: Program): Promise<string[]> {
  const printed: string[] = [];
  const tests: (() => unknown)[] = [];
  class QuietApp extends cdk8s.App {
    /** As in a program, but dist/ is not this test's. */
    override synth(): void {
      this.synthYaml();
    }
  }
  const modules: Readonly<Record<string, object>> = {
    cdk8s: { ...cdk8s, App: QuietApp },
    kafkajs,
    odradek,
    vitest: { expect, it: (_: string, test: () => unknown) => tests.push(test) },
    '@odradek/broker/testing': testing,
  };
  const require = (name: string): object => {
    const found = modules[name];
    if (found === undefined) throw new Error(`the programs of the documents do not import ${name}`);
    return found;
  };
  const console = { log: (...words: readonly unknown[]) => void printed.push(words.map(String).join(' ')) };
  const main = new Function('require', 'exports', 'console', `return (async () => {${javascript}\n})()`) as (
    ...given: readonly object[]
  ) => Promise<void>;
  await main(require, {}, console);
  for (const test of tests) await test();
  return printed;
}
