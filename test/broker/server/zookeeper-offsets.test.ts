import { expect, it } from 'vitest';
import { nodeIo } from '../../../broker/src/io/node';
import { ClientConnection } from '../../../broker/src/network/client-connection';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import { startCluster } from '../../../broker/src/testing';

it('version 0 of OffsetCommit and OffsetFetch keeps offsets in ZooKeeper', async () => {
  await using cluster = await startCluster();
  const [host, port] = cluster.bootstrapServers.split(':');
  const client = await ClientConnection.connect(nodeIo(), { host, port: Number(port), clientId: null });
  try {
    await client.send(Apis.CreateTopics, 4, {
      topics: [{ name: 'old', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
    });
    const commit = async (committedOffset: number) => {
      const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata: '' }];
      const response = await client.send(Apis.OffsetCommit, 0, { groupId: 'g', topics: [{ name: 'old', partitions }] });
      return response.topics[0].partitions[0].errorCode;
    };
    const fetched = async () => {
      const request = { groupId: 'g', topics: [{ name: 'old', partitionIndexes: [0] }] };
      const { committedOffset, errorCode } = (await client.send(Apis.OffsetFetch, 0, request)).topics[0].partitions[0];
      return [committedOffset, errorCode];
    };
    expect(await fetched()).toEqual([-1, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]);
    expect(await commit(7)).toBe(ErrorCode.NONE);
    expect(await fetched()).toEqual([7, ErrorCode.NONE]);
    expect(await commit(8)).toBe(ErrorCode.NONE);
    expect(await fetched()).toEqual([8, ErrorCode.NONE]);
  } finally {
    client.close();
  }
});
