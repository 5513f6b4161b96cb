import { ErrorCode } from '../protocol/errors';
import type { BrokerContext } from './broker-context';

/** Errors that a client mends by asking the right leader: newer versions tell it who that is (KIP-951). */
export function isLeaderError(errorCode: ErrorCode): boolean {
  return errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER || errorCode === ErrorCode.FENCED_LEADER_EPOCH;
}

export function currentLeader(
  broker: BrokerContext,
  topic: string,
  partition: number,
): { readonly leaderId: number; readonly leaderEpoch: number } | undefined {
  const known = broker.metadata.partition(topic, partition);
  return known && { leaderId: known.leader, leaderEpoch: known.leaderEpoch };
}

/** Where those brokers are reached on the listener that the client uses. */
export function nodeEndpoints(
  broker: BrokerContext,
  brokerIds: readonly number[],
  listenerName: string,
): { readonly nodeId: number; readonly host: string; readonly port: number; readonly rack: string | null }[] {
  return [...new Set(brokerIds)].flatMap((nodeId) => {
    const live = broker.metadata.brokers.get(nodeId);
    const endpoint = live?.endpoints.get(listenerName);
    return live && endpoint ? [{ nodeId, host: endpoint.host, port: endpoint.port, rack: live.rack }] : [];
  });
}
