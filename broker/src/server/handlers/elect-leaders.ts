import { Apis } from '../../protocol/api-keys';
import { apiHandler } from '../api-handler';

/** Kafka's handleElectLeaders: preferred replicas, or any at all, are to lead (KIP-460). */
export const electLeaders = apiHandler(Apis.ElectLeaders, async (broker, request, { header }, respond) => {
  respond(await broker.controller.electLeaders(request, header.apiVersion));
});
