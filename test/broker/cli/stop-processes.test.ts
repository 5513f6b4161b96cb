import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { findProcesses, serverPatterns } from '../../../broker/src/cli/serve/stop-processes';

// As ps shows them.
const list = `
    1 /sbin/init
   10 node /app/node_modules/.bin/kafka-server-start.sh config/server.properties
   11 /usr/bin/node /srv/broker/bin/odradek.js broker server.properties --override broker.id=2
   12 node /app/bin/odradek zookeeper --port 2181
   13 /usr/local/bin/node /x/zookeeper-server-start zoo.cfg
   18 node /app/node_modules/.bin/odradek container
   14 vi kafka-server-start.sh
   15 node /x/my-kafka-server-start.js
   16 node /x/odradek.js topics --list
   17 java -cp libs kafka.Kafka config/server.properties
 ${process.pid} node /x/kafka-server-start x
`;

test('brokers are found by the commands that start them, and nothing else is', () => {
  expect(findProcesses(serverPatterns.broker, list)).toEqual([10, 11, 18]);
});

test('so are ZooKeeper servers', () => {
  expect(findProcesses(serverPatterns.zookeeper, list)).toEqual([12, 13]);
});

test('what this machine lists has processes with their arguments', async () => {
  // A name of its own: servers of others may run beside the tests.
  const name = `marker-${process.pid}`;
  const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1e6)', name, 'an argument']);
  try {
    await once(child.stdout, 'data');
    expect(findProcesses(new RegExp(`${name} an argument ?$`))).toEqual([child.pid]);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'close');
  }
});
