import { Apis } from '../../protocol/api-keys';
import { ErrorCode } from '../../protocol/errors';
import type { WriteTxnMarkersRequest } from '../../protocol/messages/write-txn-markers';
import { buildEndTransactionMarker, ControlRecordType } from '../../records/control-records';
import { groupMetadataTopic } from '../../replication/internal-topics';
import { apiHandler } from '../api-handler';
import type { BrokerContext } from '../broker-context';

type Marker = WriteTxnMarkersRequest['markers'][number];
type Errors = Map<string, Map<number, ErrorCode>>;

/** Kafka's handleWriteTxnMarkersRequest: a transaction ends in the partitions that this broker leads. */
export const writeTxnMarkers = apiHandler(Apis.WriteTxnMarkers, async (broker, { markers }, _context, respond) => {
  const written = await Promise.all(markers.map((marker) => writeMarker(broker, marker)));
  // One entry a producer, as Kafka: the coordinator looks it up by the id.
  const byProducer = new Map<number, Errors>();
  markers.forEach(({ producerId }, i) => {
    const errors = byProducer.get(producerId);
    if (errors === undefined) byProducer.set(producerId, written[i]);
    else for (const [topic, partitions] of written[i]) for (const each of partitions) put(errors, topic, ...each);
  });
  respond({
    markers: [...byProducer].map(([producerId, errors]) => ({
      producerId,
      topics: [...errors].map(([name, partitions]) => ({
        name,
        partitions: [...partitions].map(([partitionIndex, errorCode]) => ({ partitionIndex, errorCode })),
      })),
    })),
  });
});

function writeMarker(broker: BrokerContext, marker: Marker): Promise<Errors> {
  const { producerId, producerEpoch, transactionResult, coordinatorEpoch } = marker;
  const errors: Errors = new Map();
  const present: { readonly topic: string; readonly partition: number }[] = [];
  for (const { name: topic, partitionIndexes } of marker.topics) {
    for (const partition of partitionIndexes) {
      if (broker.replicas.partition(topic, partition)) present.push({ topic, partition });
      else put(errors, topic, partition, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    }
  }
  const type = transactionResult ? ControlRecordType.COMMIT : ControlRecordType.ABORT;
  const timestamp = broker.io.clock.wallMs();
  const end = { type, producerId, producerEpoch, coordinatorEpoch, timestamp };
  // A batch each: an append writes the offset into it.
  const appends = present.map((where) => ({ ...where, records: buildEndTransactionMarker(end) }));
  const params = {
    origin: 'coordinator',
    requiredAcks: -1,
    // Less than the coordinator waits, or it would not hear of those that are written.
    timeoutMs: Math.floor(broker.config.get('request.timeout.ms') / 2),
    internalTopicsAllowed: true,
  } as const;
  return new Promise((resolve) => {
    broker.replicas.append(params, appends, (results) => {
      const offsets: number[] = [];
      results.forEach(({ errorCode }, i) => {
        const { topic, partition } = present[i];
        put(errors, topic, partition, errorCode);
        if (errorCode === ErrorCode.NONE && topic === groupMetadataTopic) offsets.push(partition);
      });
      // The offsets that the transaction committed count from here on.
      if (offsets.length > 0) broker.groups.onTransactionCompleted(producerId, offsets, transactionResult);
      resolve(errors);
    });
  });
}

function put(errors: Errors, topic: string, partition: number, errorCode: ErrorCode): void {
  const partitions = errors.get(topic);
  if (partitions) partitions.set(partition, errorCode);
  else errors.set(topic, new Map([[partition, errorCode]]));
}
