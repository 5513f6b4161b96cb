/** What a broker takes of memory while its log grows. */
import fs from 'node:fs';
import { compile, json, kill, pause, residentBytes, say } from './processes';
import { createTopic, type Kind, restartBroker, startCluster } from './targets';
import { type Flags, isWanted, type Result } from './workload';

const mebibyte = 1024 * 1024;
const valueBytes = 1024;

/** Resident when nothing is asked of it any more. */
async function settled(pid: number): Promise<number> {
  await pause(3000);
  return residentBytes(pid);
}

/** A log of 1 GiB and one ten times as large, in many segments: after writing, and in a process that found them there. */
export async function benchMemory(flags: Flags, kinds: readonly Kind[], zookeeperPort: number): Promise<Result[]> {
  const small = 1024 * flags.scale;
  const [written, found] = ['after writing', 'restarted on'].map((how) => (mib: number) => {
    return `memory ${how} a log of ${Math.round(mib)} MiB`;
  });
  if (!isWanted(flags, 'memory')) return [];
  const rdkafka = compile('rdkafka', '-lrdkafka');
  const values = new Map<string, Map<Kind, number>>();
  const note = (name: string, kind: Kind, value: number): void => {
    say(`${name}, ${kind}: ${(value / mebibyte).toFixed(2)} MiB`);
    values.set(name, (values.get(name) ?? new Map<Kind, number>()).set(kind, value));
  };
  for (const kind of kinds) {
    const properties = { 'log.segment.bytes': 32 * mebibyte, 'offsets.topic.replication.factor': 1 };
    const target = await startCluster(kind, 1, zookeeperPort, `${kind}-memory`, properties);
    const [broker] = target.brokers;
    await createTopic(target, 'memory', 1);
    for (const mib of [small, 10 * small]) {
      const records = Math.round(((mib === small ? mib : mib - small) * mebibyte) / (valueBytes + 10));
      await json(rdkafka, 'produce', target.address, 'memory', records, valueBytes, 1, 900);
      note(written(mib), kind, await settled(broker.process.pid!));
      await restartBroker(kind, broker);
      // Reads from all over the log, as one who comes back to an old topic.
      await json(rdkafka, 'consume', target.address, 'memory', Math.min(records, 200_000));
      note(found(mib), kind, await settled(broker.process.pid!));
    }
    await kill(broker.process);
    fs.rmSync(/^log\.dirs=(.*)$/m.exec(fs.readFileSync(broker.file, 'utf8'))![1], { recursive: true });
  }
  const results: Result[] = [];
  for (const how of [written, found]) {
    for (const mib of [small, 10 * small])
      results.push({ name: how(mib), figure: 'bytes', values: values.get(how(mib))! });
    const [one, ten] = [values.get(how(small))!, values.get(how(10 * small))!];
    const ratios = new Map(kinds.map((kind) => [kind, ten.get(kind)! / one.get(kind)!]));
    const name = `${how === written ? 'after writing' : 'restarted on'} ten times as much: memory to what it was`;
    results.push({ name, figure: 'times', values: ratios });
  }
  return results;
}
