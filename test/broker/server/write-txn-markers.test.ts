import { expect, it } from 'vitest';
import { BrokerConfig } from '../../../broker/src/config/broker-config';
import { nodeIo } from '../../../broker/src/io/node';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import { type AppendDone, type AppendParams, failedAppend } from '../../../broker/src/replication/append';
import type { BrokerContext } from '../../../broker/src/server/broker-context';
import { writeTxnMarkers } from '../../../broker/src/server/handlers/write-txn-markers';
import { callHandler } from './call-handler';

it('Markers that are written are told of before the coordinator gives up because of others that are not', async () => {
  const { config } = BrokerConfig.from(
    new Map(Object.entries({ 'zookeeper.connect': 'zk:2181', 'request.timeout.ms': '10000' })),
  );
  const timeouts: number[] = [];
  const broker = {
    io: nodeIo(),
    config,
    replicas: {
      partition: () => ({}),
      append: ({ timeoutMs }: AppendParams, appends: readonly unknown[], done: AppendDone) => {
        timeouts.push(timeoutMs);
        done(appends.map((_, i) => failedAppend(i === 0 ? ErrorCode.NONE : ErrorCode.REQUEST_TIMED_OUT)));
      },
    },
  } as unknown as BrokerContext;
  const topics = [{ name: 'data', partitionIndexes: [0, 1] }];
  const marker = { producerId: 1, producerEpoch: 0, transactionResult: true, coordinatorEpoch: 0, topics };
  const { markers } = await callHandler(writeTxnMarkers, broker, 1, { markers: [marker] });
  expect(markers[0].topics[0].partitions).toMatchObject([
    { partitionIndex: 0, errorCode: ErrorCode.NONE },
    { partitionIndex: 1, errorCode: ErrorCode.REQUEST_TIMED_OUT },
  ]);
  // The coordinator waits for request.timeout.ms, and from before the request is here.
  expect(timeouts).toEqual([5000]);
});
