import { afterAll, beforeAll, describe } from 'vitest';
import { nodeIo } from '../../../broker/src/io/node/index';
import { silentLogger } from '../../../broker/src/logging/logger';
import { ZooKeeperServer } from '../../../broker/src/zookeeper/server/zookeeper-server';
import { clientSuite } from './client-suite';
import { kafkaZkClientSuite } from './kafka-zk-client-suite';

let server: ZooKeeperServer;

beforeAll(async () => {
  server = await ZooKeeperServer.start(nodeIo(), silentLogger, { tickTime: 100, maxSessionTimeout: 60_000 });
});

afterAll(async () => {
  await server.close();
});

describe('the client with the embedded server', () => {
  clientSuite(() => `127.0.0.1:${server.port}`);
});

describe('KafkaZkClient with the embedded server', () => {
  kafkaZkClientSuite(() => `127.0.0.1:${server.port}`);
});
