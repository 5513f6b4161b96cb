import { parseArgs } from 'node:util';
import { diff } from './diff';
import { messageOf, ToolError } from './tool-error';
import { up } from './up';

const name = 'odradek-manifests';

const help = `Usage: ${name} <command> [options]

Works on the manifests of a cdk8s app, in the directory that has its cdk8s.yaml.

Commands:
  up     Run a Kafka cluster of the manifests on this machine, with the very server.properties of its ConfigMap.
  diff   Compare the manifests that the app gives now with those in a directory, object by object.

'${name} <command> --help' explains a command.
`;

const upHelp = `Usage: ${name} up [options]

Synthesizes the manifests and runs a Kafka cluster of them on this machine: all its brokers, each a process of
@odradek/broker, and one ZooKeeper server. The brokers get the server.properties of the cluster's ConfigMap; every value
that cannot be the same here (addresses, directories, secrets) is replaced, and each replacement is printed.
The data stay when it ends (Ctrl-C), and the next start finds them.

Options:
  --manifests FILE   The manifests. Default: the first file in the app's output that has a Kafka cluster.
                     Outside an app's directory nothing is synthesized and it has to be given.
  --cluster NAME     Which cluster, if there are several: the name of its StatefulSet, or NAMESPACE/NAME.
  --data-dir DIR     Where data and logs are kept. Default: a directory of this cluster under ~/.cache/odradek.
  --port PORT        Where the first broker's first listener is, the others follow; 0 for any free ports.
                     Default: the listener's port, or the next free.

Examples:
  ${name} up
  ${name} up --manifests dist/sscp-test.k8s.yaml --data-dir /tmp/kafka --port 19092
`;

const diffHelp = `Usage: ${name} diff [options]

Synthesizes the app into a temporary directory and prints how its objects differ from those in another directory:
+ added, - removed, ~ changed, with the old and the new value of each place. Nothing is written.
The exit code is 0 when they are the same, 1 when they differ, 2 when they could not be compared.

Options:
  --against DIR   The manifests to compare with. Default: the app's output (dist): is what is committed up to date?

Examples:
  ${name} diff
  git worktree add /tmp/before main && ${name} diff --against /tmp/before/dist
`;

/**
 * Runs the command line.
 * @returns the exit code
 */
export async function main(args: readonly string[]): Promise<number> {
  const [command = '', ...rest] = args;
  try {
    switch (command) {
      case 'up':
        return await runUp(rest);
      case 'diff':
        return runDiff(rest);
      case '--help':
      case '-h':
      case 'help':
        process.stdout.write(rest[0] === 'up' ? upHelp : rest[0] === 'diff' ? diffHelp : help);
        return 0;
      case '':
        process.stderr.write(help);
        return 1;
      default:
        throw new ToolError(`There is no command '${command}': up and diff are accepted. See '${name} --help'.`);
    }
  } catch (error) {
    const isExpected = error instanceof ToolError;
    process.stderr.write(`${name}: ${isExpected || !(error instanceof Error) ? messageOf(error) : error.stack}\n`);
    return command === 'diff' ? 2 : 1;
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

type Texts<Name extends string> = Readonly<Partial<Record<Name, string>>>;

/** @returns undefined when the help was asked for, and printed */
function optionsOf<Name extends string>(
  command: string,
  names: readonly Name[],
  args: readonly string[],
  text: string,
): Texts<Name> | undefined {
  let values: Readonly<Record<string, string | boolean | undefined>>;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        ...Object.fromEntries(names.map((each) => [each, { type: 'string' as const }])),
        help: { type: 'boolean', short: 'h' },
      },
    }));
  } catch (error) {
    throw new ToolError(`${messageOf(error)} See '${name} ${command} --help'.`);
  }
  if (values.help === true) {
    process.stdout.write(text);
    return undefined;
  }
  return values as Texts<Name>;
}

function runDiff(args: readonly string[]): number {
  const options = optionsOf('diff', ['against'], args, diffHelp);
  return options === undefined ? 0 : diff(options.against, say);
}

// npm passes on a Ctrl-C that the terminal has sent to every process already: no second one within this time.
const sameSignalMs = 1000;

async function runUp(args: readonly string[]): Promise<number> {
  const options = optionsOf('up', ['manifests', 'cluster', 'data-dir', 'port'], args, upHelp);
  if (options === undefined) return 0;
  const { manifests, cluster, 'data-dir': dataDir, port } = options;
  if (port !== undefined && (!/^\d{1,5}$/.test(port) || Number(port) > 65535)) {
    throw new ToolError(`--port ${port}: a number from 0 to 65535 is accepted.`);
  }
  const stop = new AbortController();
  const kill = new AbortController();
  let first = 0;
  const handle = (): void => {
    if (!stop.signal.aborted) {
      first = performance.now();
      stop.abort();
    } else if (performance.now() - first > sameSignalMs) {
      say('Ending at once.');
      kill.abort();
    }
  };
  // Nobody reads what it says any more: `npm start | head`.
  process.stdout.on('error', handle);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, handle);
  const given = { manifests, cluster, dataDir, port: port === undefined ? undefined : Number(port) };
  return up(given, { say, stop: stop.signal, kill: kill.signal });
}
