import { UsageError } from './cli-error';
import type { CliContext } from './context';
import { parseCommandLine, type CommandDescription, type OptionTable, type ParsedCommandLine } from './options';

/** A command of the `odradek` program, which Kafka's name may call too. */
export interface CliCommand {
  readonly summary: string;
  /** Returns the exit code. */
  run(context: CliContext, args: readonly string[]): Promise<number>;
}

export interface CommandDefinition<Table extends OptionTable> extends CommandDescription {
  readonly options: Table;
  /** Changes the words before they are parsed: single-dash options of ZooKeeper's tools. */
  readonly rewrite?: (args: readonly string[]) => readonly string[];
  /** Whether no words at all mean that help is wanted. */
  readonly helpWithoutArguments?: boolean;
  /** Returns the exit code. @default 0 */
  run(commandLine: ParsedCommandLine<Table>, context: CliContext): Promise<number | void>;
}

export function defineCommand<const Table extends OptionTable>(definition: CommandDefinition<Table>): CliCommand {
  return {
    summary: definition.summary,
    async run(context, args) {
      const bare = args.length === 0 && definition.helpWithoutArguments === true;
      const words = bare ? ['--help'] : (definition.rewrite?.(args) ?? args);
      const out = bare ? context.stderr : context.stdout;
      try {
        const commandLine = parseCommandLine(context.program, definition, definition.options, words, (help) =>
          out.write(help),
        );
        if (commandLine === undefined) return bare ? 1 : 0;
        return (await definition.run(commandLine, context)) ?? 0;
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        context.stderr.line(error.message);
        context.stderr.line(`'${context.program} --help' shows what is accepted.`);
        return 1;
      }
    },
  };
}
