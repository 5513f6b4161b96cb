import { createInterface } from 'node:readline';
import { UsageError } from '../cli-error';
import { defineCommand } from '../command';
import { whenStopped, type CliContext } from '../context';
import { int, text } from '../options';
import { readLines } from '../produce/lines';
import { tlsOfFile } from '../zookeeper/tls-config-file';
import { zooKeeperClientLogin } from '../zookeeper/java-login';
import { shellWords, ZooKeeperShell } from '../zookeeper/shell';

const optionNames = ['server', 'timeout', 'waitforconnection', 'r', 'client-configuration', 'zk-tls-config-file'];

/** zookeeper-shell, zkCli */
export const zookeeperShell = defineCommand({
  summary: 'Look at znodes and change them (zookeeper-shell, zkCli).',
  positional: '[words...]',
  options: {
    server: text('host:port', 'ZooKeeper servers, and the znode that is to be the root: host:port,host:port/chroot.'),
    timeout: int('ms', 'Session timeout, and how long a connection is tried.', { fallback: 30_000 }),
    waitforconnection: { description: 'Without effect: it always waits.', fallback: false, hidden: true },
    r: { description: 'Without effect.', fallback: false, hidden: true },
    clientConfiguration: text('file', 'Without effect.', { hidden: true }),
    zkTlsConfigFile: text('file', 'zookeeper.ssl.… keys, as in a server.properties: connections are over TLS.'),
  },
  helpWithoutArguments: false,
  examples: ['% localhost:2181 ls /brokers/ids', '% -server localhost:2181/kafka', "echo 'ls /' | % localhost:2181"],
  notes: "Without a command it reads commands from standard input; 'help' there lists them.",
  rewrite: rewriteWords,
  async run({ options, positional }, context) {
    const { server, command } = serverAndCommand(options.server, positional, context);
    const { stdout, stderr, io, stdin, stop } = context;
    const shell = new ZooKeeperShell({
      connectString: server,
      sessionTimeoutMs: options.timeout,
      sasl: await zooKeeperClientLogin(context),
      tls: await tlsOfFile(context, options.zkTlsConfigFile),
      io,
      stdout,
      stderr,
    });
    stdout.line(`Connecting to ${server}`);
    try {
      if (command.length > 0) {
        await shell.connect();
        return (await shell.run(command)) ? 0 : 1;
      }
      const isInteractive = stdin.isTTY === true && stdout.isTerminal;
      stdout.line('Welcome to ZooKeeper!');
      stdout.line(`JLine support is ${isInteractive ? 'enabled' : 'disabled'}`);
      await shell.connect();
      if (isInteractive) {
        await converse(shell, context);
      } else {
        void whenStopped(stop).then(() => stdin.destroy());
        for await (const line of readLines(stdin)) {
          await shell.runLine(line.toString());
          if (shell.ended) break;
        }
      }
      return 0;
    } catch (error) {
      if (stop.aborted) return 0;
      throw error;
    } finally {
      await shell.close(command.length > 0);
    }
  },
});

/** Single-dash options of ZooKeeper's script as our own; what follows the command's name is left as it is. */
function rewriteWords(words: readonly string[]): readonly string[] {
  const rewritten: string[] = [];
  let i = 0;
  for (; i < words.length; i++) {
    const word = words[i]!;
    const name = word.replace(/^--?/, '');
    if (word === '--help' || word === '-help' || word === '-h') return ['--help'];
    if (!word.startsWith('-') || !optionNames.includes(name)) break;
    rewritten.push(`--${name}`);
    if (name !== 'waitforconnection' && name !== 'r' && i + 1 < words.length) rewritten.push(words[++i]!);
  }
  return [...rewritten, '--', ...words.slice(i)];
}

/** zookeeper-shell takes the server as its first word, zkCli by -server, and localhost:2181 without. */
function serverAndCommand(
  server: string | undefined,
  words: readonly string[],
  { program }: CliContext,
): { readonly server: string; readonly command: readonly string[] } {
  if (server !== undefined) return { server, command: words };
  const [first, ...rest] = words;
  if (first !== undefined && /^[^\s/]+:\d+(,|\/|$)/.test(first)) return { server: first, command: rest };
  if (/zkCli/.test(program)) return { server: 'localhost:2181', command: words };
  if (first === undefined) throw new UsageError('Which server? host:port[/chroot] is the first word');
  // A host alone: ZooKeeper's usual port.
  if (/^[\w.-]+(\/.*)?$/.test(first) && !shellWords.includes(first)) return { server: first, command: rest };
  return { server: 'localhost:2181', command: words };
}

async function converse(shell: ZooKeeperShell, { stdin, stdout, stop }: CliContext): Promise<void> {
  const lines = createInterface({
    input: stdin,
    output: process.stdout,
    completer: (line: string) => [shellWords.filter((word) => word.startsWith(line)), line],
  });
  void whenStopped(stop).then(() => lines.close());
  lines.on('SIGINT', () => lines.close());
  const ask = async (): Promise<void> => {
    await stdout.flushed();
    lines.setPrompt(shell.prompt);
    lines.prompt();
  };
  await ask();
  for await (const line of lines) {
    await shell.runLine(line);
    if (shell.ended) break;
    await ask();
  }
  lines.close();
}
