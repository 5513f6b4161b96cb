import type { InputOf } from '../protocol/schema';
import type { LeaderAndIsrRequest, LeaderAndIsrResponse } from '../protocol/messages/leader-and-isr';
import type { StopReplicaRequest, StopReplicaResponse } from '../protocol/messages/stop-replica';
import type { UpdateMetadataRequest, UpdateMetadataResponse } from '../protocol/messages/update-metadata';

/** The three requests that a controller sends, in the form of their newest versions. */
export type LeaderAndIsrInput = InputOf<typeof LeaderAndIsrRequest>;
export type StopReplicaInput = InputOf<typeof StopReplicaRequest>;
export type UpdateMetadataInput = InputOf<typeof UpdateMetadataRequest>;

/** The controller's way to one broker. A promise that rejects says that the broker may not have got the request. */
export interface BrokerChannel {
  leaderAndIsr(request: LeaderAndIsrInput): Promise<LeaderAndIsrResponse>;
  stopReplica(request: StopReplicaInput): Promise<StopReplicaResponse>;
  updateMetadata(request: UpdateMetadataInput): Promise<UpdateMetadataResponse>;
}
