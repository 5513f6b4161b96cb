import { Apis } from '../../protocol/api-keys';
import { ErrorCode } from '../../protocol/errors';
import { apiHandler } from '../api-handler';
import { allOperations, operationsNotAsked } from '../authorized-operations';
import { nodeEndpoints } from '../current-leader';

/** DescribeClusterRequest.endpointType (KIP-919). */
const EndpointType = { BROKER: 1, CONTROLLER: 2 } as const;

/** Kafka's handleDescribeCluster. */
export const describeCluster = apiHandler(Apis.DescribeCluster, (broker, request, context, respond) => {
  const { endpointType, includeClusterAuthorizedOperations } = request;
  if (endpointType !== EndpointType.BROKER) {
    const isController = endpointType === EndpointType.CONTROLLER;
    respond({
      throttleTimeMs: 0,
      errorCode: isController ? ErrorCode.MISMATCHED_ENDPOINT_TYPE : ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
      errorMessage: isController
        ? 'The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER'
        : `Unsupported endpoint type ${endpointType}`,
      clusterId: '',
      brokers: [],
    });
    return;
  }
  const { metadata } = broker;
  const nodes = nodeEndpoints(broker, [...metadata.brokers.keys()], context.listenerName);
  const { controllerId } = metadata;
  const isReachable = nodes.some(({ nodeId }) => nodeId === controllerId);
  respond({
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    clusterId: broker.clusterId,
    controllerId: isReachable ? controllerId : -1,
    brokers: nodes.map(({ nodeId, host, port, rack }) => ({ brokerId: nodeId, host, port, rack })),
    clusterAuthorizedOperations: includeClusterAuthorizedOperations ? allOperations.cluster : operationsNotAsked,
  });
});
