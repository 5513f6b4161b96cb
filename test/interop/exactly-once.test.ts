import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../seeded-random';
import { Cluster } from './cluster';
import { kinds, numberOf, seconds } from './cluster-kinds';
import { Ensemble, pause, until } from './cluster-zookeeper';
import { installApache, output, peers, Running, temporaryDirectory } from './harness';
import { JavaProgram } from './java-program';
import { ApacheTools } from './tool-runner';

const rounds = numberOf('ROUNDS', 5);
const recordsPerRound = numberOf('RECORDS', 400);
const seed = numberOf('SEED', Math.floor(Math.random() * 2 ** 31));
const directory = temporaryDirectory();
let ensemble: Ensemble;
let tools: ApacheTools;
let ownCopier: JavaProgram;

beforeAll(async () => {
  installApache('3.9');
  ownCopier = new JavaProgram('ExactlyOnce', directory.path);
  tools = new ApacheTools('3.9');
  ensemble = await Ensemble.start(directory.path, 'embedded');
});

afterAll(async () => {
  await ensemble?.[Symbol.asyncDispose]();
  await tools?.[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

const random = seededRandom(seed);
const below = (count: number): number => Math.floor(random() * count);

/** A loop that reads a topic, writes another, and commits both in one transaction: a process that is killed and started. */
class Copying implements AsyncDisposable {
  running: Running | undefined;
  /** Processes that were killed, fenced, or ended in another way. */
  starts = 0;

  constructor(
    readonly name: string,
    readonly input: string,
    readonly output: string,
    private readonly spawn: () => Running,
    /** It has committed something, or has nothing left to do. */
    private readonly progress: RegExp,
    /** Nothing is left to be copied. */
    private readonly done: RegExp,
  ) {}

  start(): Running {
    this.starts++;
    this.running = this.spawn();
    return this.running;
  }

  /** Resolves when it copies; one that has ended, as it may when a broker dies, is started again. */
  async copies(pattern = this.progress): Promise<void> {
    for (let tries = 0; ;) {
      const running = this.running ?? this.start();
      const before = copiedBy(running);
      try {
        await running.printed(pattern, 60_000);
        return;
      } catch (error) {
        // After many rounds there is much to be copied.
        if (copiedBy(running) !== before) continue;
        if (tries++ === 5) throw new Error(`${this.name} makes no progress`, { cause: error });
        await running.stop('SIGKILL');
        this.running = undefined;
      }
    }
  }

  /** Starts it anew and resolves when nothing is left to be copied. */
  async finish(): Promise<void> {
    await this.kill();
    await this.copies(this.done);
  }

  async kill(): Promise<void> {
    await this.running?.stop('SIGKILL');
    this.running = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

/** How much one process says that it has copied. */
function copiedBy(running: Running): string | undefined {
  return [...running.log.matchAll(/"totalProcessed":\d+|^copied \d+/gm)].at(-1)?.[0];
}

const partitions = 3;

/** Apache's own copier, of one partition, and a Java client of this project's, a member of a group. */
function copyings(cluster: Cluster): [Copying, Copying] {
  const small = '-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto';
  const apaches = () =>
    new Running(
      path.join(peers, 'kafka'),
      [
        ...['3.9', 'txn-copier', '--broker-list', cluster.bootstrap, '--input-topic', 'read', '--input-partition', '0'],
        ...['--output-topic', 'written', '--consumer-group', 'copiers', '--transactional-id', 'copier'],
        ...['--transaction-size', '10', '--transaction-timeout', '10000'],
        ...['--enable-random-aborts', '--use-group-metadata'],
      ],
      { env: { KAFKA_HEAP: '-Xmx192M', KAFKA_JVM: small } },
    );
  const own = () =>
    new Running('java', ownCopier.arguments(cluster.bootstrap, 'read-in-group', 'written-in-group', 'own', '10'));
  const ended = /"stage":"ShutdownComplete".*"remaining":0}/;
  return [
    new Copying('Apache’s copier', 'read', 'written', apaches, /"totalProcessed":[1-9]|"remaining":0}/, ended),
    new Copying('the own copier', 'read-in-group', 'written-in-group', own, /^(copied|at the end)/m, /^at the end/m),
  ];
}

/** Does harm for a while. Says what. */
async function harm(cluster: Cluster, copying: readonly Copying[]): Promise<string> {
  const one = copying[below(copying.length)];
  switch (below(5)) {
    case 0:
    case 1:
      await one.kill();
      return `kill -9 of ${one.name}`;
    case 2: {
      const broker = cluster.running[below(cluster.running.length)];
      await broker.kill();
      await pause(below(1500));
      await broker.start();
      return `kill -9 of broker ${broker.id}`;
    }
    case 3: {
      const broker = cluster.running[below(cluster.running.length)];
      await broker.kill();
      await one.kill();
      await broker.start();
      return `kill -9 of broker ${broker.id} and of ${one.name}`;
    }
    default: {
      // Another takes its place; when the first wakes up it must have no effect any more.
      const first = one.running;
      if (!first) return `${one.name} does not run`;
      process.kill(first.pid, 'SIGSTOP');
      try {
        one.running = undefined;
        await one.copies();
      } finally {
        process.kill(first.pid, 'SIGCONT');
      }
      await pause(below(1000));
      await first.stop('SIGKILL');
      return `${one.name} replaced while it slept`;
    }
  }
}

/** The values of a topic in their order, by partition. */
async function read(cluster: Cluster, topic: string, isolation = 'read_committed'): Promise<string[][]> {
  const from = ['-b', cluster.bootstrap, '-C', '-t', topic, '-o', 'beginning', '-e', '-q', '-f', '%p %s\n'];
  const text = await output('kcat', [...from, '-X', `isolation.level=${isolation}`], { timeoutMs: 120_000 });
  const values: string[][] = Array.from({ length: partitions }, () => []);
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [partition, value] = line.split(' ');
    values[Number(partition)].push(value);
  }
  return values;
}

describe(`read, process and write on three brokers (${kinds.join(', ')}), killed at random`, () => {
  it(
    `has each input in the output once, and in order, after ${rounds} rounds`,
    { timeout: 240_000 + rounds * 60_000 },
    async () => {
      const properties = {
        'zookeeper.session.timeout.ms': '3000',
        'replica.lag.time.max.ms': '5000',
        'group.min.session.timeout.ms': '1000',
        'transaction.abort.timed.out.transaction.cleanup.interval.ms': '1000',
      };
      const options = { kinds, ensemble, directory: directory.path, name: 'exactly-once', properties };
      await using cluster = await Cluster.start(options);
      for (const topic of ['read', 'written', 'read-in-group', 'written-in-group']) {
        const create = ['--create', '--topic', topic, '--replica-assignment', '1:2:3,2:3:1,3:1:2'];
        await tools.output('topics', ['--bootstrap-server', cluster.bootstrap, ...create]);
      }
      await cluster.inSync();
      const [apaches, own] = copyings(cluster);
      await using _apaches = apaches;
      await using _own = own;
      const both = [apaches, own];
      let fed = 0;
      const feed = async () => {
        const produce = ['-b', cluster.bootstrap, '-P', '-X', 'enable.idempotence=true', '-X', 'linger.ms=1'];
        const input = Array.from({ length: recordsPerRound }, () => `${fed++}\n`).join('');
        await output('kcat', [...produce, '-t', 'read', '-p', '0'], { input });
        await output('kcat', [...produce, '-t', 'read-in-group'], { input });
      };
      const started = performance.now();
      let at = 'the beginning';
      const harms: string[] = [];
      try {
        for (let round = 1; round <= rounds; round++) {
          at = `round ${round} of seed ${seed}`;
          const began = performance.now();
          await feed();
          // Apache's copier ends when it has nothing left to do.
          if (apaches.running?.log.includes('ShutdownComplete')) await apaches.kill();
          await Promise.all(both.map((copying) => copying.copies()));
          await pause(below(700));
          const harmed = performance.now();
          const what = await harm(cluster, both);
          harms.push(what);
          const times = `after ${seconds(harmed - began)}, for ${seconds(performance.now() - harmed)}`;
          if (rounds <= 10) console.log(`${at}: ${what}, ${times}`);
        }
        at = `after ${harms.at(-1)} in the last of ${rounds} rounds of seed ${seed}`;
        await cluster.inSync();
        for (const copying of both) {
          await copying.finish();
          const wanted = await read(cluster, copying.input);
          const size = wanted.flat().length;
          const found = await until(`${size} records in ${copying.output}`, async () => {
            const values = await read(cluster, copying.output);
            return values.flat().length >= size && values;
          });
          expect(size).toBe(rounds * recordsPerRound);
          expect(found).toEqual(wanted);
        }
      } catch (error) {
        throw new Error(`${at}\n${(error as Error).message}`, { cause: error });
      }
      const uncommitted = (await read(cluster, 'written', 'read_uncommitted')).flat().length;
      const inGroup = (await read(cluster, 'written-in-group', 'read_uncommitted')).flat().length;
      const total = rounds * recordsPerRound;
      // Where nothing was ever aborted, nothing was tried.
      expect(uncommitted).toBeGreaterThan(total);
      expect(inGroup).toBeGreaterThan(total);
      console.log(
        `${cluster.kinds}, ${rounds} rounds (SEED=${seed}) in ${seconds(performance.now() - started)}: ${total} inputs of each, ` +
          `each in the output once; ${uncommitted - total} and ${inGroup - total} aborted copies; ` +
          `started ${apaches.starts} and ${own.starts} times`,
      );
    },
  );
});
