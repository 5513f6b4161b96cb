import { nearestKey } from '../config/nearest-key';
import { messageOf, UsageError } from './cli-error';
import { commandOfProgram, commands } from './commands';
import type { CliContext } from './context';
import { version } from './version';

/**
 * Runs a command line of `odradek`, or of one of Kafka's command names, by what `context.program` is.
 * @returns the exit code; what went wrong has been said on standard error then
 */
export async function runProgram(context: CliContext, args: readonly string[]): Promise<number> {
  const { program, stderr, env } = context;
  try {
    return await run(context, args);
  } catch (error) {
    stderr.line(messageOf(error));
    if (error instanceof UsageError) stderr.line(`'${program} --help' shows what is accepted.`);
    // Where it is a mistake of ours, it is for those who mend it.
    const isOurs = error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;
    if (isOurs || env.ODRADEK_DEBUG !== undefined) stderr.line((error as Error).stack);
    return 1;
  }
}

async function run(context: CliContext, args: readonly string[]): Promise<number> {
  const { program, stdout, stderr } = context;
  const kafkas = commandOfProgram(program);
  if (kafkas !== undefined) {
    if (args[0] === '--version') {
      stdout.line(version());
      return 0;
    }
    return (await kafkas.load()).run(context, args);
  }
  const [name = '--help', ...rest] = args;
  if (name === '--version' || name === 'version') {
    stdout.line(version());
    return 0;
  }
  if (name === '--help' || name === '-h' || name === 'help') {
    const about = commands.find((each) => each.name === rest[0]);
    if (about !== undefined) return (await about.load()).run(calledAs(context, about.name), ['--help']);
    (args.length === 0 ? stderr : stdout).write(overview(program));
    return args.length === 0 ? 1 : 0;
  }
  const command = commands.find((each) => each.name === name || each.kafkaNames.includes(name));
  if (command === undefined) {
    const nearest = nearestKey(
      name,
      commands.map((each) => each.name),
    );
    const hint = nearest === undefined ? '' : ` (did you mean ${nearest}?)`;
    throw new UsageError(`${program} has no command '${name}'${hint}`);
  }
  if (rest[0] === '--version') {
    stdout.line(version());
    return 0;
  }
  return (await command.load()).run(calledAs(context, command.name), rest);
}

function calledAs(context: CliContext, name: string): CliContext {
  return { ...context, program: `${context.program} ${name}` };
}

function overview(program: string): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, kafkaNames, summary }) => {
    const also = kafkaNames.length === 0 ? '' : ` (${kafkaNames.join(', ')})`;
    return `  ${name.padEnd(width)}  ${summary}${also}`;
  });
  return [
    `Usage: ${program} <command> [options]`,
    '',
    "A Kafka broker, ZooKeeper server and Kafka's command-line tools. In parentheses: the names that Kafka has for them,",
    'which are commands of their own, with or without .sh.',
    '',
    'Commands:',
    ...lines,
    '',
    `'${program} <command> --help' explains a command; '${program} --version' shows the version.`,
    '',
  ].join('\n');
}
