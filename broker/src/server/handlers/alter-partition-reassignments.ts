import { Apis } from '../../protocol/api-keys';
import { apiHandler } from '../api-handler';

/** Kafka's handleAlterPartitionReassignmentsRequest: partitions are to move to other replicas (KIP-455). */
export const alterPartitionReassignments = apiHandler(
  Apis.AlterPartitionReassignments,
  async (broker, request, _context, respond) => {
    respond(await broker.controller.alterPartitionReassignments(request));
  },
);
