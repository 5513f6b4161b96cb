import type { InputOf } from '../protocol/schema';
import type { LeaderAndIsrRequest, LeaderAndIsrResponse } from '../protocol/messages/leader-and-isr';
import type { StopReplicaRequest, StopReplicaResponse } from '../protocol/messages/stop-replica';
import type { UpdateMetadataRequest, UpdateMetadataResponse } from '../protocol/messages/update-metadata';

/** The three requests that a controller sends. */
export type LeaderAndIsrInput = InputOf<typeof LeaderAndIsrRequest>;
export type StopReplicaInput = InputOf<typeof StopReplicaRequest>;
export type UpdateMetadataInput = InputOf<typeof UpdateMetadataRequest>;

/**
 * The controller's way to one broker. Requests arrive in the order in which they were sent; a promise that rejects says
 * that the broker is gone, and its registration in ZooKeeper will say so too.
 */
export interface BrokerChannel {
  leaderAndIsr(request: LeaderAndIsrInput): Promise<LeaderAndIsrResponse>;
  stopReplica(request: StopReplicaInput): Promise<StopReplicaResponse>;
  updateMetadata(request: UpdateMetadataInput): Promise<UpdateMetadataResponse>;
}
