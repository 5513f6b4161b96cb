import { describe, expect, test } from 'vitest';
import { flag, int, keyValues, parseCommandLine, text, texts } from '../../../broker/src/cli/options';

const table = {
  bootstrapServer: text('server', 'Where to ask.'),
  bootstrapFile: text('file', 'Unused.'),
  partitions: int('count', 'How many.'),
  config: texts('name=value', 'What.'),
  codec: { ...text('[codec]', 'Which.'), preset: 'gzip' },
  list: flag('All of them.'),
  shiftBy: int('count', 'How far.'),
  consumerConfig: text('file', 'With a dot.', { name: 'consumer.config' }),
  secret: text('word', 'Not in the help.', { hidden: true }),
};
const description = { summary: 'Tests.', positional: '[words...]', examples: ['% --list'] };

function parse(...args: string[]) {
  let help = '';
  const parsed = parseCommandLine('tool', description, table, args, (shown) => (help += shown));
  return { ...parsed, help };
}

describe('a command line as Kafka takes it', () => {
  test('values follow, or stand behind an equals sign, and may begin with a dash', () => {
    const { options } = parse('--bootstrap-server=a:1', '--shift-by', '-5', '--config', 'a=b', '--config', '--c=d');
    expect(options).toMatchObject({ bootstrapServer: 'a:1', shiftBy: -5, config: ['a=b', '--c=d'], list: false });
  });

  test('an unambiguous beginning of a name stands for it, and an ambiguous one does not', () => {
    expect(parse('--part', '3', '--li').options).toMatchObject({ partitions: 3, list: true });
    expect(() => parse('--boot', 'x')).toThrow(/unknown option '--boot'/);
  });

  test('what follows an option that takes a value is never looked at as an option', () => {
    expect(parse('--bootstrap-server', '--li').options).toMatchObject({ bootstrapServer: '--li', list: false });
  });

  test('an optional value may be left out', () => {
    expect(parse('--codec', '--list').options).toMatchObject({ codec: 'gzip', list: true });
    expect(parse('--codec', 'zstd').options).toMatchObject({ codec: 'zstd' });
    expect(parse().options).toMatchObject({ codec: undefined, config: [] });
  });

  test('a name may have a dot, and words may stand between options', () => {
    const { options, positional } = parse('one', '--consumer.config', 'f', 'two', '--', '--three');
    expect(options).toMatchObject({ consumerConfig: 'f' });
    expect(positional).toEqual(['one', 'two', '--three']);
  });

  test('an unknown option names the nearest one', () => {
    expect(() => parse('--partitons', '3')).toThrow(/unknown option '--partitons'\n\(Did you mean --partitions\?\)/);
  });

  test.each(['x', '1.5', '', '9007199254740993'])('%j is no whole number', (value) => {
    expect(() => parse('--partitions', value)).toThrow(/whole number is accepted/);
  });

  test('a value that is missing is an error', () => {
    expect(() => parse('--partitions')).toThrow(/argument missing/);
  });

  test('the help has every option but the hidden ones, and the examples by the name that was called', () => {
    const { options, help } = parse('--help');
    expect(options).toBeUndefined();
    expect(help).toContain('--consumer.config <file>');
    expect(help).toContain('--codec [codec]');
    expect(help).not.toContain('secret');
    expect(help).toContain('Example:\n  tool --list\n');
  });
});

describe('key=value pairs', () => {
  test('only the first equals sign separates, blanks around the key go', () => {
    expect([...keyValues('--property', [' a = b=c', 'flag', 'sep=\t'])]).toEqual([
      ['a', ' b=c'],
      ['flag', ''],
      ['sep', '\t'],
    ]);
  });

  test('a pair without a key is an error', () => {
    expect(() => keyValues('--property', ['=x'])).toThrow('--property =x');
  });
});
