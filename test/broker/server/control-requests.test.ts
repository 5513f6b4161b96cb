import { describe, expect, it } from 'vitest';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { decodeMessage, encodeToBuffer } from '../../../broker/src/protocol/codec';
import { LeaderAndIsrRequest, LeaderAndIsrResponse } from '../../../broker/src/protocol/messages/leader-and-isr';
import { StopReplicaRequest } from '../../../broker/src/protocol/messages/stop-replica';
import { UpdateMetadataRequest } from '../../../broker/src/protocol/messages/update-metadata';
import type { InputOf } from '../../../broker/src/protocol/schema';
import { zeroUuid } from '../../../broker/src/protocol/uuid';
import {
  leaderAndIsrAnswer,
  newestLeaderAndIsr,
  newestStopReplica,
  newestUpdateMetadata,
} from '../../../broker/src/server/control-request-forms';
import { BrokerBed } from './broker-bed';
import { BrokerClient, nameOf } from './broker-client';

const state = { controllerEpoch: 1, leader: 1, leaderEpoch: 2, isr: [1], replicas: [1, 2] };

function versions(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

describe('LeaderAndIsr', () => {
  it.each(versions(0, 7))('v%i names topics in one way', (version) => {
    const partition = { ...state, partitionIndex: 3, partitionEpoch: 0 };
    const request: InputOf<typeof LeaderAndIsrRequest> = {
      controllerId: 1,
      controllerEpoch: 1,
      liveLeaders: [],
      ...(version < 2
        ? { ungroupedPartitionStates: [{ ...partition, topicName: 't' }] }
        : { topicStates: [{ topicName: 't', topicId: zeroUuid, partitionStates: [partition] }] }),
    };
    const decoded = decodeMessage(LeaderAndIsrRequest, version, encodeToBuffer(LeaderAndIsrRequest, version, request));
    expect(newestLeaderAndIsr(decoded, version).topicStates).toMatchObject([
      { topicName: 't', topicId: zeroUuid, partitionStates: [partition] },
    ]);
  });

  it.each(versions(0, 7))('v%i is answered in its own way', (version) => {
    const partitionErrors = [{ topicName: 't', partitionIndex: 3, errorCode: 6 }];
    const answer = { errorCode: 0, partitionErrors, topics: [{ topicId: zeroUuid, partitionErrors }] };
    const encoded = encodeToBuffer(LeaderAndIsrResponse, version, leaderAndIsrAnswer(answer, version));
    const decoded = decodeMessage(LeaderAndIsrResponse, version, encoded);
    const errors = version < 5 ? decoded.partitionErrors : decoded.topics[0]?.partitionErrors;
    expect(errors).toMatchObject([{ partitionIndex: 3, errorCode: 6 }]);
  });
});

it.each(versions(0, 8))('UpdateMetadata v%i names topics and listeners in one way', (version) => {
  const partition = { ...state, partitionIndex: 3, zkVersion: 4 };
  const endpoint = { host: 'h', port: 9, securityProtocol: version === 0 ? 0 : 1 };
  const request: InputOf<typeof UpdateMetadataRequest> = {
    controllerId: 1,
    controllerEpoch: 1,
    liveBrokers: [
      version === 0
        ? { id: 1, v0Host: 'h', v0Port: 9 }
        : { id: 1, endpoints: [version < 3 ? endpoint : { ...endpoint, listener: 'INNER' }] },
    ],
    ...(version < 5
      ? { ungroupedPartitionStates: [{ ...partition, topicName: 't' }] }
      : { topicStates: [{ topicName: 't', partitionStates: [partition] }] }),
  } as InputOf<typeof UpdateMetadataRequest>;
  const decoded = decodeMessage(
    UpdateMetadataRequest,
    version,
    encodeToBuffer(UpdateMetadataRequest, version, request),
  );
  const newest = newestUpdateMetadata(decoded, version);
  expect(newest.topicStates).toMatchObject([{ topicName: 't', topicId: zeroUuid, partitionStates: [partition] }]);
  const listener = version === 0 ? 'PLAINTEXT' : version < 3 ? 'SSL' : 'INNER';
  expect(newest.liveBrokers).toMatchObject([{ id: 1, endpoints: [{ ...endpoint, listener }] }]);
});

it.each(versions(0, 4))('StopReplica v%i says of each partition whether it is deleted', (version) => {
  const request: InputOf<typeof StopReplicaRequest> = {
    controllerId: 1,
    controllerEpoch: 1,
    ...(version < 3
      ? { deletePartitions: true }
      : {
          topicStates: [
            { topicName: 't', partitionStates: [{ partitionIndex: 3, leaderEpoch: -1, deletePartition: true }] },
          ],
        }),
    ...(version === 0 ? { ungroupedPartitions: [{ topicName: 't', partitionIndex: 3 }] } : {}),
    ...(version === 1 || version === 2 ? { topics: [{ name: 't', partitionIndexes: [3] }] } : {}),
  };
  const decoded = decodeMessage(StopReplicaRequest, version, encodeToBuffer(StopReplicaRequest, version, request));
  expect(newestStopReplica(decoded, version).topicStates).toMatchObject([
    { topicName: 't', partitionStates: [{ partitionIndex: 3, leaderEpoch: -1, deletePartition: true }] },
  ]);
});

describe('A broker', () => {
  it('refuses what the controller has sent to its last life, and knows its next one', async () => {
    await using bed = await BrokerBed.start();
    const broker = await bed.startBroker();
    using client = await BrokerClient.connect(broker.bootstrapServers);
    await client.createTopic('t');
    const zk = await bed.zk();
    const { brokerEpoch } = (await zk.getBroker(0))!;
    const head = { controllerId: 0, controllerEpoch: 1, brokerEpoch: brokerEpoch - 1n };
    const stopped = { topicName: 't', partitionStates: [{ partitionIndex: 0, leaderEpoch: 9, deletePartition: true }] };
    const stale = [
      await client.send(Apis.LeaderAndIsr, 7, { ...head, type: 0, topicStates: [], liveLeaders: [] }),
      await client.send(Apis.UpdateMetadata, 8, { ...head, topicStates: [], liveBrokers: [] }),
      await client.send(Apis.StopReplica, 4, { ...head, topicStates: [stopped] }),
    ];
    expect(stale.map(nameOf)).toEqual(['STALE_BROKER_EPOCH', 'STALE_BROKER_EPOCH', 'STALE_BROKER_EPOCH']);
    expect(await client.produceValues('t', 'still here')).toBe(0);
    // The controller may hear of a registration before the broker does.
    const newer = await client.send(Apis.StopReplica, 4, { ...head, brokerEpoch: brokerEpoch + 1n, topicStates: [] });
    expect(nameOf(newer)).toBe('NONE');
    const old = await client.send(Apis.StopReplica, 0, {
      controllerId: 0,
      controllerEpoch: 0,
      deletePartitions: true,
      ungroupedPartitions: [{ topicName: 't', partitionIndex: 0 }],
    });
    expect(nameOf(old)).toBe('STALE_CONTROLLER_EPOCH');
  });

  it('takes what the controller says before it serves clients', async () => {
    await using bed = await BrokerBed.start();
    const zk = await bed.zk();
    await zk.createTopLevelPaths();
    // Another broker is the controller: without its word the start does not end.
    await zk.registerControllerAndIncrementControllerEpoch(7);
    const starting = bed.startBroker({ properties: { 'controlled.shutdown.enable': false } });
    await expect.poll(() => zk.getBrokerIds()).toEqual([0]);
    const { endPoints, brokerEpoch } = (await zk.getBroker(0))!;
    const { port } = endPoints[0];
    using controller = await BrokerClient.connect(`127.0.0.1:${port}`);
    using client = await BrokerClient.connect(`127.0.0.1:${port}`);
    const asked = client.send(Apis.Metadata, 9, { topics: null });
    const answer = await controller.send(Apis.UpdateMetadata, 8, {
      controllerId: 7,
      controllerEpoch: 1,
      brokerEpoch,
      topicStates: [],
      liveBrokers: [
        { id: 0, endpoints: [{ host: '127.0.0.1', port, listener: 'PLAINTEXT', securityProtocol: 0 }], rack: null },
        { id: 7, endpoints: [{ host: 'seven', port: 1, listener: 'PLAINTEXT', securityProtocol: 0 }], rack: 'r' },
      ],
    });
    expect(nameOf(answer)).toBe('NONE');
    await starting;
    expect(await asked).toMatchObject({
      controllerId: 7,
      brokers: [{ nodeId: 0 }, { nodeId: 7, host: 'seven', port: 1, rack: 'r' }],
    });
  });
});
