import path from 'node:path';
import { compile, directory, json, pause, residentBytes, type Running, say, start } from './processes';
import { createTopic, type Kind, startCluster, type Target } from './targets';
import { type Flags, isWanted, measure, type Result } from './workload';

/** A Node server that discards what it is sent (or serves a file, whatever is asked for): what the machine gives. */
async function startBare(...args: string[]): Promise<Target> {
  const child: Running = start(process.execPath, [
    '-r',
    require.resolve('ts-node/register/transpile-only'),
    path.join(__dirname, 'discard-server.ts'),
    ...args,
  ]);
  while (!/^\d+$/m.test(child.log)) {
    if (child.exitCode !== null) throw new Error(`the discard server ended:\n${child.log}`);
    await pause(50);
  }
  const address = `127.0.0.1:${/^\d+$/m.exec(child.log)![0]}`;
  return { name: 'bare', address, brokers: [{ id: 0, address, file: '', process: child, startMs: 0, idleBytes: 0 }] };
}

/** One broker of each kind: the client's protocol, the log, one replica of everything. */
export async function benchSingleBroker(
  flags: Flags,
  kinds: readonly Kind[],
  zookeeperPort: number,
): Promise<Result[]> {
  const { scale } = flags;
  const rdkafka = compile('rdkafka', '-lrdkafka');
  const load = compile('load');
  const targets: Target[] = [];
  for (const kind of kinds) {
    targets.push(
      await startCluster(kind, 1, zookeeperPort, `${kind}-single`, { 'offsets.topic.replication.factor': 1 }),
    );
  }
  const results: Result[] = [];
  const bare = await startBare('bench');
  for (const [size, perBatch, records] of [
    [100, 10_000, 4_000_000],
    [1024, 900, 600_000],
    [100, 100, 2_000_000],
    [100, 10, 300_000],
  ] as const) {
    results.push(
      ...(await measure(flags, {
        name: `produce ${size} B, ${perBatch} records a batch`,
        targets: [...targets, bare],
        figure: 'recordsPerSecond',
        run: async (target, round) => {
          const topic = target.name === 'bare' ? 'bench' : `produce-${size}-${perBatch}-${round}`;
          if (target.name !== 'bare') await createTopic(target, topic, 1);
          return json(rdkafka, 'produce', target.address, topic, Math.round(records * scale), size, 1, perBatch);
        },
      })),
    );
  }
  for (const [size, perBatch, records] of [
    [100, 10_000, 3_000_000],
    [1024, 900, 600_000],
  ] as const) {
    const name = `fetch ${size} B`;
    const topic = `fetch-${size}`;
    const count = Math.round(records * scale);
    if (!isWanted(flags, name)) continue;
    for (const target of targets) {
      await createTopic(target, topic, 1);
      await json(rdkafka, 'produce', target.address, topic, count, size, 1, perBatch);
    }
    const segment = path.join(directory, 'odradek-single-0-logs', `${topic}-0`, `${'0'.padStart(20, '0')}.log`);
    const server = await startBare(topic, segment);
    results.push(
      ...(await measure(flags, {
        name,
        targets: [...targets, server],
        figure: 'recordsPerSecond',
        run: (target) => json(rdkafka, 'consume', target.address, topic, count),
      })),
    );
  }
  for (const [what, figure] of [
    ['p50', 'p50Micros'],
    ['p99', 'p99Micros'],
  ] as const) {
    results.push(
      ...(await measure(flags, {
        name: `latency acks=1 ${what}`,
        targets,
        figure,
        run: (target) => json(rdkafka, 'latency', target.address, 'latency', Math.round(20_000 * scale), 100, 1),
      })),
    );
  }
  results.push(
    ...(await measure(flags, {
      name: '50 connections, 1,000 partitions, 10 records a batch',
      targets,
      figure: 'recordsPerSecond',
      run: async (target, round) => {
        if (round === 0) await createTopic(target, 'many', 1000);
        const [host, port] = target.address.split(':');
        return json(load, host, port, 'many', 1000, 50, Math.round(100_000 * scale), 10, 100);
      },
    })),
  );
  const each = (name: string, figure: Result['figure'], of: (target: Target) => number): void => {
    const values = new Map(targets.map((target) => [target.name, of(target)]));
    if (isWanted(flags, name)) results.push({ name, figure, values });
  };
  each('start to the first Metadata answer', 'ms', ({ brokers: [broker] }) => broker.startMs);
  each('memory idle', 'bytes', ({ brokers: [broker] }) => broker.idleBytes);
  each('memory after the load', 'bytes', ({ brokers: [broker] }) => residentBytes(broker.process.pid!));
  for (const { brokers } of [...targets, bare]) for (const broker of brokers) broker.process.kill('SIGKILL');
  say('the single brokers are done');
  return results;
}
