import { Apis } from '../../protocol/api-keys';
import { apiHandler } from '../api-handler';

/** Kafka's handleListPartitionReassignmentsRequest: the moves that are under way (KIP-455). */
export const listPartitionReassignments = apiHandler(
  Apis.ListPartitionReassignments,
  async (broker, request, _context, respond) => {
    respond(await broker.controller.listPartitionReassignments(request));
  },
);
