import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const root = resolve(__dirname, '../..');

/** The documents whose commands and programs are tried. Those of docs/constructs.md are tried by test/lib. */
export const documents = [
  'README.md',
  'broker/README.md',
  'docs/configuration.md',
  'docs/operations.md',
  'docs/cluster.md',
  'docs/interoperability.md',
] as const;

/**
 * A fenced block. `use` is said by a comment above it, `<!-- test: USE ARGUMENT -->`:
 * - `run`, if there is no comment: a script of bash that has to succeed (see commands.ts)
 * - `root`: as `run`, but in the directory of the project
 * - `server`: its command runs until the document ends
 * - `file NAME`: written to that file of the document's directory
 * - `interop`: as `run`, but with tools that are there in the interop tests only
 * - `elsewhere`: wants docker or a Kubernetes cluster: what it names is looked up
 * - `npm`: names scripts of package.json
 * - `log NAME`: log lines, compared with those of the scenario of that name (operations.test.ts)
 */
export interface Block {
  readonly document: string;
  /** Of the opening fence, from 1. */
  readonly line: number;
  readonly language: string;
  readonly use: string;
  readonly argument: string;
  readonly code: string;
}

export function readDocument(document: string): string {
  return readFileSync(join(root, document), 'utf8');
}

export function blocksOf(document: string): Block[] {
  const blocks: Block[] = [];
  const lines = readDocument(document).split('\n');
  for (let at = 0; at < lines.length; at++) {
    const [, language] = /^```(\w*)$/.exec(lines[at]) ?? [];
    if (language === undefined) continue;
    const [, use = 'run', argument = ''] = /^<!-- test: (\w+) ?(.*?) -->$/.exec(lines[at - 1] ?? '') ?? [];
    const end = lines.indexOf('```', at + 1);
    if (end < 0) throw new Error(`${document}:${at + 1}: the block has no end`);
    blocks.push({ document, line: at + 1, language, use, argument, code: lines.slice(at + 1, end).join('\n') });
    at = end;
  }
  return blocks;
}

export function where({ document, line }: Block): string {
  return `${document}:${line}`;
}
