import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { UsageError } from './cli-error';

/** One option of a command; `T` is what the command gets to see of it. */
export interface OptionSpec<T> {
  /** As on the command line, without the dashes. The key's kebab-case form if absent. */
  readonly name?: string;
  /** Placeholder of the value; a flag has none. In brackets when the value may be left out. */
  readonly argument?: string;
  readonly description: string;
  /** Each occurrence adds a value. */
  readonly many?: boolean;
  /** The value of an option that is given without one. */
  readonly preset?: T;
  readonly fallback?: T;
  readonly parse?: (value: string) => unknown;
  /** Understood, but not in the help: kept for old command lines. */
  readonly hidden?: boolean;
}

// Options of any type; `never` where a value would be given back, so that none can be.
export type OptionTable = Readonly<Record<string, OptionSpec<unknown>>>;

/** What a command sees of its options. */
export type OptionValues<Table extends OptionTable> = {
  readonly [Key in keyof Table]: Table[Key] extends OptionSpec<infer T> ? T : never;
};

interface Extras {
  readonly name?: string;
  readonly hidden?: boolean;
}

export function flag(description: string, extras: Extras = {}): OptionSpec<boolean> {
  return { description, fallback: false, ...extras };
}

export function text(argument: string, description: string, extras?: Extras): OptionSpec<string | undefined>;
export function text(
  argument: string,
  description: string,
  extras: Extras & { readonly fallback: string },
): OptionSpec<string>;
export function text(argument: string, description: string, extras = {}): OptionSpec<string | undefined> {
  return { argument, description, ...extras };
}

/** May be given more than once. */
export function texts(argument: string, description: string, extras: Extras = {}): OptionSpec<readonly string[]> {
  return { argument, description, many: true, fallback: [], ...extras };
}

/** A whole number that is a safe integer. */
export function int(argument: string, description: string, extras?: Extras): OptionSpec<number | undefined>;
export function int(
  argument: string,
  description: string,
  extras: Extras & { readonly fallback: number },
): OptionSpec<number>;
export function int(argument: string, description: string, extras = {}): OptionSpec<number | undefined> {
  return { argument, description, parse: parseInteger, ...extras };
}

function parseInteger(value: string): number {
  const number = Number(value);
  if (!/^[+-]?\d+$/.test(value) || !Number.isSafeInteger(number)) {
    throw new InvalidArgumentError('A whole number is accepted.');
  }
  return number;
}

/** `key=value` pairs of an option that may be given more than once, as `--property`; a key alone has an empty value. */
export function keyValues(option: string, pairs: readonly string[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    const key = (at < 0 ? pair : pair.slice(0, at)).trim();
    if (key === '') throw new UsageError(`${option} ${pair}: it must be in the form key=value`);
    values.set(key, at < 0 ? '' : pair.slice(at + 1));
  }
  return values;
}

/** @throws UsageError in Kafka's words */
export function required<T>(name: string, value: T | undefined): T {
  if (value === undefined) throw new UsageError(`Missing required argument "[${name}]"`);
  return value;
}

/** What stands in front of a command's options in its help, and behind them. */
export interface CommandDescription {
  readonly summary: string;
  /** Arguments that are no options, as commander writes them: `<file>`, `[path]`, `[words...]`. */
  readonly positional?: string;
  /** Whole command lines; `%` stands for the program's name. */
  readonly examples: readonly string[];
  readonly notes?: string;
}

export interface ParsedCommandLine<Table extends OptionTable> {
  readonly options: OptionValues<Table>;
  readonly positional: readonly string[];
}

function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`);
}

function optionName(key: string, spec: OptionSpec<unknown>): string {
  return spec.name ?? kebab(key);
}

/**
 * Parses a command line as Kafka's tools do: `--name value` and `--name=value`, a value may begin with a dash, and an
 * unambiguous beginning of a name stands for it.
 * @returns undefined when the help was asked for, and given to `showHelp`
 * @throws UsageError that names the nearest option where one is not known
 */
export function parseCommandLine<Table extends OptionTable>(
  program: string,
  description: CommandDescription,
  table: Table,
  args: readonly string[],
  showHelp: (help: string) => void,
): ParsedCommandLine<Table> | undefined {
  const command = new Command(program);
  command.description(description.summary).helpOption('--help', 'Show this help.').exitOverride();
  command.configureOutput({ writeOut: showHelp, writeErr: () => {}, outputError: () => {} });
  command.configureHelp({ helpWidth: 110 }).allowExcessArguments(false);
  if (description.positional !== undefined) command.arguments(description.positional);
  const options = new Map(Object.entries(table).map(([key, spec]) => [key, addOption(command, key, spec)]));
  const behind = [examplesText(program, description.examples), description.notes].filter((part) => part !== undefined);
  command.addHelpText('after', `\n${behind.join('\n\n')}\n`);
  try {
    command.parse(withFullNames(table, args), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.helpDisplayed') return undefined;
    throw new UsageError(error.message.replace(/^error: /, ''));
  }
  const given = command.opts<Record<string, unknown>>();
  const values = Object.entries(table).map(([key, spec]) => {
    const value = given[options.get(key)!.attributeName()];
    return [key, value === undefined || (spec.argument === undefined && value === false) ? spec.fallback : value];
  });
  return { options: Object.fromEntries(values) as OptionValues<Table>, positional: command.args };
}

function addOption(command: Command, key: string, spec: OptionSpec<unknown>): Option {
  const value = spec.argument === undefined ? '' : ` ${/^[[<]/.test(spec.argument) ? '' : '<'}${spec.argument}`;
  const closed = value === '' || /[\]>]$/.test(value) ? value : `${value}>`;
  const fallback = spec.fallback;
  const shown = typeof fallback === 'string' || typeof fallback === 'number' ? ` (default: ${fallback})` : '';
  const option = new Option(`--${optionName(key, spec)}${closed}`, `${spec.description}${shown}`);
  const { many = false, parse = (text: string) => text } = spec;
  if (spec.argument !== undefined) {
    option.argParser((text: string, previous: unknown) => (many ? [...toArray(previous), parse(text)] : parse(text)));
  }
  if (spec.preset !== undefined) option.preset(spec.preset);
  if (spec.hidden === true) option.hideHelp();
  command.addOption(option);
  return option;
}

function toArray(previous: unknown): readonly unknown[] {
  return Array.isArray(previous) ? previous : [];
}

/** Replaces beginnings of option names by the whole names, where only one fits. */
function withFullNames(table: OptionTable, args: readonly string[]): string[] {
  const byName = new Map(Object.entries(table).map(([key, spec]) => [optionName(key, spec), spec]));
  const full: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    const [, begun, rest = ''] = /^--([^=]+)(=.*)?$/s.exec(arg) ?? [];
    if (begun === undefined) {
      full.push(arg);
      if (arg === '--') return [...full, ...args.slice(i + 1)];
      continue;
    }
    const fitting = byName.has(begun) ? [begun] : [...byName.keys()].filter((name) => name.startsWith(begun));
    const name = fitting.length === 1 ? fitting[0]! : begun;
    full.push(`--${name}${rest}`);
    // The next word is this option's value, whatever it looks like.
    const argument = byName.get(name)?.argument;
    if (argument !== undefined && !argument.startsWith('[') && rest === '' && i + 1 < args.length)
      full.push(args[++i]!);
  }
  return full;
}

function examplesText(program: string, examples: readonly string[]): string {
  const title = examples.length === 1 ? 'Example' : 'Examples';
  return [`${title}:`, ...examples.map((example) => `  ${example.replaceAll('%', program)}`)].join('\n');
}
