import { describe, expect, it } from 'vitest';
import { DocumentCommands } from './commands';
import { type Block, blocksOf, documents } from './documents';

/** Some thirty programs one after the other: on a machine that does other things too, it may take its time. */
const patienceMs = 180_000;

const tried: readonly string[] = ['run', 'root', 'server', 'file'];

function isTried({ language, use }: Block): boolean {
  return tried.includes(use) && (language === 'sh' || use === 'file');
}

describe('the commands of', () => {
  it.each(documents)(
    '%s do what it says',
    async (document) => {
      await using commands = await DocumentCommands.begin();
      for (const block of blocksOf(document).filter(isTried)) await commands.try(block);
      await commands.end();
    },
    patienceMs,
  );
});

describe('what a document says of its commands', () => {
  const block = (code: string): Block => ({ document: 'd', line: 1, language: 'sh', use: 'run', argument: '', code });

  it.each([
    ['a command that fails', 'false', /ended with 1/],
    ['a line that is not printed', 'echo one\n# → two', /does not print 'two'/],
    ['lines in another order', 'printf "a\\nb\\n"\n# → b\n# → a', /does not print 'a'/],
  ])('is found wrong: %s', async (_, code, message) => {
    await using commands = await DocumentCommands.begin();
    await expect(commands.try(block(code))).rejects.toThrow(message);
  });
});
