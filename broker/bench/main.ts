/**
 * Benchmarks: each workload runs in turn against this broker, against the bare limit (a Node server that discards what
 * it is sent; a TCP echo) and, where Java and Apache Kafka's jars are, against Apache Kafka 3.9. Figures of one run are
 * compared as ratios only: machines differ, and are noisy.
 *
 *   npm run bench [-- --rounds N] [--quick] [--no-apache] [--only NAME]
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

const root = path.resolve(__dirname, '../..');
const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
    'no-apache': { type: 'boolean', default: false },
    only: { type: 'string' },
  },
});
const rounds = Number(flags.rounds);
const scale = flags.quick ? 0.1 : 1;
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'odradek-bench-'));
const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  fs.rmSync(directory, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

function say(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}

/** A server under load. `pid` is the process whose CPU and memory count. */
interface Target {
  readonly name: 'odradek' | 'bare' | 'apache';
  readonly address: string;
  readonly pid: number;
  /** From its start to the first answer to Metadata, milliseconds. */
  readonly startMs: number;
  readonly idleBytes: number;
}

/** What a client program printed. */
type Figures = Readonly<Record<string, number>>;

interface Workload {
  readonly name: string;
  readonly targets: readonly Target['name'][];
  /** The figure that counts, and whether more is better. */
  readonly figure: string;
  readonly better: 'more' | 'less';
  run(target: Target, round: number): Promise<Figures>;
}

function compile(name: string, ...libraries: string[]): string {
  const binary = path.join(directory, name);
  const source = path.join(__dirname, 'clients', `${name}.c`);
  try {
    execFileSync('gcc', ['-O2', '-o', binary, source, ...libraries], { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    throw new Error(
      `${source} could not be compiled; on Debian: apt-get install gcc libc6-dev librdkafka-dev (${(error as Error).message})`,
    );
  }
  return binary;
}

function start(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess & { log: string } {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const started = Object.assign(child, { log: '' });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (started.log = (started.log + text).slice(-100_000)));
  }
  children.add(child);
  child.on('exit', () => children.delete(child));
  return started;
}

function json(binary: string, ...args: (string | number)[]): Promise<Figures> {
  return new Promise((resolve, reject) => {
    const child = start(binary, args.map(String));
    child.on('close', (status) => {
      const line = child.log.trim().split('\n').at(-1) ?? '';
      if (status === 0) resolve(JSON.parse(line) as Figures);
      else reject(new Error(`${binary} ${args.join(' ')} ended with ${status}: ${child.log}`));
    });
  });
}

function cpuSeconds(pid: number): number {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** One Metadata v0 for no topic in particular: true when an answer came. */
function answersMetadata(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      const request = Buffer.from([0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0]);
      socket.write(request);
    });
    socket.setTimeout(2000, () => socket.destroy());
    socket.once('data', () => {
      resolve(true);
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}

async function untilAnswering(port: number, child: ChildProcess & { log: string }, startedAt: number): Promise<number> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the server ended:\n${child.log}`);
    if (await answersMetadata(port)) return performance.now() - startedAt;
    if (performance.now() - startedAt > 60_000) throw new Error(`no answer within a minute:\n${child.log}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function serverProperties(name: string, zookeeperPort: number): Promise<{ file: string; port: number }> {
  const port = await freePort();
  const file = path.join(directory, `${name}.properties`);
  fs.writeFileSync(
    file,
    [
      'broker.id=0',
      `listeners=PLAINTEXT://127.0.0.1:${port}`,
      `log.dirs=${directory}/${name}-logs`,
      `zookeeper.connect=127.0.0.1:${zookeeperPort}/${name}`,
      'offsets.topic.replication.factor=1',
      'offsets.topic.num.partitions=1',
      'group.initial.rebalance.delay.ms=0',
      'log.retention.check.interval.ms=86400000',
      '',
    ].join('\n'),
  );
  return { file, port };
}

async function startKafka(name: 'odradek' | 'apache', zookeeperPort: number): Promise<Target> {
  const { file, port } = await serverProperties(name, zookeeperPort);
  const startedAt = performance.now();
  const child =
    name === 'odradek'
      ? start(process.execPath, [path.join(root, 'broker/bin/odradek.js'), 'broker', file])
      : start(path.join(root, 'test/peers/kafka'), ['3.9', 'server', file], { KAFKA_HEAP: '-Xms1G -Xmx1G' });
  const startMs = await untilAnswering(port, child, startedAt);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  return { name, address: `127.0.0.1:${port}`, pid: child.pid!, startMs, idleBytes: residentBytes(child.pid!) };
}

async function createTopic(target: Target, topic: string, partitions: number): Promise<void> {
  const { Kafka, logLevel } = await import('kafkajs');
  const admin = new Kafka({ brokers: [target.address], requestTimeout: 90_000, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: partitions }], waitForLeaders: true, timeout: 60_000 });
  await admin.disconnect();
}

async function main(): Promise<void> {
  const rdkafka = compile('rdkafka', '-lrdkafka');
  const load = compile('load');
  const zookeeperPort = await freePort();
  start(process.execPath, [
    path.join(root, 'broker/bin/odradek.js'),
    'zookeeper',
    '--port',
    String(zookeeperPort),
    '--data-dir',
    path.join(directory, 'zookeeper'),
  ]);
  const zookeeperSince = performance.now();
  while (
    !(await new Promise((resolve) =>
      net.connect(zookeeperPort, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false)),
    ))
  ) {
    if (performance.now() - zookeeperSince > 20_000) throw new Error('ZooKeeper did not start');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  say('starting this broker');
  const targets = new Map<Target['name'], Target>([['odradek', await startKafka('odradek', zookeeperPort)]]);
  if (!flags['no-apache']) {
    try {
      execFileSync(path.join(root, 'test/peers/install'), ['3.9'], { stdio: ['ignore', 'ignore', 'inherit'] });
      say('starting Apache Kafka 3.9');
      targets.set('apache', await startKafka('apache', zookeeperPort));
    } catch (error) {
      say(`without Apache Kafka: ${(error as Error).message.split('\n')[0]}`);
    }
  }
  const startBare = async (...args: string[]): Promise<Target> => {
    const child = start(process.execPath, [
      '-r',
      require.resolve('ts-node/register/transpile-only'),
      path.join(__dirname, 'discard-server.ts'),
      ...args,
    ]);
    while (!/^\d+$/m.test(child.log)) {
      if (child.exitCode !== null) throw new Error(`the discard server ended:\n${child.log}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return {
      name: 'bare',
      address: `127.0.0.1:${/^\d+$/m.exec(child.log)![0]}`,
      pid: child.pid!,
      startMs: 0,
      idleBytes: 0,
    };
  };

  const results: { workload: Workload; figures: Map<Target['name'], Figures[]> }[] = [];
  const measure = async (workload: Workload, extra: Target[] = []): Promise<void> => {
    if (flags.only && !workload.name.includes(flags.only)) return;
    const figures = new Map<Target['name'], Figures[]>();
    const all = [...targets.values(), ...extra].filter(({ name }) => workload.targets.includes(name));
    // Round 0 warms up and does not count.
    for (let round = 0; round <= rounds; round++) {
      for (const target of all) {
        const before = cpuSeconds(target.pid);
        const result = await workload.run(target, round);
        const cpu = cpuSeconds(target.pid) - before;
        say(`${workload.name}, ${target.name}: ${result[workload.figure]} ${workload.figure}, CPU ${cpu.toFixed(2)} s`);
        if (round === 0) continue;
        const list = figures.get(target.name) ?? [];
        figures.set(target.name, list);
        list.push({ ...result, cpuSeconds: cpu });
      }
    }
    results.push({ workload, figures });
  };

  const bare = await startBare('bench');
  const every = ['odradek', 'bare', 'apache'] as const;
  for (const [size, perBatch, records] of [
    [100, 10_000, 4_000_000],
    [1024, 900, 600_000],
    [100, 100, 2_000_000],
    [100, 10, 300_000],
  ] as const) {
    await measure(
      {
        name: `produce ${size} B, ${perBatch} records a batch`,
        targets: every,
        figure: 'recordsPerSecond',
        better: 'more',
        run: async (target, round) => {
          const topic = target.name === 'bare' ? 'bench' : `produce-${size}-${perBatch}-${round}`;
          if (target.name !== 'bare') await createTopic(target, topic, 1);
          return json(rdkafka, 'produce', target.address, topic, Math.round(records * scale), size, perBatch);
        },
      },
      [bare],
    );
  }
  for (const [size, perBatch, records] of [
    [100, 10_000, 3_000_000],
    [1024, 900, 600_000],
  ] as const) {
    const topic = `fetch-${size}`;
    const count = Math.round(records * scale);
    if (flags.only && !`fetch ${size} B`.includes(flags.only)) continue;
    for (const target of targets.values()) {
      await createTopic(target, topic, 1);
      await json(rdkafka, 'produce', target.address, topic, count, size, perBatch);
    }
    const segment = path.join(directory, 'odradek-logs', `${topic}-0`, `${'0'.padStart(20, '0')}.log`);
    const server = await startBare(topic, segment);
    await measure(
      {
        name: `fetch ${size} B`,
        targets: every,
        figure: 'recordsPerSecond',
        better: 'more',
        run: (target) => json(rdkafka, 'consume', target.address, topic, count),
      },
      [server],
    );
  }
  for (const [what, figure] of [
    ['acks=1 p50', 'p50Micros'],
    ['acks=1 p99', 'p99Micros'],
  ] as const) {
    await measure({
      name: `latency ${what}`,
      targets: ['odradek', 'apache'],
      figure,
      better: 'less',
      run: (target) => json(rdkafka, 'latency', target.address, 'latency', Math.round(20_000 * scale), 100),
    });
  }
  await measure({
    name: '50 connections, 1,000 partitions, 10 records a batch',
    targets: ['odradek', 'apache'],
    figure: 'recordsPerSecond',
    better: 'more',
    run: async (target, round) => {
      if (round === 0) await createTopic(target, 'many', 1000);
      const [host, port] = target.address.split(':');
      return json(load, host, port, 'many', 1000, 50, Math.round(100_000 * scale), 10, 100);
    },
  });

  print(results, targets);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

function shown(value: number, figure: string): string {
  if (figure === 'recordsPerSecond')
    return value >= 1e6 ? `${(value / 1e6).toFixed(2)} M/s` : `${(value / 1e3).toFixed(0)} k/s`;
  return `${value.toFixed(0)} µs`;
}

function print(
  results: readonly { workload: Workload; figures: Map<Target['name'], Figures[]> }[],
  targets: ReadonlyMap<Target['name'], Target>,
): void {
  const lines = [
    '| workload | odradek | bare limit | Apache Kafka 3.9 | to the bare limit | to Apache | CPU to Apache |',
    '|---|---|---|---|---|---|---|',
  ];
  for (const { workload, figures } of results) {
    const of = (name: Target['name']): number | undefined => {
      const list = figures.get(name);
      return list && median(list.map((each) => each[workload.figure]));
    };
    const cpu = (name: Target['name']): number | undefined => {
      const list = figures.get(name);
      return list && median(list.map((each) => each.cpuSeconds));
    };
    const [ours, bare, apache] = [of('odradek')!, of('bare'), of('apache')];
    const [ourCpu, apacheCpu] = [cpu('odradek')!, cpu('apache')];
    const ratio = (other: number | undefined): string => (other ? `${(ours / other).toFixed(2)}x` : '–');
    lines.push(
      `| ${workload.name} | ${shown(ours, workload.figure)} | ${bare ? shown(bare, workload.figure) : '–'} | ${apache ? shown(apache, workload.figure) : '–'} | ${ratio(bare)} | ${ratio(apache)} | ${apacheCpu ? `${(ourCpu / apacheCpu).toFixed(2)}x` : '–'} |`,
    );
  }
  const [ours, apache] = [targets.get('odradek')!, targets.get('apache')];
  const compared = (what: string, value: (target: Target) => number, text: (value: number) => string): string =>
    `| ${what} | ${text(value(ours))} | – | ${apache ? text(value(apache)) : '–'} | – | ${apache ? `${(value(ours) / value(apache)).toFixed(2)}x` : '–'} | – |`;
  lines.push(
    compared(
      'start to the first Metadata answer',
      ({ startMs }) => startMs,
      (ms) => `${ms.toFixed(0)} ms`,
    ),
  );
  lines.push(
    compared(
      'memory idle',
      ({ idleBytes }) => idleBytes,
      (bytes) => `${(bytes / 1048576).toFixed(0)} MiB`,
    ),
  );
  lines.push(
    compared(
      'memory after the load',
      ({ pid }) => residentBytes(pid),
      (bytes) => `${(bytes / 1048576).toFixed(0)} MiB`,
    ),
  );
  console.log(lines.join('\n'));
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
