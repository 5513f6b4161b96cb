import type { Io } from '../../io/io';
import type { TlsOptions } from '../../io/network';
import { silentLogger } from '../../logging/logger';
import { ZooKeeperClient } from '../../zookeeper/client';
import type { SaslCredentials } from '../../zookeeper/digest-md5';
import { parseConnectString } from '../../zookeeper/connect-string';
import { KeeperException } from '../../zookeeper/keeper-exception';
import { EventType } from '../../zookeeper/requests';
import type { WatchedEvent } from '../../zookeeper/watches';
import { CommandError, messageOf, UsageError } from '../cli-error';
import type { Output } from '../context';
import { oldNames, shellCommands, type ShellCommand } from './shell-commands';
import { keeperText, ShellSyntaxError, splitWords, watcherText } from './shell-text';

export interface ShellOptions {
  readonly connectString: string;
  readonly sessionTimeoutMs: number;
  readonly sasl: SaslCredentials | undefined;
  readonly tls: TlsOptions | undefined;
  readonly io: Io;
  readonly stdout: Output;
  readonly stderr: Output;
}

// What the shell itself does rather than ZooKeeper.
const ownUsages = ['close', 'connect host:port', 'help', 'history', 'printwatches on|off', 'quit', 'redo cmdno'];

/** ZooKeeper's command line (ZooKeeperMain): words in, text out, one connection at a time. */
export class ZooKeeperShell {
  readonly #options: ShellOptions;
  readonly #history: string[] = [];
  #connectString: string;
  #zk: ZooKeeperClient | undefined;
  #printWatches = true;
  /** One for all watches: what several of them see at once is told once. */
  readonly #watcher = ({ type, path }: WatchedEvent): void => {
    if (this.#printWatches) this.#options.stdout.line(watcherText('SyncConnected', type, path));
  };
  /** After `quit`. */
  ended = false;

  constructor(options: ShellOptions) {
    this.#options = options;
    this.#connectString = options.connectString;
  }

  /** Connects, and says so. */
  async connect(): Promise<void> {
    const { io, sessionTimeoutMs, sasl, tls, stdout } = this.#options;
    try {
      parseConnectString(this.#connectString);
    } catch (error) {
      throw new UsageError(`-server ${this.#connectString}: ${messageOf(error)}`);
    }
    const zk = new ZooKeeperClient(io, silentLogger, {
      connectString: this.#connectString,
      sessionTimeoutMs,
      connectionTimeoutMs: sessionTimeoutMs,
      sasl,
      tls,
    });
    this.#zk = zk;
    const names = { connected: 'SyncConnected', disconnected: 'Disconnected', expired: 'Expired', closed: 'Closed' };
    zk.onState((state) => {
      const name = (names as Readonly<Record<string, string>>)[state];
      if (name !== undefined && this.#printWatches) stdout.line(watcherText(name, EventType.none, undefined));
    });
    try {
      await zk.connect();
    } catch (error) {
      this.#printWatches = false;
      await zk.close();
      throw new CommandError(messageOf(error));
    }
  }

  get prompt(): string {
    const state = this.#zk?.state === 'connected' ? 'CONNECTED' : (this.#zk?.state.toUpperCase() ?? 'CLOSED');
    return `[zk: ${this.#connectString}(${state}) ${this.#history.length}] `;
  }

  /** Ends the session; `quietly` without a word about it. */
  async close(quietly: boolean): Promise<void> {
    const zk = this.#zk;
    this.#zk = undefined;
    if (quietly) this.#printWatches = false;
    await zk?.close();
  }

  async runLine(line: string): Promise<void> {
    const words = splitWords(line);
    if (words.length > 0) await this.run(words);
  }

  /** One command; false when it failed, which has been said then. */
  async run(words: readonly string[]): Promise<boolean> {
    const { stderr } = this.#options;
    this.#history.push(words.join(' '));
    try {
      const [name = '', ...rest] = words;
      return (await this.#runOwn(name, rest)) ?? (await this.#runOnServer(...this.#expanded(name, rest)));
    } catch (error) {
      if (error instanceof KeeperException) stderr.line(keeperText(error));
      else if (error instanceof ShellSyntaxError || error instanceof CommandError) stderr.line(error.message);
      else throw error;
      return false;
    }
  }

  #expanded(name: string, rest: readonly string[]): [string, readonly string[]] {
    const [newName, ...more] = Object.hasOwn(oldNames, name) ? oldNames[name]! : [name];
    return [newName!, [...more, ...rest]];
  }

  /** Undefined for what is not one of the shell's own commands. */
  async #runOwn(name: string, args: readonly string[]): Promise<boolean | undefined> {
    const { stdout, stderr } = this.#options;
    switch (name) {
      case 'quit':
      case 'exit':
        this.ended = true;
        await this.close(false);
        return true;
      case 'close':
        await this.close(false);
        return true;
      case 'connect':
        await this.close(false);
        this.#connectString = args[0] ?? this.#connectString;
        await this.connect();
        return true;
      case 'help':
        stderr.write(shellUsage());
        return true;
      case 'history':
        this.#history.slice(-11).forEach((line, i, shown) => {
          stdout.line(`${this.#history.length - shown.length + i} - ${line}`);
        });
        return true;
      case 'printwatches':
        if (args.length > 0) this.#printWatches = args[0] === 'on';
        else stdout.line(`printwatches is ${this.#printWatches ? 'on' : 'off'}`);
        return true;
      case 'redo': {
        const line = this.#history[Number(args[0])];
        if (line === undefined || line.startsWith('redo')) throw new ShellSyntaxError('Command index out of range');
        return this.run(splitWords(line));
      }
      default:
        return undefined;
    }
  }

  async #runOnServer(name: string, rest: readonly string[]): Promise<boolean> {
    const { stdout, stderr } = this.#options;
    const command = Object.hasOwn(shellCommands, name) ? shellCommands[name] : undefined;
    if (command === undefined) {
      stderr.write(shellUsage());
      throw new ShellSyntaxError(`Command not found: Command not found ${name}`);
    }
    const zk = this.#zk;
    if (zk === undefined) throw new ShellSyntaxError('Not connected');
    const { args, options } = parseWords(command, rest);
    // Every path stands first; authentication has none.
    if (name !== 'addauth' && args[0] !== undefined && !args[0].startsWith('/')) {
      throw new ShellSyntaxError('Path must start with / character');
    }
    await command.run({
      zk,
      args,
      options,
      watcher: this.#watcher,
      out: (line) => stdout.line(line),
      err: (line) => stderr.line(line),
    });
    return true;
  }
}

/** Options may stand anywhere. */
function parseWords(
  { usage, flags = '', valued = '', count: [least, most] }: ShellCommand,
  words: readonly string[],
): { readonly args: readonly string[]; readonly options: ReadonlyMap<string, string> } {
  const args: string[] = [];
  const options = new Map<string, string>();
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const letter = /^-([a-zA-Z])$/.exec(word)?.[1];
    if (letter !== undefined && flags.includes(letter)) options.set(letter, '');
    else if (letter !== undefined && valued.includes(letter) && i + 1 < words.length) options.set(letter, words[++i]!);
    else if (letter !== undefined) throw new ShellSyntaxError(`Unrecognized option: ${word}\n${usage}`);
    else args.push(word);
  }
  if (args.length < least || args.length > most) throw new ShellSyntaxError(usage);
  return { args, options };
}

export function shellUsage(): string {
  const usages = [...Object.values(shellCommands).map(({ usage }) => usage), ...ownUsages].sort((left, right) =>
    left.localeCompare(right),
  );
  return ['ZooKeeper -server host:port cmd args', ...usages.map((usage) => `\t${usage}`), ''].join('\n');
}

/** For completion. */
export const shellWords: readonly string[] = [
  ...Object.keys(shellCommands),
  ...ownUsages.map((usage) => usage.split(' ')[0]!),
];
