import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import * as fs from 'node:fs';
import { EventEmitter } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KafkaCluster, Listener } from '../../lib';
import { disk, odradek, zookeeperRef } from './charts';
import { find, synth } from './manifests';

let directory = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'odradek-discover-'));
  writeFileSync(join(directory, 'token'), 'secret');
  writeFileSync(join(directory, 'ca.crt'), 'authority');
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

const program = find(
  synth(
    (chart) =>
      new KafkaCluster(chart, 'kafka', {
        namespace: 'data',
        image: odradek,
        zookeeper: zookeeperRef,
        storage: disk,
        listeners: [
          Listener.internal(),
          Listener.nodePort({ name: 'NODE', discover: true }),
          Listener.loadBalancer({ name: 'PUBLIC', port: 9095, discover: true }),
        ],
      }),
  ),
  'ConfigMap',
).data['discover.js'];

/** Runs the program on an API that answers each path with the next of its answers; resolves when both files are there. */
async function discover(answers: Record<string, unknown[]>): Promise<string[]> {
  const asked: string[] = [];
  const https = {
    get(
      options: { path: string; headers: { authorization: string }; ca: Buffer },
      respond: (response: unknown) => void,
    ) {
      asked.push(options.path);
      expect(options.headers.authorization).toBe('Bearer secret');
      expect(options.ca.toString()).toBe('authority');
      const [answer] = answers[options.path].length > 1 ? [answers[options.path].shift()] : answers[options.path];
      const response = Object.assign(new EventEmitter(), {
        statusCode: answer === 403 ? 403 : 200,
        setEncoding: () => undefined,
      });
      queueMicrotask(() => {
        respond(response);
        response.emit('data', JSON.stringify(answer));
        response.emit('end');
      });
      return new EventEmitter();
    },
  };
  const process = {
    env: {
      POD_NAME: 'kafka-1',
      POD_NAMESPACE: 'data',
      NODE_NAME: 'worker',
      ACCOUNT_DIRECTORY: directory,
      RUN_DIRECTORY: directory,
    },
  };
  const messages: string[] = [];
  await new Promise<void>((resolve) => {
    const console = {
      log: (message: string) => {
        messages.push(message);
        if (message.startsWith('PUBLIC')) resolve();
      },
    };
    const require = (name: string): unknown => (name === 'node:fs' ? fs : https);
    // The program's pauses are not waited for.
    const setTimeout = (again: () => void): void => queueMicrotask(again);
    new Function('require', 'process', 'console', 'setTimeout', program)(require, process, console, setTimeout);
  });
  return messages;
}

const node = '/api/v1/nodes/worker';
const nodeService = '/api/v1/namespaces/data/services/kafka-node-1';
const publicService = '/api/v1/namespaces/data/services/kafka-public-1';
const found = (listener: string): string => readFileSync(join(directory, listener), 'utf8');

describe('the discovery program', () => {
  it('finds the node’s outer address with the node port, and the load balancer’s', async () => {
    const messages = await discover({
      [nodeService]: [{ spec: { ports: [{ nodePort: 31234 }] } }],
      [node]: [
        {
          status: {
            addresses: [
              { type: 'InternalIP', address: '10.0.0.1' },
              { type: 'ExternalIP', address: '203.0.113.7' },
            ],
          },
        },
      ],
      [publicService]: [{ status: { loadBalancer: { ingress: [{ ip: '2001:db8::7' }] } } }],
    });
    expect(found('NODE')).toBe('203.0.113.7:31234');
    expect(found('PUBLIC')).toBe('[2001:db8::7]:9095');
    expect(messages).toEqual(['NODE is reached by 203.0.113.7:31234', 'PUBLIC is reached by [2001:db8::7]:9095']);
  });

  it('waits for what is not there yet, and says for what', async () => {
    const messages = await discover({
      [nodeService]: [403, { spec: { ports: [{ nodePort: 31234 }] } }],
      [node]: [{ status: { addresses: [{ type: 'InternalIP', address: '10.0.0.1' }] } }],
      [publicService]: [
        { status: { loadBalancer: {} } },
        { status: { loadBalancer: { ingress: [{ hostname: 'lb.example.com' }] } } },
      ],
    });
    expect(messages).toEqual([
      `waiting: ${nodeService}: HTTP 403`,
      'NODE is reached by 10.0.0.1:31234',
      'waiting: Service kafka-public-1 has no load balancer yet',
      'PUBLIC is reached by lb.example.com:9095',
    ]);
    expect(found('PUBLIC')).toBe('lb.example.com:9095');
  });
});
