import { spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Cluster } from './cluster';
import { until } from './cluster-zookeeper';
import { output, peers, writeProperties, type Properties } from './harness';

/** A record as its place and value. */
export interface Read {
  readonly partition: number;
  readonly offset: number;
  readonly value: string;
}

type Bootstrap = Pick<Cluster, 'bootstrap'>;

interface ProducerEvent {
  readonly name: string;
  readonly value?: string;
  readonly partition?: number;
  readonly offset?: number;
  readonly exception?: string;
  readonly message?: string;
  readonly sent?: number;
  readonly acked?: number;
}

export interface LoadOptions {
  /** Records a second. */
  readonly throughput?: number;
  /** Values are PREFIX.0, PREFIX.1, …: they have to differ between the loads of a topic. */
  readonly prefix?: number;
  /** Over those of an idempotent producer with acks=all and Kafka's own retries. */
  readonly producer?: Properties;
  readonly directory: string;
}

let loads = 0;

/** Apache's verifiable producer (Java), which says of each record whether it was acknowledged, and where. */
export class Load implements AsyncDisposable {
  /** Value to place. */
  readonly acknowledged = new Map<string, { readonly partition: number; readonly offset: number }>();
  /** What the producer says of records that were not. */
  readonly errors: string[] = [];
  sent = 0;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #stderr = '';
  #hasEnded = false;
  #acknowledgedAt = performance.now();
  /** The longest time between two acknowledgements. */
  longestPauseMs = 0;

  constructor(
    cluster: Bootstrap,
    readonly topic: string,
    options: LoadOptions,
  ) {
    const file = path.join(options.directory, `producer-${++loads}.properties`);
    writeProperties(file, {
      acks: 'all',
      'enable.idempotence': 'true',
      // The verifiable producer's own setting is no retries at all.
      retries: '2147483647',
      'linger.ms': '5',
      ...options.producer,
    });
    const args = ['3.9', 'verifiable-producer', '--bootstrap-server', cluster.bootstrap, '--topic', topic];
    const rest = ['--throughput', String(options.throughput ?? 500), '--producer.config', file, '--max-messages', '-1'];
    const prefix = options.prefix === undefined ? [] : ['--value-prefix', String(options.prefix)];
    const jvm = '-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto';
    this.#child = spawn(path.join(peers, 'kafka'), [...args, ...rest, ...prefix], {
      env: { ...process.env, KAFKA_HEAP: '-Xmx128M', KAFKA_JVM: jvm },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    createInterface(this.#child.stdout!).on('line', (line) => this.#heard(line));
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    this.#ended = new Promise((resolve) => {
      this.#child.on('close', () => {
        this.#hasEnded = true;
        resolve();
      });
    });
  }

  /** Resolves when it has its first record acknowledged. */
  static async start(cluster: Bootstrap, topic: string, options: LoadOptions): Promise<Load> {
    const load = new Load(cluster, topic, options);
    try {
      await load.more(1);
    } catch (error) {
      await load[Symbol.asyncDispose]();
      throw error;
    }
    // The pause before the first one was the start of Java.
    load.longestPauseMs = 0;
    return load;
  }

  #heard(line: string): void {
    if (!line.startsWith('{')) return;
    const event = JSON.parse(line) as ProducerEvent;
    if (event.name === 'producer_send_success') {
      this.acknowledged.set(event.value!, { partition: event.partition!, offset: event.offset! });
      const now = performance.now();
      this.longestPauseMs = Math.max(this.longestPauseMs, now - this.#acknowledgedAt);
      this.#acknowledgedAt = now;
    } else if (event.name === 'producer_send_error') {
      // What it hands over while it closes is of its own making.
      if (/after producer has been closed|Producer closed while send/.test(event.message ?? '')) return;
      this.errors.push(`${event.value}: ${event.exception} ${event.message}`);
    } else if (event.name === 'tool_data') {
      this.sent = event.sent!;
    }
  }

  /** Resolves with the milliseconds until this many more records are acknowledged. */
  async more(count: number, timeoutMs = 90_000): Promise<number> {
    const started = performance.now();
    const wanted = this.acknowledged.size + count;
    await until(
      `${count} more records acknowledged`,
      () => {
        if (this.#hasEnded) throw new Error(`the producer has ended\n${this.#stderr}`);
        return this.acknowledged.size >= wanted;
      },
      { timeoutMs, everyMs: 10 },
    ).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.errors.slice(-5).join('\n')}\n${this.#stderr.slice(-3000)}`);
    });
    return performance.now() - started;
  }

  /** What the client has logged, warnings and above. */
  get log(): string {
    return this.#stderr;
  }

  /** Lets what is under way be acknowledged, and ends it. */
  async stop(): Promise<void> {
    if (!this.#hasEnded) this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 130_000);
    await this.#ended;
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#hasEnded) this.#child.kill('SIGKILL');
    await this.#ended;
    const kept = process.env.CLUSTER_LOGS;
    if (kept) writeFileSync(path.join(kept, `producer-${this.topic}.log`), this.#stderr);
  }
}

const format = ['-f', '%p %o %s\n'];

function parsed(line: string): Read {
  const [partition, offset, value] = line.split(' ');
  return { partition: Number(partition), offset: Number(offset), value };
}

/** All records of a topic, read with kcat from the beginning to the end. */
export async function readAll(cluster: Bootstrap, topic: string, from = cluster.bootstrap): Promise<Read[]> {
  const args = ['-b', from, '-C', '-t', topic, '-o', 'beginning', '-e', '-q', ...format];
  const text = await output('kcat', args, { timeoutMs: 120_000 });
  return text === '' ? [] : text.trimEnd().split('\n').map(parsed);
}

/** A consumer (librdkafka, by kcat) that reads on; with a group it commits. */
export class Reader implements AsyncDisposable {
  /** Places, each once: a group reads again what it has not committed. */
  readonly places = new Set<string>();
  readonly values = new Set<string>();
  /** What kcat has complained of. */
  errors: string[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(cluster: Bootstrap, topic: string, group?: string) {
    const from = ['-X', 'auto.offset.reset=earliest', '-X', 'topic.metadata.refresh.interval.ms=2000'];
    const what = group === undefined ? ['-C', '-t', topic, '-o', 'beginning'] : ['-G', group];
    const args = ['-b', cluster.bootstrap, ...from, '-u', '-q', '-E', ...format, ...what];
    this.#child = spawn('kcat', group === undefined ? args : [...args, topic], { stdio: ['ignore', 'pipe', 'pipe'] });
    createInterface(this.#child.stdout!).on('line', (line) => {
      const { partition, offset, value } = parsed(line);
      this.places.add(`${partition}:${offset}`);
      this.values.add(value);
    });
    createInterface(this.#child.stderr!).on('line', (line) => this.errors.push(line));
    this.#ended = new Promise((resolve) => this.#child.on('close', resolve));
  }

  /** Resolves when it has read all that was acknowledged. */
  async catchUp(load: Load, timeoutMs = 60_000): Promise<void> {
    const missing = () =>
      [...load.acknowledged].filter(([, { partition, offset }]) => !this.places.has(`${partition}:${offset}`));
    await until('the consumer has read all', () => missing().length === 0, { timeoutMs }).catch(() => {
      throw new Error(`the consumer lacks ${missing().length} records\n${this.errors.slice(-10).join('\n')}`);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}

/** What became of a load's records. */
export interface Account {
  readonly sent: number;
  readonly acknowledged: number;
  readonly refused: number;
  readonly read: number;
  /** Acknowledged, and not there. */
  readonly lost: number;
  /** There more than once. */
  readonly duplicated: number;
  /** Acknowledged, and another offset than the producer was told. */
  readonly moved: number;
}

/** Compares what was acknowledged with what is in the topic. `load` has been stopped. */
export function account(load: Load, records: readonly Read[]): Account {
  const places = new Map<string, Read[]>();
  for (const record of records) {
    const known = places.get(record.value);
    if (known) known.push(record);
    else places.set(record.value, [record]);
  }
  let lost = 0;
  let moved = 0;
  for (const [value, place] of load.acknowledged) {
    const found = places.get(value);
    if (!found) lost++;
    else if (!found.some(({ partition, offset }) => partition === place.partition && offset === place.offset)) moved++;
  }
  const duplicated = [...places.values()].reduce((sum, all) => sum + all.length - 1, 0);
  const sent = Math.max(load.sent, load.acknowledged.size + load.errors.length);
  const acknowledged = load.acknowledged.size;
  return { sent, acknowledged, refused: load.errors.length, read: records.length, lost, duplicated, moved };
}

export function told(account: Account): string {
  const { sent, acknowledged, refused, read, lost, duplicated } = account;
  const errors = refused === 0 ? '' : `, ${refused} refused`;
  return `${sent} sent, ${acknowledged} acknowledged${errors}, ${read} read, ${lost} lost, ${duplicated} duplicated`;
}
