/** Apache Kafka's log in a JVM of its own, without a broker around it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { directory, root } from './processes';

export class ApacheLog {
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  #complaints = '';

  /** Compiles and starts it; the heap is as large as the broker's beside which this one is measured. */
  constructor() {
    const jars = path.join(process.env.PEERS_LIB ?? path.join(os.homedir(), '.cache', 'odradek-peers'), '3.9', '*');
    const classes = path.join(directory, 'classes');
    const source = path.join(__dirname, 'clients', 'UnifiedLogBench.java');
    execFileSync('javac', ['-cp', jars, '-d', classes, source], { stdio: ['ignore', 'ignore', 'inherit'] });
    const log4j = path.join(root, 'test/peers/conf/log4j-tools.properties');
    const options = ['-Xms1G', '-Xmx1G', '-XX:+UseG1GC', `-Dlog4j.configuration=file:${log4j}`];
    this.#process = spawn('java', [...options, '-cp', `${classes}:${jars}`, 'UnifiedLogBench']);
    this.#process.stderr!.setEncoding('utf8').on('data', (text: string) => (this.#complaints += text));
    this.#answers = readline.createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
    process.on('exit', () => this.#process.kill('SIGKILL'));
  }

  /** See the program; returns milliseconds. */
  async run(...words: readonly (string | number)[]): Promise<number> {
    this.#process.stdin!.write(`${words.join(' ')}\n`);
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error(`Apache Kafka's log ended: ${this.#complaints}`);
    return Number(value) / 1e6;
  }

  close(): void {
    this.#process.kill('SIGKILL');
  }
}
