import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { describe, expect, it } from 'vitest';
import type { Listening, Network } from '../../../broker/src/io/network';
import { nodeIo } from '../../../broker/src/io/node';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { BrokerStartError } from '../../../broker/src/server/broker';
import type { KafkaZkClient } from '../../../broker/src/zookeeper/kafka-zk-client';
import { BrokerIdZNode } from '../../../broker/src/zookeeper/znodes/broker-id';
import { faultyFiles } from '../log/faulty-files';
import { BrokerBed } from './broker-bed';
import { batchOf, BrokerClient, nameOf, valuesOf } from './broker-client';
import { recordingLogger } from './recording-logger';

/** A port that nobody listens on, now. */
async function closedPort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Tells where the http listener is before the broker has started. */
function ioThatTells() {
  const io = nodeIo();
  let tell!: (listening: Listening) => void;
  const listening = new Promise<Listening>((resolve) => (tell = resolve));
  const network: Network = {
    listen: (...args) => io.network.listen(...args),
    connect: (...args) => io.network.connect(...args),
    hostname: () => io.network.hostname(),
    async serveHttp(...args) {
      const served = await io.network.serveHttp(...args);
      tell(served);
      return served;
    },
  };
  return { io: { ...io, network }, listening };
}

async function get({ port }: Listening, path: string): Promise<readonly [number, string]> {
  const answer = await globalThis.fetch(`http://127.0.0.1:${port}${path}`);
  return [answer.status, (await answer.text()).trim()];
}

const anyPort = { host: '127.0.0.1', port: 0 };

async function failure(starting: Promise<unknown>): Promise<Error> {
  return starting.then(
    () => new Error('it has started'),
    (error: Error) => error,
  );
}

async function registerAsBroker0(zk: KafkaZkClient): Promise<void> {
  await zk.createTopLevelPaths();
  await zk.registerBroker({
    id: 0,
    endPoints: [{ listenerName: 'PLAINTEXT', securityProtocol: 'PLAINTEXT', host: 'before', port: 1 }],
    rack: null,
    features: new Map(),
    jmxPort: -1,
    timestampMs: 1,
  });
}

describe('A broker without ZooKeeper', () => {
  it('gives up after zookeeper.connection.timeout.ms, and says what to do', async () => {
    await using bed = new BrokerBed();
    const connect = `127.0.0.1:${await closedPort()}`;
    const error = await failure(
      bed.startBroker({
        properties: { 'zookeeper.connect': connect, 'zookeeper.connection.timeout.ms': 120 },
      }),
    );
    expect(error).toBeInstanceOf(BrokerStartError);
    expect(error.message).toContain(connect);
    expect(error.message).toContain('within 120 ms');
    expect(error.message).toContain('ECONNREFUSED');
    expect(error.message).toContain('--wait-for-zookeeper');
    expect(error.message).not.toContain('\n');
  });

  it('waits for it when it is told to, alive and not ready meanwhile', async () => {
    await using bed = await BrokerBed.start();
    await bed.stopZooKeeper();
    const { io, listening } = ioThatTells();
    const starting = bed.startBroker({
      io,
      http: anyPort,
      waitForZooKeeper: true,
      properties: { 'zookeeper.connection.timeout.ms': 1 },
    });
    const http = await listening;
    expect(await get(http, '/live')).toEqual([200, 'alive']);
    expect(await get(http, '/ready')).toEqual([503, 'ZooKeeper cannot be reached']);
    await bed.startZooKeeper();
    const broker = await starting;
    expect(await get(http, '/ready')).toEqual([200, 'ready']);
    await broker.close();
    await expect(get(http, '/live')).rejects.toThrow();
  });

  it('that only half speaks waits too', async () => {
    await using bed = new BrokerBed();
    // Accepts, and says nothing.
    const sockets: net.Socket[] = [];
    const server = net.createServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as net.AddressInfo;
    const error = await failure(
      bed.startBroker({
        properties: { 'zookeeper.connect': `127.0.0.1:${port}`, 'zookeeper.connection.timeout.ms': 120 },
      }),
    );
    expect(error.message).toContain('within 120 ms');
    for (const socket of sockets) socket.destroy();
    server.close();
  });
});

describe('A log directory', () => {
  it('of another broker that runs is left to it', async () => {
    await using bed = await BrokerBed.start();
    const broker = await bed.startBroker();
    const error = await failure(bed.startBroker({ properties: { 'broker.id': 1 } }));
    expect(error.message).toMatch(/\.lock is locked: another broker is using log directory .*logs/);
    using client = await BrokerClient.connect(broker.bootstrapServers);
    await client.createTopic('undisturbed');
    expect(await client.produceValues('undisturbed', 'x')).toBe(0);
  });

  it('that cannot be written is an error that names it, when there is no other', async () => {
    await using bed = await BrokerBed.start();
    writeFileSync(bed.join('a-file'), '');
    const error = await failure(bed.startBroker({ properties: { 'log.dirs': bed.join('a-file', 'logs') } }));
    expect(error.message).toMatch(/no log directory can be used \(log.dirs\): .*a-file.*ENOTDIR/);
  });

  it('that cannot be written is offline, when there is another', async () => {
    await using bed = await BrokerBed.start();
    writeFileSync(bed.join('a-file'), '');
    const bad = bed.join('a-file', 'logs');
    const broker = await bed.startBroker({ properties: { 'log.dirs': `${bad},${bed.join('good')}` } });
    using client = await BrokerClient.connect(broker.bootstrapServers);
    await client.createTopic('t', 2);
    const { results } = await client.send(Apis.DescribeLogDirs, 4, { topics: null });
    expect(results.map((each) => [nameOf(each), each.logDir])).toEqual([
      ['NONE', bed.join('good')],
      ['KAFKA_STORAGE_ERROR', bad],
    ]);
  });

  it('on a file system without locks is opened when no other session has the broker', async () => {
    await using bed = await BrokerBed.start();
    await (await bed.startBroker()).close();
    const before = await bed.zk();
    await registerAsBroker0(before);
    const io = nodeIo();
    const files = faultyFiles(io.files, { error: (operation) => (operation === 'lock' ? 'ENOLCK' : undefined) });
    const logger = recordingLogger('warn', 'info');
    const starting = bed.startBroker({ io: { ...io, files }, logger });
    await expect.poll(() => logger.lines.join()).toContain('is held by another ZooKeeper session');
    expect(logger.lines.join()).toMatch(/The file system of .*logs has no locks/);
    expect(logger.lines.join()).not.toContain('Loaded 0 logs');
    await before.close();
    const broker = await starting;
    expect(logger.lines.join()).toContain('Loaded 0 logs');
    await broker.close();
  });

  it('of another cluster is refused with both ids', async () => {
    await using first = await BrokerBed.start();
    const broker = await first.startBroker();
    const { clusterId } = broker;
    await broker.close();
    await using second = await BrokerBed.start();
    const other = await second.startBroker();
    const error = await failure(second.startBroker({ properties: { 'log.dirs': first.join('logs'), 'broker.id': 1 } }));
    expect(error).toBeInstanceOf(BrokerStartError);
    expect(error.message).toContain(clusterId);
    expect(error.message).toContain(other.clusterId);
    expect(error.message).toContain('zookeeper.connect');
  });

  it('of another broker is refused with both ids', async () => {
    await using bed = await BrokerBed.start();
    await (await bed.startBroker()).close();
    const error = await failure(bed.startBroker({ properties: { 'broker.id': 7 } }));
    expect(error).toBeInstanceOf(BrokerStartError);
    expect(error.message).toMatch(/broker.id=7, but .* are those of broker 0/);
    // Left as it was.
    await (await bed.startBroker()).close();
  });

  it('tells a broker without broker.id who it is', async () => {
    await using bed = await BrokerBed.start();
    const start = async () => {
      const broker = await bed.startBroker({ properties: { 'broker.id': -1 } });
      await broker.close();
      return broker.brokerId;
    };
    expect([await start(), await start()]).toEqual([1001, 1001]);
    const error = await failure(
      bed.startBroker({
        properties: { 'broker.id': -1, 'broker.id.generation.enable': false, 'log.dirs': bed.join('other') },
      }),
    );
    expect(error.message).toContain('broker.id');
  });
});

describe('A start that fails in the middle', () => {
  it('closes everything again: a port that is taken', async () => {
    await using bed = await BrokerBed.start();
    const broker = await bed.startBroker();
    const taken = broker.bootstrapServers.split(':')[1];
    const { io, listening } = ioThatTells();
    const properties = { 'broker.id': 1, 'log.dirs': bed.join('logs-1') };
    const error = await failure(
      bed.startBroker({
        io,
        http: anyPort,
        properties: { ...properties, listeners: `PLAINTEXT://127.0.0.1:${taken}` },
      }),
    );
    expect(error.message).toMatch(new RegExp(`Listener PLAINTEXT cannot listen on 127.0.0.1:${taken}: .*EADDRINUSE`));
    await expect(get(await listening, '/live')).rejects.toThrow();
    const zk = await bed.zk();
    expect(await zk.getBrokerIds()).toEqual([0]);
    // Its directory is free, and was shut down in order.
    expect(readdirSync(bed.join('logs-1'))).toContain('.kafka_cleanshutdown');
    await broker.close();
    await bed.startBroker({ properties });
  });

  it('says which address probes cannot be served on', async () => {
    await using bed = await BrokerBed.start();
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as net.AddressInfo;
    const error = await failure(bed.startBroker({ http: { host: '127.0.0.1', port } }));
    expect(error.message).toMatch(new RegExp(`Probes and metrics cannot be served on 127.0.0.1:${port}: .*EADDRINUSE`));
    server.close();
  });

  it('leaves logs that were not loaded to be recovered', async () => {
    await using bed = await BrokerBed.start();
    const broker = await bed.startBroker();
    using client = await BrokerClient.connect(broker.bootstrapServers);
    await client.createTopic('kept');
    await client.produceValues('kept', 'x');
    await broker.close();
    // A partition that lies in two directories stops the loading.
    const io = nodeIo();
    await io.files.makeDirectory(bed.join('more', 'kept-0'));
    const twice = `${bed.join('logs')},${bed.join('more')}`;
    const error = await failure(bed.startBroker({ properties: { 'log.dirs': twice } }));
    expect(error.message).toContain('kept-0');
    expect(readdirSync(bed.join('more'))).not.toContain('.kafka_cleanshutdown');
    await io.files.removeDirectory(bed.join('more'));
    const again = await bed.startBroker();
    using reader = await BrokerClient.connect(again.bootstrapServers);
    expect(valuesOf(await reader.fetch('kept', 0))).toEqual(['x']);
  });

  it('of a broker whose id is taken says so', async () => {
    await using bed = await BrokerBed.start({ minSessionTimeout: 200 });
    await bed.startBroker();
    const error = await failure(
      bed.startBroker({ properties: { 'log.dirs': bed.join('logs-1'), 'zookeeper.session.timeout.ms': 200 } }),
    );
    expect(error.message).toMatch(/broker 0 is still held by another ZooKeeper session/);
    expect(error.message).toContain('broker.id');
  });
});

describe('A broker that starts', () => {
  it('waits for the registration of its last life to go', async () => {
    await using bed = await BrokerBed.start();
    const before = await bed.zk();
    await registerAsBroker0(before);
    const logger = recordingLogger('warn');
    const starting = bed.startBroker({ logger });
    await expect.poll(() => logger.lines.join()).toContain('is held by another ZooKeeper session');
    await before.close();
    const broker = await starting;
    const zk = await bed.zk();
    expect((await zk.getBroker(0))?.endPoints[0].port).toBe(Number(broker.bootstrapServers.split(':')[1]));
  });

  it('answers a client that was earlier than itself', async () => {
    await using bed = await BrokerBed.start();
    const before = await bed.zk();
    // The port is open, and the registration has to wait.
    await registerAsBroker0(before);
    const port = await closedPort();
    const logger = recordingLogger('warn');
    const starting = bed.startBroker({ logger, properties: { listeners: `PLAINTEXT://127.0.0.1:${port}` } });
    await expect.poll(() => logger.lines.join()).toContain('is held by another');
    using client = await BrokerClient.connect(`127.0.0.1:${port}`);
    const asked = client.send(Apis.Metadata, 9, { topics: null });
    await before.close();
    await starting;
    expect((await asked).brokers.map(({ nodeId }) => nodeId)).toEqual([0]);
  });

  it('is ready once, alive always, and neither when it has stopped', async () => {
    await using bed = await BrokerBed.start();
    const broker = await bed.startBroker({ http: anyPort });
    const http = broker.http as Listening;
    expect(await get(http, '/ready')).toEqual([200, 'ready']);
    expect((await get(http, '/metrics'))[1]).toContain('kafka_network_requestmetrics_requests_total');
    expect((await get(http, '/elsewhere'))[0]).toBe(404);
    const closing = broker.close();
    expect(await get(http, '/ready').catch(() => [503])).toContain(503);
    await closing;
    await expect(get(http, '/live')).rejects.toThrow();
  });

  it('is not kept from it by znodes that cannot be read', async () => {
    await using bed = await BrokerBed.start();
    const zk = await bed.zk();
    await zk.createTopLevelPaths();
    await zk.createRecursive('/brokers/topics/garbage', Buffer.from('no JSON'));
    await zk.createRecursive('/brokers/topics/list', Buffer.from('[1]'));
    await zk.createRecursive('/brokers/ids/5', Buffer.from('{}'));
    await zk.createRecursive('/brokers/topics/good/partitions/0/state', Buffer.from('{"leader":'));
    await zk.set('/brokers/topics/good', Buffer.from('{"version":1,"partitions":{"0":[0],"1":[0]}}'));
    const logger = recordingLogger('error');
    const broker = await bed.startBroker({ logger });
    expect(logger.lines.join('\n')).toMatch(/znode \/brokers\/topics\/garbage holds 'no JSON'/);
    expect(logger.lines.join('\n')).toMatch(/znode \/brokers\/ids\/5/);
    using client = await BrokerClient.connect(broker.bootstrapServers);
    const { brokers, topics } = await client.send(Apis.Metadata, 9, { topics: null });
    expect(brokers.map(({ nodeId }) => nodeId)).toEqual([0]);
    expect(topics.map(({ name }) => name)).toEqual(['good']);
    await client.produce('good', Buffer.alloc(0), { index: 1 });
    // What is put right is served, and nothing has to be restarted.
    await zk.set('/brokers/topics/garbage', Buffer.from('{"version":1,"partitions":{"0":[0]}}'));
    await expect
      .poll(async () => (await client.send(Apis.Metadata, 9, { topics: [{ name: 'garbage' }] })).topics.map(nameOf))
      .toEqual(['NONE']);
  });
});

describe('A broker that stops', () => {
  it('leaves nothing in ZooKeeper but what lasts, and its logs in order', async () => {
    await using bed = await BrokerBed.start();
    const broker = await bed.startBroker();
    using client = await BrokerClient.connect(broker.bootstrapServers);
    await client.createTopic('t');
    await Promise.all([broker.close(), broker.close()]);
    const zk = await bed.zk();
    expect(await zk.getBrokerIds()).toEqual([]);
    expect(await zk.getController()).toBeUndefined();
    expect(readFileSync(bed.join('logs', '.kafka_cleanshutdown'), 'utf8')).toContain('brokerEpoch');
    expect((await client.connection.whenClosed).message).toBeTruthy();
  });

  it('needs no ZooKeeper for it', async () => {
    await using bed = await BrokerBed.start();
    const broker = await bed.startBroker();
    using client = await BrokerClient.connect(broker.bootstrapServers);
    await client.createTopic('t');
    await client.produceValues('t', 'x');
    await bed.stopZooKeeper();
    // Somebody waits for what only ZooKeeper can give.
    using admin = await BrokerClient.connect(broker.bootstrapServers);
    const created = admin
      .send(Apis.CreateTopics, 7, {
        topics: [{ name: 'never', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
        timeoutMs: 30_000,
      })
      .catch(() => undefined);
    await client.fetch('t', 0);
    await broker.close();
    await created;
    expect(readdirSync(bed.join('logs'))).toContain('.kafka_cleanshutdown');
  });

  it('and starts again has everything', async () => {
    await using bed = await BrokerBed.start();
    for (let life = 0; life < 3; life++) {
      const broker = await bed.startBroker();
      using client = await BrokerClient.connect(broker.bootstrapServers);
      if (life === 0) await client.createTopic('t', 2);
      expect(await client.produceValues('t', `life ${life}`)).toBe(life);
      const { highWatermark, ...rest } = await client.fetch('t', 0);
      expect(highWatermark).toBe(life + 1);
      expect(valuesOf(rest)).toEqual(Array.from({ length: life + 1 }, (_, i) => `life ${i}`));
      await broker.close();
    }
  });
});

describe('A disk that fails', () => {
  function failing() {
    const io = nodeIo();
    const broken = new Set<string>();
    const files = faultyFiles(io.files, {
      error: (operation, path) =>
        [...broken].some((directory) => path.startsWith(directory)) && operation !== 'close' ? 'EIO' : undefined,
    });
    return { io: { ...io, files }, broken };
  }

  it('ends the broker when it is the last one', async () => {
    await using bed = await BrokerBed.start();
    const { io, broken } = failing();
    const broker = await bed.startBroker({ io });
    using client = await BrokerClient.connect(broker.bootstrapServers);
    await client.createTopic('t');
    broken.add(bed.join('logs'));
    expect(nameOf(await client.produce('t', Buffer.alloc(0), { version: 2 }))).toBe('NONE');
    const { errorCode } = await client.produce('t', batchOf('x'));
    expect(nameOf({ errorCode })).toBe('KAFKA_STORAGE_ERROR');
    expect((await broker.failed).message).toMatch(/all log directories have failed, the last one is .*logs: .*EIO/);
    expect(nameOf(await client.fetch('t', 0))).toBe('KAFKA_STORAGE_ERROR');
    expect(nameOf(await client.fetch('t', 0, { version: 5 }))).toBe('NOT_LEADER_OR_FOLLOWER');
    await broker.close();
    expect(readdirSync(bed.join('logs'))).not.toContain('.kafka_cleanshutdown');
  });

  it('costs the partitions on it, when there is another', async () => {
    await using bed = await BrokerBed.start();
    const { io, broken } = failing();
    const [a, b] = [bed.join('a'), bed.join('b')];
    const broker = await bed.startBroker({ io, properties: { 'log.dirs': `${a},${b}` } });
    using client = await BrokerClient.connect(broker.bootstrapServers);
    await client.createTopic('t', 2);
    const onA = readdirSync(a).includes('t-0') ? 0 : 1;
    using consumer = await BrokerClient.connect(broker.bootstrapServers);
    const waiting = consumer.send(Apis.Fetch, 11, {
      maxWaitMs: 25_000,
      minBytes: 1,
      topics: [{ topic: 't', partitions: [{ partition: onA, fetchOffset: 0, partitionMaxBytes: 1000 }] }],
      forgottenTopicsData: [],
    });
    await client.fetch('t', 0);
    broken.add(a);
    expect(nameOf(await client.produce('t', batchOf('x'), { index: onA }))).toBe('KAFKA_STORAGE_ERROR');
    // Who waits for the partition hears of it.
    expect(nameOf((await waiting).responses[0].partitions[0])).toBe('KAFKA_STORAGE_ERROR');
    expect(nameOf(await client.produce('t', batchOf('x'), { index: 1 - onA }))).toBe('NONE');
    await client.createTopic('later');
    await client.produceValues('later', 'x');
    expect(readdirSync(b)).toContain('later-0');
  });
});

it('A registration names the advertised listeners', async () => {
  await using bed = await BrokerBed.start();
  await bed.startBroker({
    properties: {
      listeners: 'INTERNAL://127.0.0.1:0,EXTERNAL://127.0.0.1:0',
      'advertised.listeners': 'INTERNAL://inside:9092,EXTERNAL://outside:19092',
      'listener.security.protocol.map': 'INTERNAL:PLAINTEXT,EXTERNAL:PLAINTEXT',
      'inter.broker.listener.name': 'INTERNAL',
      'broker.rack': 'r1',
    },
  });
  const zk = await bed.zk();
  const found = await zk.get(BrokerIdZNode.path(0));
  expect(JSON.parse(found!.data!.toString())).toMatchObject({
    endpoints: ['INTERNAL://inside:9092', 'EXTERNAL://outside:19092'],
    listener_security_protocol_map: { INTERNAL: 'PLAINTEXT', EXTERNAL: 'PLAINTEXT' },
    rack: 'r1',
  });
});
