import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../seeded-random';
import { Cluster } from './cluster';
import { kinds, numberOf, seconds } from './cluster-kinds';
import { account, Load, readAll, told } from './cluster-load';
import { Ensemble, pause } from './cluster-zookeeper';
import { installApache, temporaryDirectory } from './harness';
import { ApacheTools } from './tool-runner';

const rounds = numberOf('ROUNDS', 5);
const seed = numberOf('SEED', Math.floor(Math.random() * 2 ** 31));
const directory = temporaryDirectory();
let ensemble: Ensemble;
let tools: ApacheTools;

beforeAll(async () => {
  installApache('3.9');
  tools = new ApacheTools('3.9');
  ensemble = await Ensemble.start(directory.path);
});

afterAll(async () => {
  await ensemble?.[Symbol.asyncDispose]();
  await tools?.[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

const random = seededRandom(seed);
const below = (count: number): number => Math.floor(random() * count);

/** Does one harm to the cluster; says what, and gives what ends it. */
async function harm(cluster: Cluster): Promise<readonly [string, () => Promise<void> | void]> {
  const running = cluster.running;
  const broker = running[below(running.length)];
  const [other] = cluster.others(broker).slice(below(2));
  const lines = cluster.lines!;
  switch (below(6)) {
    case 0:
    case 1:
      await broker.kill();
      return [`kill -9 ${broker.id}`, () => broker.start()];
    case 2:
      broker.pause();
      return [`SIGSTOP ${broker.id}`, () => void (broker.isRunning && broker.continue())];
    case 3:
      lines.cut(broker.id, other.id);
      return [`${broker.id} cut from ${other.id}`, () => lines.mend(broker.id, other.id)];
    case 4:
      for (const one of cluster.others(broker)) {
        lines.silence(one.id, broker.id);
        lines.silence(broker.id, one.id);
      }
      return [
        `${broker.id} and the others silent`,
        () => {
          for (const one of cluster.others(broker)) {
            lines.mend(one.id, broker.id);
            lines.mend(broker.id, one.id);
          }
        },
      ];
    default:
      lines.cut(broker.id, 'zookeeper');
      return [`${broker.id} cut from ZooKeeper`, () => lines.mend(broker.id, 'zookeeper')];
  }
}

describe(`three brokers (${kinds.join(', ')}) that are killed, stopped and cut off`, () => {
  it(
    `lose and double nothing that was acknowledged in ${rounds} rounds`,
    { timeout: 180_000 + rounds * 60_000 },
    async () => {
      const properties = { 'zookeeper.session.timeout.ms': '3000', 'replica.lag.time.max.ms': '5000' };
      const options = { kinds, ensemble, directory: directory.path, name: 'faults', lines: true, properties };
      await using cluster = await Cluster.start(options);
      const create = ['--create', '--topic', 'lasting', '--replica-assignment', '1:2:3,2:3:1,3:1:2'];
      await tools.output('topics', ['--bootstrap-server', cluster.bootstrap, ...create]);
      await cluster.inSync('lasting');
      const producer = { 'request.timeout.ms': '5000', 'delivery.timeout.ms': '120000' };
      await using load = await Load.start(cluster, 'lasting', { directory: directory.path, producer });
      const started = performance.now();
      let slowest = 0;
      let at = 'the beginning';
      try {
        for (let round = 1; round <= rounds; round++) {
          const harms = [await harm(cluster)];
          const first = below(7000);
          await pause(first);
          if (below(3) === 0 && cluster.running.length > 2) harms.push(await harm(cluster));
          at = `round ${round} of seed ${seed}: ${harms.map(([what]) => what).join(', ')} for ${first} ms and more`;
          await pause(below(3000));
          for (const [, mend] of harms) await mend();
          const mended = performance.now();
          await load.more(100);
          await cluster.inSync();
          slowest = Math.max(slowest, performance.now() - mended);
          if (rounds <= 10) console.log(`${at}: whole again after ${seconds(performance.now() - mended)}`);
          else if (round % 10 === 0)
            console.log(`${round} rounds of seed ${seed}: ${load.acknowledged.size} acknowledged`);
        }
      } catch (error) {
        throw new Error(`${at}\n${(error as Error).message}`, { cause: error });
      }
      await load.stop();
      const counted = account(load, await readAll(cluster, 'lasting'));
      let size = 0;
      for (const partition of [0, 1, 2]) size += await cluster.sameLogs('lasting', partition);
      console.log(
        `${cluster.kinds}, ${rounds} rounds (SEED=${seed}) in ${seconds(performance.now() - started)}: ${told(counted)}; ` +
          `the three replicas agree in all of their ${size} bytes; whole ` +
          `again after ${seconds(slowest)} at the most; longest pause between two acknowledgements ${seconds(load.longestPauseMs)}`,
      );
      expect(counted).toMatchObject({ lost: 0, duplicated: 0, moved: 0 });
    },
  );
});
