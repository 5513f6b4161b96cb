import net from 'node:net';
import { nodeIo } from '../src/io/node';
import { silentLogger } from '../src/logging/logger';
import { type Api, ApiKey, apis, Apis } from '../src/protocol/api-keys';
import { toBuffer } from '../src/protocol/codec';
import { ErrorCode } from '../src/protocol/errors';
import { decodeRequest, encodeResponse, parseRequestHeader } from '../src/protocol/headers';
import type { InputOf } from '../src/protocol/schema';
import { KafkaZkClient } from '../src/zookeeper/kafka-zk-client';
import { pause } from './processes';
import { type Kind, startCluster, type Target } from './targets';
import { type Flags, measure, type Result } from './workload';

const topics = 100;
const partitionsOfEach = 100;
const fakeBrokers = [10, 11, 12];

/** A broker that holds nothing: it takes what the controller says, and counts. */
class FakeBroker {
  /** Partitions that it was told the leader of, of the controller epoch that spoke last. */
  readonly #known = new Set<string>();
  #epoch = -1;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();

  constructor() {
    this.#server = net.createServer((socket) => this.#serve(socket));
  }

  /** Whether a controller of a later epoch has told of that many partitions. */
  knows(partitions: number, afterEpoch: number): boolean {
    return this.#epoch > afterEpoch && this.#known.size >= partitions;
  }

  listen(): Promise<number> {
    return new Promise((resolve) => {
      this.#server.listen(0, '127.0.0.1', () => resolve((this.#server.address() as net.AddressInfo).port));
    });
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(socket: net.Socket): void {
    this.#sockets.add(socket);
    let arrived: Buffer = Buffer.alloc(0);
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes) => {
      arrived = Buffer.concat([arrived, bytes]);
      while (arrived.length >= 4 && arrived.length >= 4 + arrived.readInt32BE(0)) {
        const end = 4 + arrived.readInt32BE(0);
        this.#answer(socket, arrived.subarray(4, end));
        arrived = arrived.subarray(end);
      }
    });
  }

  #answer(socket: net.Socket, frame: Buffer): void {
    const header = parseRequestHeader(frame);
    const send = <A extends Api>(api: A, version: number, body: InputOf<A['response']>): void => {
      socket.write(toBuffer(api.name, encodeResponse(api, version, header.correlationId, body)));
    };
    switch (header.apiKey) {
      case ApiKey.ApiVersions: {
        const apiKeys = [...apis.values()].map(({ key, maxVersion }) => ({ apiKey: key, minVersion: 0, maxVersion }));
        send(Apis.ApiVersions, header.apiVersion, { errorCode: ErrorCode.NONE, apiKeys });
        break;
      }
      case ApiKey.LeaderAndIsr: {
        const request = decodeRequest(Apis.LeaderAndIsr, header, frame);
        const of = request.topicStates.map(({ topicName, topicId, partitionStates }) => ({
          topicId,
          partitionErrors: partitionStates.map(({ partitionIndex }) => ({
            ...(header.apiVersion >= 5 ? {} : { topicName }),
            partitionIndex,
            errorCode: ErrorCode.NONE,
          })),
        }));
        send(Apis.LeaderAndIsr, header.apiVersion, {
          errorCode: ErrorCode.NONE,
          ...(header.apiVersion >= 5
            ? { topics: of }
            : { partitionErrors: of.flatMap(({ partitionErrors }) => partitionErrors) }),
        });
        break;
      }
      case ApiKey.StopReplica:
        send(Apis.StopReplica, header.apiVersion, { errorCode: ErrorCode.NONE, partitionErrors: [] });
        break;
      case ApiKey.UpdateMetadata: {
        const request = decodeRequest(Apis.UpdateMetadata, header, frame);
        if (request.controllerEpoch !== this.#epoch) {
          this.#epoch = request.controllerEpoch;
          this.#known.clear();
        }
        for (const { topicName, partitionStates } of request.topicStates) {
          for (const { partitionIndex } of partitionStates) this.#known.add(`${topicName}-${partitionIndex}`);
        }
        send(Apis.UpdateMetadata, header.apiVersion, { errorCode: ErrorCode.NONE });
        break;
      }
      default:
        socket.destroy();
    }
  }
}

/**
 * Two real brokers of each kind, one of them the controller, and three that hold 10,000 partitions only by name. The
 * controller's znode is deleted; the time runs until each of the three was told of every partition by the next one.
 */
export async function benchControllerFailover(
  flags: Flags,
  kinds: readonly Kind[],
  zookeeperPort: number,
  name: string,
): Promise<Result[]> {
  const beds = new Map<Target, { readonly zk: KafkaZkClient; readonly fakes: readonly FakeBroker[] }>();
  for (const kind of kinds) {
    const chroot = `${kind}-controllers`;
    const target = await startCluster(kind, 2, zookeeperPort, chroot, { 'auto.leader.rebalance.enable': 'false' });
    const zk = new KafkaZkClient(nodeIo(), silentLogger, {
      connectString: `127.0.0.1:${zookeeperPort}/${chroot}`,
      sessionTimeoutMs: 60_000,
      connectionTimeoutMs: 10_000,
    });
    await zk.connect();
    beds.set(target, { zk, fakes: await register(zk) });
  }
  try {
    return await measure(flags, {
      name,
      targets: [...beds.keys()],
      figure: 'ms',
      run: async (target) => {
        const { zk, fakes } = beds.get(target)!;
        const before = (await zk.getControllerEpoch())!;
        await zk.client.delete('/controller', -1);
        const startedAt = performance.now();
        const all = topics * partitionsOfEach;
        while (fakes.some((fake) => !fake.knows(all, before.epoch))) {
          if (performance.now() - startedAt > 120_000) throw new Error(`${target.name} did not tell every broker`);
          await pause(1);
        }
        return { ms: performance.now() - startedAt };
      },
    });
  } finally {
    for (const [target, { zk, fakes }] of beds) {
      for (const broker of target.brokers) broker.process.kill('SIGKILL');
      for (const fake of fakes) fake.close();
      await zk.close();
    }
  }
}

/** Registers the brokers, and writes topics for them to hold. Resolves when the present controller has told them all. */
async function register(zk: KafkaZkClient): Promise<FakeBroker[]> {
  const fakes = fakeBrokers.map(() => new FakeBroker());
  for (const [i, fake] of fakes.entries()) {
    const endPoint = {
      listenerName: 'PLAINTEXT',
      securityProtocol: 'PLAINTEXT',
      host: '127.0.0.1',
      port: await fake.listen(),
    };
    await zk.registerBroker({
      id: fakeBrokers[i],
      endPoints: [endPoint],
      rack: null,
      features: new Map(),
      jmxPort: -1,
      timestampMs: Date.now(),
    });
  }
  for (let t = 0; t < topics; t++) {
    const partitions = new Map(
      Array.from({ length: partitionsOfEach }, (_, p) => {
        const replicas = fakeBrokers.map((_, i) => fakeBrokers[(p + i) % fakeBrokers.length]);
        return [p, { replicas, addingReplicas: [], removingReplicas: [] }] as const;
      }),
    );
    const topicId = Buffer.from(`bench-topic-${String(t).padStart(4, '0')}`).toString('base64url');
    await zk.createTopicAssignment(`topic-${t}`, { topicId, partitions });
  }
  const all = topics * partitionsOfEach;
  const startedAt = performance.now();
  while (fakes.some((fake) => !fake.knows(all, 0))) {
    if (performance.now() - startedAt > 120_000) throw new Error('the controller did not tell every broker');
    await pause(10);
  }
  return fakes;
}
