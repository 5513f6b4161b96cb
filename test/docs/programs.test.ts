import { describe, expect, it } from 'vitest';
import { lineOf } from './commands';
import { blocksOf, documents, where } from './documents';
import { compile, runProgram } from './programs';

const programs = compile(
  documents.flatMap((document) => blocksOf(document)).filter(({ language }) => language === 'ts'),
);

describe('the programs of the documents', () => {
  it('are there', () => {
    expect(programs.length).toBeGreaterThanOrEqual(4);
  });

  it.each(programs.map((program) => [where(program.block), program] as const))('%s', async (_, program) => {
    expect(program.errors).toEqual([]);
    const printed = await runProgram(program);
    const promised = [...program.block.code.matchAll(/^\/\/ → (.*)$/gm)].map(([, line]) => line);
    expect(printed.join('\n')).toMatch(new RegExp(promised.map((line) => lineOf(line).source).join('[^]*')));
  });

  it('that are wrong do not compile', () => {
    const code = "import { KafkaCluster } from 'odradek';\nexport const cluster: string = KafkaCluster;";
    const [{ errors }] = compile([{ document: 'd', line: 1, language: 'ts', use: 'run', argument: '', code }]);
    expect(errors).toHaveLength(1);
  });
});
