import type { CliCommand } from '../command';

/** A command's module, loaded when it is called: most commands need few of the others' imports. */
interface CommandEntry {
  /** Its name after `odradek`. */
  readonly name: string;
  /** What Kafka or ZooKeeper call it; also with `.sh`. */
  readonly kafkaNames: readonly string[];
  readonly summary: string;
  load(): Promise<CliCommand>;
}

// `import()` is Node's own here and wants file names as they are after compilation.

/** Every command, in the order of `odradek --help`. */
export const commands: readonly CommandEntry[] = [
  {
    name: 'topics',
    kafkaNames: ['kafka-topics'],
    summary: 'Create, list, describe, alter and delete topics.',
    load: async () => (await import('./topics.js')).topics,
  },
  {
    name: 'produce',
    kafkaNames: ['kafka-console-producer'],
    summary: 'Write lines from standard input to a topic.',
    load: async () => (await import('./produce.js')).produce,
  },
];

/** The command that a program's name stands for: `kafka-topics.sh` is `topics`. */
export function commandOfProgram(program: string): CommandEntry | undefined {
  const name = program.replace(/\.(sh|js|bat|cmd)$/, '');
  return commands.find(({ kafkaNames }) => kafkaNames.includes(name));
}
