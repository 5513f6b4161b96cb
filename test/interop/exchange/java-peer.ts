import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import { JavaProgram } from '../java-program';
import { recordOf, type Line } from './book';

/** How a producer writes a number of records: see ExchangePeer.java. */
export interface Sending {
  readonly producer: string;
  readonly topic: string;
  readonly partition?: number;
  readonly count: number;
  readonly tag: string;
  /** Different keys; 0: no keys. */
  readonly keys?: number;
  /** Every so many records one without a value; 0: none. */
  readonly tombstones?: number;
  readonly timestamp?: number;
}

/** What a group's member is and has read. */
export interface Polled {
  readonly memberId: string;
  readonly generation: number;
  /** How often it was given its partitions. */
  readonly assignments: number;
  readonly records: readonly Line[];
}

/** Apache Kafka's Java clients in one process, which outlives the brokers (ExchangePeer.java). */
export class JavaPeer implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting: ((error: Error | undefined, lines: readonly string[]) => void)[] = [];
  #lines: string[] = [];
  #stderr = '';
  #hasEnded = false;

  /** @param directory for the classes */
  constructor(directory: string, bootstrap: string) {
    const program = new JavaProgram('ExchangePeer', directory);
    this.#child = spawn('java', program.arguments(bootstrap));
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    this.#child.stdin.on('error', () => undefined);
    createInterface(this.#child.stdout).on('line', (line) => {
      if (line !== 'ok' && !line.startsWith('error ')) return void this.#lines.push(line);
      const lines = this.#lines;
      this.#lines = [];
      this.#waiting.shift()?.(line === 'ok' ? undefined : new Error(`${line}\n${this.#stderr}`), lines);
    });
    this.#child.on('close', () => {
      this.#hasEnded = true;
      for (const answer of this.#waiting.splice(0)) answer(new Error(`Java has ended\n${this.#stderr}`), []);
    });
  }

  #call(...command: readonly (string | number)[]): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      if (this.#hasEnded) return reject(new Error(`Java has ended\n${this.#stderr}`));
      this.#waiting.push((error, lines) => (error ? reject(error) : resolve(lines)));
      this.#child.stdin.write(`${command.join('\t')}\n`);
    });
  }

  /** With a transactional.id it is initialised. */
  async producer(name: string, config: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.#call('producer', name, ...Object.entries(config).map(([key, value]) => `${key}=${value}`));
  }

  /** The records as they were acknowledged, in their order. */
  async send(sending: Sending): Promise<Line[]> {
    const { producer, topic, partition = 0, count, tag, keys = 7, tombstones = 0, timestamp = Date.now() } = sending;
    const lines = await this.#call('send', producer, topic, partition, count, tag, keys, tombstones, timestamp);
    return lines.map(recordOf);
  }

  async begin(producer: string): Promise<void> {
    await this.#call('begin', producer);
  }

  async end(producer: string, how: 'commit' | 'abort'): Promise<void> {
    await this.#call(how, producer);
  }

  /** In the producer's transaction. */
  async commitOffset(producer: string, group: string, topic: string, offset: number): Promise<void> {
    await this.#call('offset', producer, group, topic, 0, offset);
  }

  /** Has a producer write, in transactions or without, until it is halted. */
  async flow(producer: string, topic: string, partitions: number, how: 'plain' | 'transactions'): Promise<void> {
    await this.#call('flow', producer, topic, partitions, how);
  }

  /** What a flow has written: every part with what became of it. */
  async halt(producer: string): Promise<{ outcome: 'sent' | 'committed' | 'aborted'; records: Line[] }[]> {
    const parts: { outcome: 'sent' | 'committed' | 'aborted'; records: Line[] }[] = [];
    for (const line of await this.#call('halt', producer)) {
      if (line === 'sent' || line === 'committed' || line === 'aborted') parts.push({ outcome: line, records: [] });
      else parts[parts.length - 1].records.push(recordOf(line));
    }
    return parts;
  }

  async join(group: string, topic: string): Promise<void> {
    await this.#call('join', group, topic);
  }

  /** Has the group's member read all that there is, and commit. */
  async poll(group: string): Promise<Polled> {
    const [member, ...records] = await this.#call('poll', group);
    const [memberId, generation, assignments] = member.split('\t');
    return {
      memberId,
      generation: Number(generation),
      assignments: Number(assignments),
      records: records.map(recordOf),
    };
  }

  /** All records of the topics, from their starts. */
  async read(isolation: 'read_committed' | 'read_uncommitted', topics: readonly string[]): Promise<Line[]> {
    return (await this.#call('read', isolation, ...topics)).map(recordOf);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#hasEnded) return;
    const closed = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.kill('SIGKILL');
    await closed;
  }
}
