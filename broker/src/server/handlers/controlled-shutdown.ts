import { Apis } from '../../protocol/api-keys';
import { apiHandler } from '../api-handler';

/** Kafka's handleControlledShutdownRequest: a broker wants to go, and gives its leaderships away first. */
export const controlledShutdown = apiHandler(Apis.ControlledShutdown, async (broker, request, _context, respond) => {
  respond(await broker.controller.controlledShutdown(request));
});
