import { expect, it } from 'vitest';
import { output, pythonInterpreter, startBrokerProcess, temporaryDirectory } from './harness';

const produce = `
import json, sys
from kafka import KafkaProducer
producer = KafkaProducer(bootstrap_servers=sys.argv[1], value_serializer=lambda v: json.dumps(v).encode())
for n in range(int(sys.argv[3])):
    record = producer.send(sys.argv[2], {'name': 'odradek', 'n': n}).get(timeout=30)
    print(record.topic, record.partition, record.offset)
producer.close()
`;

const consume = `
import json, sys
from kafka import KafkaConsumer
consumer = KafkaConsumer(sys.argv[2], bootstrap_servers=sys.argv[1], group_id='group2', auto_offset_reset='earliest',
                         enable_auto_commit=False, value_deserializer=lambda v: json.loads(v), consumer_timeout_ms=30000)
wanted = int(sys.argv[3])
for record in consumer:
    print(record.offset, record.value['name'])
    wanted -= 1
    if wanted == 0:
        break
consumer.commit()
consumer.close()
`;

it('kafka-python writes to a topic that did not exist, and its group goes on where it was, also after kill -9', async () => {
  const python = pythonInterpreter();
  using directory = temporaryDirectory();
  await using cluster = await startBrokerProcess(directory.path);
  const send = (count: number) => output(python, ['-c', produce, cluster.bootstrap, 'documents', String(count)]);
  const read = (count: number) => output(python, ['-c', consume, cluster.bootstrap, 'documents', String(count)]);

  expect(await send(2)).toBe('documents 0 0\ndocuments 0 1\n');
  expect(await read(2)).toBe('0 odradek\n1 odradek\n');
  expect(await send(1)).toBe('documents 0 2\n');
  expect(await read(1)).toBe('2 odradek\n');

  await cluster.restart('SIGKILL');
  expect(await send(2)).toBe('documents 0 3\ndocuments 0 4\n');
  expect(await read(2)).toBe('3 odradek\n4 odradek\n');

  expect(await cluster.broker.stop('SIGTERM')).toBe(0);
});
