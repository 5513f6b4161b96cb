import { describe, expect, it } from 'vitest';
import type {
  LeaderAndIsrInput,
  StopReplicaInput,
  UpdateMetadataInput,
} from '../../../broker/src/controller/broker-channel';
import { controlRequestVersions } from '../../../broker/src/controller/control-request-versions';
import { leaderAndIsrAt, stopReplicaAt, updateMetadataAt } from '../../../broker/src/controller/network-broker-channel';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { decodeMessage, encodeToBuffer } from '../../../broker/src/protocol/codec';

const topicId = 'AAAAAAAAAAAAAAAAAAAAAQ';
const head = { controllerId: 1, controllerEpoch: 2, brokerEpoch: 3n };
const versions = (api: { readonly maxVersion: number }): number[] =>
  Array.from({ length: api.maxVersion + 1 }, (_, version) => version);

describe("A controller's requests", () => {
  it('have the versions of the inter-broker version', () => {
    const of = (version: string): number[] => Object.values(controlRequestVersions(version));
    expect(of('3.9')).toEqual([7, 8, 4]);
    expect(of('3.3')).toEqual([6, 7, 3]);
    expect(of('2.8')).toEqual([5, 7, 3]);
    expect(of('2.6')).toEqual([4, 6, 3]);
    expect(of('2.2')).toEqual([2, 5, 1]);
    expect(of('0.9.0')).toEqual([0, 1, 0]);
  });

  it('say the same in every version', () => {
    const state = {
      partitionIndex: 4,
      controllerEpoch: 2,
      leader: 5,
      leaderEpoch: 6,
      isr: [5],
      partitionEpoch: 7,
      replicas: [5, 6],
      addingReplicas: [6],
      removingReplicas: [],
      isNew: true,
      leaderRecoveryState: 1,
    };
    const request: LeaderAndIsrInput = {
      ...head,
      type: 0,
      topicStates: [{ topicName: 't', topicId, partitionStates: [state] }],
      liveLeaders: [{ brokerId: 5, hostName: 'h', port: 1 }],
    };
    const schema = Apis.LeaderAndIsr.request;
    for (const version of versions(Apis.LeaderAndIsr)) {
      const bytes = encodeToBuffer(schema, version, leaderAndIsrAt(version, request));
      const decoded = decodeMessage(schema, version, bytes);
      const states =
        version < 2
          ? decoded.ungroupedPartitionStates
          : decoded.topicStates.flatMap(({ topicName, partitionStates }) =>
              partitionStates.map((each) => ({ ...each, topicName })),
            );
      expect(states).toMatchObject([{ topicName: 't', partitionIndex: 4, leader: 5, leaderEpoch: 6, isr: [5] }]);
      expect(states[0].leaderRecoveryState).toBe(version >= 6 ? 1 : 0);
    }
  });

  it('tell metadata in every version', () => {
    const state = {
      partitionIndex: 4,
      controllerEpoch: 2,
      leader: 5,
      leaderEpoch: 6,
      isr: [5],
      zkVersion: 7,
      replicas: [5, 6],
      offlineReplicas: [6],
    };
    const request: UpdateMetadataInput = {
      ...head,
      topicStates: [{ topicName: 't', topicId, partitionStates: [state] }],
      liveBrokers: [
        {
          id: 5,
          rack: 'r',
          endpoints: [
            { host: 's', port: 2, listener: 'SSL', securityProtocol: 1 },
            { host: 'h', port: 1, listener: 'PLAINTEXT', securityProtocol: 0 },
          ],
        },
      ],
    };
    const schema = Apis.UpdateMetadata.request;
    for (const version of versions(Apis.UpdateMetadata)) {
      const bytes = encodeToBuffer(schema, version, updateMetadataAt(version, request));
      const decoded = decodeMessage(schema, version, bytes);
      const states =
        version < 5
          ? decoded.ungroupedPartitionStates
          : decoded.topicStates.flatMap(({ topicName, partitionStates }) =>
              partitionStates.map((each) => ({ ...each, topicName })),
            );
      expect(states).toMatchObject([{ topicName: 't', partitionIndex: 4, leader: 5, zkVersion: 7 }]);
      const [broker] = decoded.liveBrokers;
      if (version === 0) expect(broker).toMatchObject({ id: 5, v0Host: 'h', v0Port: 1 });
      else expect(broker.endpoints.map(({ host }) => host)).toEqual(['s', 'h']);
    }
  });

  it('stop replicas in every version, those that are deleted apart where one request cannot do both', () => {
    const state = (partitionIndex: number, deletePartition: boolean) => ({
      partitionIndex,
      leaderEpoch: 9,
      deletePartition,
    });
    const request: StopReplicaInput = {
      ...head,
      topicStates: [
        { topicName: 't', partitionStates: [state(0, true), state(1, false)] },
        { topicName: 'u', partitionStates: [state(2, true)] },
      ],
    };
    const schema = Apis.StopReplica.request;
    for (const version of versions(Apis.StopReplica)) {
      const stopped = stopReplicaAt(version, request)
        .map((each) => decodeMessage(schema, version, encodeToBuffer(schema, version, each)))
        .flatMap((each): string[] => {
          if (version >= 3) {
            return each.topicStates.flatMap(({ topicName, partitionStates }) =>
              partitionStates.map((one) => `${topicName}-${one.partitionIndex} ${one.deletePartition}`),
            );
          }
          const grouped = each.topics.flatMap(({ name, partitionIndexes }) =>
            partitionIndexes.map((partitionIndex) => ({ topicName: name, partitionIndex })),
          );
          return [...each.ungroupedPartitions, ...grouped].map(
            ({ topicName, partitionIndex }) => `${topicName}-${partitionIndex} ${each.deletePartitions}`,
          );
        });
      expect(stopped.toSorted()).toEqual(['t-0 true', 't-1 false', 'u-2 true']);
    }
  });
});
