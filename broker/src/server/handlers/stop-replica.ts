import { Apis } from '../../protocol/api-keys';
import { apiHandler } from '../api-handler';
import { newestStopReplica } from '../control-request-forms';

/** Kafka's handleStopReplicaRequest: the controller takes replicas away from this broker. */
export const stopReplica = apiHandler(
  Apis.StopReplica,
  async (broker, request, { header }, respond) => {
    respond(await broker.controlPlane.stopReplica(newestStopReplica(request, header.apiVersion)));
  },
  { beforeStart: true },
);
