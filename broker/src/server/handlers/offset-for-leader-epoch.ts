import { Apis } from '../../protocol/api-keys';
import { ErrorCode, KafkaError } from '../../protocol/errors';
import { apiHandler } from '../api-handler';

/** Kafka's handleOffsetForLeaderEpochRequest (KIP-101, KIP-320): where an epoch ended in the leader's log. */
export const offsetForLeaderEpoch = apiHandler(Apis.OffsetForLeaderEpoch, (broker, request, _context, respond) => {
  respond({
    topics: request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition, currentLeaderEpoch, leaderEpoch }) => {
        try {
          const { log } = broker.replicas.leader(topic, partition, currentLeaderEpoch);
          const end = log.endOffsetForEpoch(leaderEpoch);
          return { errorCode: ErrorCode.NONE, partition, ...(end ?? { leaderEpoch: -1, endOffset: -1 }) };
        } catch (error) {
          if (!(error instanceof KafkaError)) throw error;
          return { errorCode: error.code, partition, leaderEpoch: -1, endOffset: -1 };
        }
      }),
    })),
  });
});
