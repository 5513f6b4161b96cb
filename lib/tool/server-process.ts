import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, readFileSync, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Program } from './broker-program';

// How much of a log is shown when a server has ended unexpectedly.
const tailLines = 12;
// They may name a login to ZooKeeper, which the local one does not know.
const javaOptions: ReadonlySet<string> = new Set(['KAFKA_OPTS', 'JVMFLAGS', 'CLIENT_JVMFLAGS', 'SERVER_JVMFLAGS']);

/** A server that runs until it is stopped. Its log goes to a file, and what should be read now to `show`. */
export class ServerProcess {
  /** Resolves with what the process ended with. */
  readonly ended: Promise<string>;
  hasEnded = false;
  /** Servers that end one after the other complain of each other: that goes to the log alone. */
  isQuiet = false;
  readonly #child: ChildProcess;
  readonly #log: WriteStream;
  /** Whether the last line of its own is one to be shown: lines without a level, as of a stack, go with it. */
  #showing = true;
  #rest = '';

  constructor(
    program: Program,
    args: readonly string[],
    readonly logFile: string,
    private readonly show: (line: string) => void,
  ) {
    this.#log = createWriteStream(logFile);
    this.#log.on('error', (error) => show(`${logFile} cannot be written: ${error.message}`));
    // In a process group of its own: Ctrl-C reaches the tool alone, which stops the broker before its ZooKeeper.
    this.#child = spawn(program.node, ['--require', join(__dirname, 'end-with-parent.js'), program.script, ...args], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !javaOptions.has(name))),
    });
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => this.#take(text));
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => this.#take(text));
    this.ended = new Promise((resolve) => {
      const end = (how: string): void => {
        this.hasEnded = true;
        if (this.#rest !== '') this.#take('\n');
        this.#log.end(() => resolve(how));
      };
      this.#child.on('error', (error) => end(error.message));
      this.#child.on('close', (status, signal) => end(signal ?? `exit code ${status}`));
    });
  }

  /** Asks it to shut down; what does not within `patienceMs` is killed. */
  async stop(patienceMs: number): Promise<void> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.kill(), patienceMs);
    await this.ended;
    clearTimeout(timer);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** The end of its log. */
  tail(): string {
    return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-tailLines).join('\n');
  }

  #take(text: string): void {
    if (!this.#log.writableEnded) this.#log.write(text);
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) {
      const [, level] = /^\[[^\]]+\] ([A-Z]+) /.exec(line) ?? [];
      if (level !== undefined) this.#showing = level === 'WARN' || level === 'ERROR' || level === 'FATAL';
      if (this.#showing && !this.isQuiet) this.show(line);
    }
  }
}
