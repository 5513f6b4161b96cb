import { Apis } from '../../protocol/api-keys';
import { apiHandler } from '../api-handler';
import { newestUpdateMetadata } from '../control-request-forms';

/** Kafka's handleUpdateMetadataRequest: the controller says what the cluster is. */
export const updateMetadata = apiHandler(
  Apis.UpdateMetadata,
  async (broker, request, { header }, respond) => {
    respond(await broker.controlPlane.updateMetadata(newestUpdateMetadata(request, header.apiVersion)));
  },
  { beforeStart: true },
);
