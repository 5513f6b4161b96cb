import { describe, it } from 'vitest';
import { DocumentCommands } from '../docs/commands';
import { blocksOf, documents } from '../docs/documents';

const used = documents.filter((document) => blocksOf(document).some(({ use }) => use === 'interop'));

describe('the commands with tools of others in', () => {
  it.each(used)('%s do what they say', async (document) => {
    await using commands = await DocumentCommands.begin();
    for (const block of blocksOf(document).filter(({ use }) => use === 'interop')) await commands.try(block);
    await commands.end();
  });
});
