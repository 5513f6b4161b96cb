import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { installApache, output, peers, type Finished } from './harness';

const base64 = (text: string): string => (text === '' ? '-' : Buffer.from(text).toString('base64'));
const plain = (text: string): string => (text === '-' ? '' : Buffer.from(text, 'base64').toString());

export interface ToolCall {
  readonly input?: string;
  readonly timeoutMs?: number;
}

/**
 * Apache Kafka's own command-line tools, called one after the other in one Java process (see ToolRunner.java), under
 * the names of test/peers/kafka: `tools.call('topics', ['--list', …])`.
 */
export class ApacheTools implements AsyncDisposable {
  /** Calls so far, and the milliseconds that they took. */
  calls = 0;
  spentMs = 0;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #classes = new Map<string, Promise<string>>();
  readonly #waiting: ((line: string | undefined) => void)[] = [];
  #last: Promise<unknown> = Promise.resolve();
  #stderr = '';
  #hasEnded = false;

  constructor(readonly version: '3.9' | '2.4') {
    installApache(version);
    const directory = path.join(process.env.PEERS_LIB ?? path.join(homedir(), '.cache', 'odradek-peers'), version);
    const jars = readdirSync(directory).filter((file) => file.endsWith('.jar'));
    const ofTools = jars.filter((file) => /^kafka(-tools-\d|_)/.test(file));
    const others = jars.filter((file) => !ofTools.includes(file));
    const inDirectory = (file: string): string => path.join(directory, file);
    this.#child = spawn('java', [
      ...['-Xmx512M', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '--add-opens=java.base/java.lang=ALL-UNNAMED'],
      `-Dlog4j.configuration=file:${path.join(peers, 'conf/log4j-tools.properties')}`,
      ...['-cp', others.map(inDirectory).join(':'), path.join(__dirname, 'java/ToolRunner.java')],
      ...ofTools.map(inDirectory),
    ]);
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    this.#child.stdin.on('error', () => undefined);
    createInterface(this.#child.stdout).on('line', (line) => {
      if (/^\d+ \S+ \S+$/.test(line)) this.#waiting.shift()?.(line);
      else this.#stderr += `${line}\n`;
    });
    this.#child.on('close', () => {
      this.#hasEnded = true;
      for (const waiting of this.#waiting.splice(0)) waiting(undefined);
    });
  }

  /** Runs a tool to its end, after the calls before. */
  call(tool: string, args: readonly string[], options: ToolCall = {}): Promise<Finished> {
    const finished = this.#last.then(() => this.#call(tool, args, options));
    this.#last = finished.catch(() => undefined);
    return finished;
  }

  /** What a tool that has to succeed printed. */
  async output(tool: string, args: readonly string[], options: ToolCall = {}): Promise<string> {
    const { status, stdout, stderr } = await this.call(tool, args, options);
    if (status !== 0) {
      throw new Error(`${this.version} ${tool} ${args.join(' ')} ended with ${status}\n${stdout}\n${stderr}`);
    }
    return stdout;
  }

  async #call(tool: string, args: readonly string[], options: ToolCall): Promise<Finished> {
    const name = await this.#classOf(tool);
    const { input = '', timeoutMs = 30_000 } = options;
    const started = performance.now();
    const line = await new Promise<string | undefined>((resolve) => {
      if (this.#hasEnded) return resolve(undefined);
      this.#waiting.push(resolve);
      this.#child.stdin.write(`${[name, input, ...args].map(base64).join(' ')}\n`);
      // Java answers SIGQUIT with what its threads are doing.
      const dump = setTimeout(() => this.#child.kill('SIGQUIT'), timeoutMs);
      const kill = setTimeout(() => this.#child.kill('SIGKILL'), timeoutMs + 2000);
      this.#waiting[0] = (answer) => {
        clearTimeout(dump);
        clearTimeout(kill);
        resolve(answer);
      };
    });
    this.calls++;
    this.spentMs += performance.now() - started;
    if (line === undefined) {
      throw new Error(
        `${this.version} ${tool} ${args.join(' ')}: no answer within ${timeoutMs} ms, or Java ended\n${this.#stderr}`,
      );
    }
    const [status, stdout, stderr] = line.split(' ');
    return { status: Number(status), stdout: plain(stdout), stderr: plain(stderr) };
  }

  #classOf(tool: string): Promise<string> {
    if (tool.includes('.')) return Promise.resolve(tool);
    const known = this.#classes.get(tool);
    if (known) return known;
    const asked = output(path.join(peers, 'kafka'), [this.version, tool], { env: { KAFKA_ECHO: '1' } }).then((name) =>
      name.trim(),
    );
    this.#classes.set(tool, asked);
    return asked;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#hasEnded) return;
    const closed = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.kill('SIGKILL');
    await closed;
  }
}
