import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Cluster, type ClusterBroker } from './cluster';
import { kinds, numberOf, seconds } from './cluster-kinds';
import { account, Load, readAll, Reader, told } from './cluster-load';
import { Ensemble, pause, until, ZooKeeperShell } from './cluster-zookeeper';
import { installApache, output, run, temporaryDirectory } from './harness';
import { ApacheTools } from './tool-runner';

const directory = temporaryDirectory();
let ensemble: Ensemble;
let cluster: Cluster;
let tools: ApacheTools;
let shell: ZooKeeperShell;

beforeAll(async () => {
  installApache('3.9', '2.4');
  tools = new ApacheTools('3.9');
  ensemble = await Ensemble.start(directory.path);
  shell = new ZooKeeperShell(ensemble.connectString);
  cluster = await Cluster.start({
    kinds,
    ensemble,
    directory: directory.path,
    name: 'cluster',
    lines: true,
    properties: { 'replica.selector.class': 'org.apache.kafka.common.replica.RackAwareReplicaSelector' },
  });
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await shell?.[Symbol.asyncDispose]();
  await ensemble?.[Symbol.asyncDispose]();
  await tools?.[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

const tell = (text: string): void => console.log(`${cluster.kinds}: ${text}`);
const brokerOf = (id: number): ClusterBroker => cluster.broker(id);

/** Runs one of Apache's tools against the brokers that run. */
function tool(name: string, ...args: readonly string[]): Promise<string> {
  const bootstrap = cluster.running.map((broker) => broker.bootstrap).join(',');
  return tools.output(name, ['--bootstrap-server', bootstrap, ...args]);
}

async function create(topic: string, assignment: string, ...configs: readonly string[]): Promise<void> {
  const settings = configs.flatMap((config) => ['--config', config]);
  await tool('topics', '--create', '--topic', topic, '--replica-assignment', assignment, ...settings);
  await cluster.inSync(topic);
}

/** Produces lines with kcat at a broker; gives kcat's complaints. */
async function produce(
  to: string,
  topic: string,
  lines: readonly string[],
  ...settings: readonly string[]
): Promise<string> {
  const properties = ['message.timeout.ms=30000', ...settings].flatMap((setting) => ['-X', setting]);
  const args = ['-b', to, '-P', '-t', topic, '-p', '0', ...properties];
  const { status, stderr } = await run('kcat', args, { input: lines.map((line) => `${line}\n`).join('') });
  return status === 0 ? '' : stderr;
}

const numbered = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${prefix}.${i}`);

// Whatever became of the test before: all run, reach each other and are in sync.
beforeEach(async () => {
  cluster.lines?.mendAll();
  await ensemble.startAll();
  for (const broker of cluster.running) broker.continue();
  await Promise.all(cluster.others(...cluster.running).map((broker) => broker.start()));
  await cluster.allHere();
  await cluster.inSync();
});

describe(`three brokers on an ensemble of three ZooKeeper servers (${kinds.join(', ')})`, () => {
  it("take topics from Apache's old tools, and give every record at every broker", async () => {
    await using old = new ApacheTools('2.4');
    const zookeeper = ['--zookeeper', cluster.zookeeperConnect, '--topic', 'first'];
    expect(
      await old.output('topics', [...zookeeper, '--create', '--partitions', '3', '--replication-factor', '2']),
    ).toContain('Created topic first.');
    await cluster.inSync('first');
    const described = await old.output('topics', [...zookeeper, '--describe']);
    const lines = [
      ...described.matchAll(/Partition: (\d)\s+Leader: ([123])\s+Replicas: ([123],[123])\s+Isr: ([123],[123])/g),
    ];
    expect(lines.map(([, partition]) => partition)).toEqual(['0', '1', '2']);
    for (const [, , leader, replicas, isr] of lines) {
      expect(replicas.split(',')[0]).toBe(leader);
      expect(isr.split(',').sort()).toEqual(replicas.split(',').sort());
    }
    // Every broker leads one, and follows in another one.
    expect(lines.map(([, , leader]) => leader).sort()).toEqual(['1', '2', '3']);

    await create('everywhere', '1:2:3');
    for (const broker of cluster.brokers) {
      const wrote = `written at ${broker.id}`;
      expect(await produce(broker.bootstrap, 'everywhere', [wrote], 'acks=all')).toBe('');
      for (const other of cluster.others(broker)) {
        // kcat reads from the replica of its own rack: the leader tells it to.
        const args = ['-b', other.bootstrap, '-C', '-t', 'everywhere', '-o', '-1', '-c', '1', '-q', '-d', 'fetch'];
        await until(`${wrote} at broker ${other.id}`, async () => {
          const { stdout, stderr } = await run('kcat', [...args, '-X', `client.rack=rack-${other.id}`]);
          if (other.id !== 1) expect(stderr).toContain(`preferred replica`);
          return stdout.trim() === wrote;
        });
      }
    }
    tell(
      [
        `kafka-topics --zookeeper of 2.4 creates ${lines.length} partitions of two replicas, and describes them:`,
        ...lines.map(([line]) => `  ${line.replace(/\s+/g, ' ')}`),
      ].join('\n'),
    );
    tell('3 records written, each at another broker and read at the two others (followers, too): 6 read');
  });

  it('go on after kill -9 of a leader, which comes back, gives up what nobody else has, and leads again', async () => {
    await create('failover', '1:2:3');
    await using load = await Load.start(cluster, 'failover', { directory: directory.path });
    await load.more(500);
    const before = (await cluster.state('failover'))!;
    expect(before.leader).toBe(1);
    // What followers that stand still do not fetch is the old leader's alone.
    brokerOf(2).pause();
    brokerOf(3).pause();
    // Each had asked for more before it stood still: this is what they are answered.
    expect(await produce(brokerOf(1).bootstrap, 'failover', ['last answer'], 'acks=1')).toBe('');
    const alone = numbered('alone', 10);
    expect(await produce(brokerOf(1).bootstrap, 'failover', alone, 'acks=1')).toBe('');
    await brokerOf(1).kill();
    const killed = performance.now();
    brokerOf(2).continue();
    brokerOf(3).continue();
    await load.more(1);
    const acknowledgedAfter = performance.now() - killed;
    const elected = await cluster.untilState('another leader', 'failover', 0, ({ leader }) => leader > 1);
    expect(elected.leader_epoch).toBeGreaterThan(before.leader_epoch);
    expect(elected.isr).not.toContain(1);
    await load.more(500);
    const came = performance.now();
    const logged = brokerOf(1).log.length;
    await brokerOf(1).start();
    await cluster.untilState('the old leader in the ISR', 'failover', 0, ({ isr }) => isr.length === 3);
    const rejoined = performance.now() - came;
    const truncated = brokerOf(1).lines(/truncat.*failover-0|failover-0.*truncat/i, logged);
    expect(truncated.length).toBeGreaterThan(0);

    const election = await tool(
      'leader-election',
      '--election-type',
      'preferred',
      '--topic',
      'failover',
      '--partition',
      '0',
    );
    expect(election).toContain('Successfully completed leader election (PREFERRED) for partitions failover-0');
    await cluster.untilState('the leadership back', 'failover', 0, ({ leader }) => leader === 1);
    await load.more(500);
    await load.stop();
    const records = await readAll(cluster, 'failover');
    const kept = records.filter(({ value }) => value.startsWith('alone')).length;
    const counted = account(load, records);
    tell(
      `kill -9 of the leader: the next record was acknowledged after ${seconds(acknowledgedAfter)} (session: 6 s), ` +
        `back in the ISR ${seconds(rejoined)} after its start, its log truncated: of 10 records that it alone had (acks=1) ` +
        `${kept} stayed; kafka-leader-election --election-type preferred gave it the leadership back; ` +
        `${told(counted)}`,
    );
    expect(kept).toBe(0);
    expect(counted).toMatchObject({ lost: 0, duplicated: 0, moved: 0, refused: 0 });
  });

  it('move a replica, throttled, while records come', async () => {
    await create('moving', '1:2');
    await using load = await Load.start(cluster, 'moving', { directory: directory.path });
    await load.more(500);
    const plan = path.join(directory.path, 'plan.json');
    const partitions = [{ topic: 'moving', partition: 0, replicas: [3, 2] }];
    writeFileSync(plan, JSON.stringify({ version: 1, partitions }));
    const moved = await tool(
      'reassign-partitions',
      '--reassignment-json-file',
      plan,
      '--execute',
      '--throttle',
      '5000000',
    );
    expect(moved).toContain('Successfully started partition reassignment for moving-0');
    await until('the reassignment done', async () => {
      const verified = await tool('reassign-partitions', '--reassignment-json-file', plan, '--verify');
      return verified.includes('Reassignment of partition moving-0 is completed.') && verified.includes('Clearing');
    });
    expect(await cluster.state('moving')).toMatchObject({ leader: 3 });
    const told_ = await cluster.untilTold(
      brokerOf(2),
      'moving',
      ({ replicas, isr }) => replicas.length === 2 && isr.length === 2,
    );
    expect(told_).toMatchObject({ leader: 3, replicas: [3, 2] });
    expect([...told_.isr].sort()).toEqual([2, 3]);
    expect((await shell.get('/cluster/config/brokers/1'))?.data ?? '{}').not.toContain('throttled');
    await load.more(300);
    await load.stop();
    const counted = account(load, await readAll(cluster, 'moving'));
    tell(`kafka-reassign-partitions [1,2] -> [3,2] with --throttle, completed by --verify: ${told(counted)}`);
    expect(counted).toMatchObject({ lost: 0, duplicated: 0, moved: 0, refused: 0 });
  });

  it('refuse what too few replicas would have, and elect a replica that lacks records only where that is allowed', async () => {
    await create('careful', '1:2:3', 'unclean.leader.election.enable=false');
    await create('careless', '1:2:3', 'unclean.leader.election.enable=true');
    const topics = ['careful', 'careless'];
    const all = numbered('all', 20);
    for (const topic of topics) expect(await produce(cluster.bootstrap, topic, all, 'acks=all')).toBe('');
    await brokerOf(2).stop();
    await brokerOf(3).stop();
    const alone = numbered('alone', 30);
    for (const topic of topics) {
      await cluster.untilState('one replica left', topic, 0, ({ isr, leader }) => isr.length === 1 && leader === 1);
      const refused = await produce(
        brokerOf(1).bootstrap,
        topic,
        ['refused'],
        'acks=all',
        'message.timeout.ms=3000',
        'retries=0',
      );
      expect(refused).toContain('Broker: Not enough in-sync replicas');
      expect(await produce(brokerOf(1).bootstrap, topic, alone, 'acks=1')).toBe('');
    }
    await brokerOf(1).kill();
    await brokerOf(2).start();
    await cluster.untilState('a leader of the careless topic', 'careless', 0, ({ leader }) => leader === 2);
    const waiting = await cluster.untilState(
      'no leader of the careful one',
      'careful',
      0,
      ({ leader }) => leader === -1,
    );
    expect(waiting.isr).toEqual([1]);
    await cluster.untilTold(brokerOf(2), 'careful', ({ leader }) => leader === -1);
    await brokerOf(3).start();
    await until('two replicas of the careless topic', async () => {
      return (await cluster.state('careless'))!.isr.length === 2;
    });
    expect(await produce(brokerOf(2).bootstrap, 'careless', ['after'], 'acks=all')).toBe('');
    await brokerOf(1).start();
    await cluster.inSync('careful', 'careless');
    const lost: Record<string, number> = {};
    for (const topic of topics) {
      const values = new Set((await readAll(cluster, topic)).map(({ value }) => value));
      expect(all.filter((value) => !values.has(value))).toEqual([]);
      expect(values.has('refused')).toBe(false);
      lost[topic] = alone.filter((value) => !values.has(value)).length;
    }
    // The same from the log of broker 1, which had them all: it truncates to what the leader has.
    await tool('leader-election', '--election-type', 'preferred', '--all-topic-partitions');
    await cluster.untilState('broker 1 leads', 'careless', 0, ({ leader }) => leader === 1);
    expect((await readAll(cluster, 'careless')).map(({ value }) => value)).toEqual([...all, 'after']);
    tell(
      `two of three brokers stopped: acks=all refused with NOT_ENOUGH_REPLICAS, acks=1 taken (30 records); then the ` +
        `leader killed: unclean election off: no leader until it came back, ${lost.careful} lost; on: ${lost.careless} lost`,
    );
    expect(lost).toEqual({ careful: 0, careless: alone.length });
  });

  it('restart one after the other without an error that a producer sees', async () => {
    await create('rolling', '1:2:3,2:3:1,3:1:2');
    // Kafka's own settings, all of them.
    await using load = await Load.start(cluster, 'rolling', { directory: directory.path });
    await using reader = new Reader(cluster, 'rolling', 'rolling-readers');
    await load.more(500);
    const stops: number[] = [];
    for (const broker of cluster.brokers) {
      const started = performance.now();
      expect(await broker.stop()).toBe(broker.kind === 'apache' ? 143 : 0);
      stops.push(performance.now() - started);
      await load.more(100);
      await broker.start();
      await cluster.allHere();
      await cluster.inSync();
    }
    await load.more(300);
    await reader.catchUp(load);
    await load.stop();
    const counted = account(load, await readAll(cluster, 'rolling'));
    tell(
      `rolling restart with controlled shutdowns of ${stops.map(seconds).join(', ')}: ${told(counted)}; ` +
        `longest pause between two acknowledgements ${seconds(load.longestPauseMs)}`,
    );
    expect(load.errors).toEqual([]);
    expect(counted).toMatchObject({ lost: 0, duplicated: 0, moved: 0, refused: 0 });
  });

  it.each([...new Set(kinds)])(
    'refuse the requests of a controller (%s) that slept while another one was elected',
    async (kind) => {
      const former = cluster.brokers.find((broker) => broker.kind === kind)!;
      await cluster.makeController(former, shell);
      const topic = `split-${kind}`;
      const epoch = await cluster.controllerEpoch();
      const others = cluster.others(former);
      const [leader, third] = others;
      const logged = new Map(cluster.brokers.map((broker) => [broker, broker.log.length]));
      // What the controller sends to the others stays on its way.
      for (const { id } of others) cluster.lines!.hold(former.id, id);
      const assignment = [leader.id, third.id, former.id].join(':');
      const creation = ['--bootstrap-server', former.bootstrap, '--create', '--topic', topic];
      await tools.output('topics', [...creation, '--replica-assignment', assignment]);
      await cluster.untilState('the topic', topic, 0, (state) => state.leader === leader.id);
      former.pause();
      const paused = performance.now();
      const next = await until('another controller', async () => {
        const controller = await cluster.controller();
        return controller !== former && (await cluster.controllerEpoch()) > epoch && controller;
      });
      const took = performance.now() - paused;
      // The new controller's word has reached the others when they know of the topic, and the leader leads it.
      for (const broker of others) {
        await until(`broker ${broker.id} knows the topic`, async () => {
          const { stdout } = await run('kcat', ['-b', broker.bootstrap, '-L', '-t', topic]);
          return stdout.includes(`leader ${leader.id}`);
        });
      }
      await until('the leader takes records', async () => {
        return (await produce(leader.bootstrap, topic, ['new'], 'acks=1', 'message.timeout.ms=3000')) === '';
      });
      // Now the late requests arrive.
      for (const { id } of others) cluster.lines!.mend(former.id, id);
      const from = new RegExp(`controller (id )?${former.id}\\b.*epoch`, 'i');
      const refusals: string[] = [];
      for (const broker of others) {
        const lines = await until(`broker ${broker.id} refuses the former controller`, () => {
          const found = broker
            .lines(/stale|is old|older|refused/i, logged.get(broker))
            .filter((line) => from.test(line));
          return found.length > 0 && found;
        });
        refusals.push(`  broker ${broker.id} (${broker.kind}): ${lines[0].slice(0, 300)}`);
      }
      former.continue();
      const resigned = await until(`broker ${former.id} resigns`, () => {
        const lines = former.lines(/resigned|the controller no more/i, logged.get(former));
        return lines.length > 0 && lines;
      });
      await cluster.inSync(topic);
      expect(await cluster.controller()).toBe(next);
      expect(await cluster.controllerEpoch()).toBe(epoch + 1);
      tell(
        [
          `split brain: controller ${former.id} (${former.kind}, epoch ${epoch}) stopped, ${next.id} (${next.kind}, epoch ` +
            `${epoch + 1}) took over after ${seconds(took)}; the late requests of the former are refused at every broker:`,
          ...refusals,
          `  broker ${former.id} (${former.kind}): ${resigned[0].slice(0, 300)}`,
        ].join('\n'),
      );
    },
  );

  it('elect a controller when /controller is deleted, and keep their sessions when ZooKeeper loses its leader', async () => {
    const was = await cluster.controller();
    const epoch = await cluster.controllerEpoch();
    const before = (await shell.get('/cluster/controller'))!;
    expect(before).toMatchObject({ ephemeral: true });
    expect(JSON.parse(before.data)).toMatchObject({ brokerid: was.id });
    await shell.run('delete /cluster/controller');
    await until('another epoch', async () => (await cluster.controllerEpoch()) > epoch);
    const is = await cluster.controller();
    await cluster.untilControllerKnown(is);
    tell(
      `zookeeper-shell delete /controller: ${was.id} was, ${is.id} is, epoch ${epoch} -> ${await cluster.controllerEpoch()}`,
    );
    await create('after-election', '1:2:3');

    await shell.run('create /foo bar');
    const sessions = () => Promise.all(cluster.brokers.map(({ id }) => shell.run(`get -s /cluster/brokers/ids/${id}`)));
    const registered = await sessions();
    const leader = await ensemble.leader();
    const killed = performance.now();
    await ensemble.stopServer(leader, 'SIGKILL');
    await until('get /foo', async () => (await shell.get('/foo'))?.data === 'bar');
    const answered = performance.now() - killed;
    const elected = await ensemble.leader();
    expect(elected).not.toBe(leader);
    await pause(7000); // longer than a session that nobody renews
    expect(await sessions()).toEqual(registered);
    await ensemble.startServer(leader);
    expect(await cluster.controller()).toBe(is);
    await create('after-kill', '2:3:1');
    tell(
      `ZooKeeper's leader (server ${leader + 1}) killed: get /foo answers bar after ${seconds(answered)}, server ` +
        `${elected + 1} leads, the brokers keep their sessions`,
    );
  });

  it('serve producers and consumers while all of ZooKeeper is stopped', async () => {
    const outage = numberOf('ZOOKEEPER_OUTAGE', 60);
    await create('meanwhile', '1:2:3,2:3:1,3:1:2');
    await using load = await Load.start(cluster, 'meanwhile', { directory: directory.path });
    await using reader = new Reader(cluster, 'meanwhile', 'meanwhile-readers');
    await load.more(500);
    await reader.catchUp(load);
    const before = load.acknowledged.size;
    await ensemble.stopAll('SIGKILL');
    await pause(outage * 1000);
    const during = load.acknowledged.size - before;
    await ensemble.startAll();
    await load.more(500);
    await until('every broker registered', async () => {
      return (await ensemble.children('/cluster/brokers/ids'))?.length === cluster.brokers.length;
    });
    await cluster.controller();
    await create('afterwards', '3:2:1');
    await cluster.inSync();
    await reader.catchUp(load);
    await load.stop();
    const counted = account(load, await readAll(cluster, 'meanwhile'));
    tell(
      `all of ZooKeeper stopped for ${outage} s: ${during} records acknowledged meanwhile; ${told(counted)}; ` +
        `${load.errors.length} errors of the producer, ${reader.errors.length} of the consumer`,
    );
    expect(during).toBeGreaterThan(outage * 100);
    expect([...load.errors, ...reader.errors]).toEqual([]);
    expect(counted).toMatchObject({ lost: 0, duplicated: 0, moved: 0, refused: 0 });
    // Sessions that ended meanwhile are had anew; a broker that lost its own would be out of the ISR.
    await pause(7000);
    expect((await ensemble.children('/cluster/brokers/ids'))?.length).toBe(cluster.brokers.length);
    expect((await output('kcat', ['-b', cluster.bootstrap, '-L'])).match(/broker \d at/g)?.length).toBe(3);
  });
});
