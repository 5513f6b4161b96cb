import { ErrorCode } from '../protocol/errors';
import type { BrokerContext } from './broker-context';

interface Committed {
  readonly partitionIndex: number;
}

interface CommittedTopic<C extends Committed> {
  readonly name: string;
  readonly partitions: readonly C[];
}

interface KnownPartitions<C extends Committed> {
  /** Those that exist, in the order of the request. */
  readonly known: readonly { readonly topic: string; readonly committed: C }[];
  /** What all come to: takes the errors of those that exist, in their order; the others are unknown. */
  answered(
    errors: readonly ErrorCode[],
  ): { name: string; partitions: { partitionIndex: number; errorCode: ErrorCode }[] }[];
}

/** Which partitions of a commit of offsets exist, as the topics are now: one may be deleted before the answer. */
export function knownPartitions<C extends Committed>(
  broker: BrokerContext,
  topics: readonly CommittedTopic<C>[],
): KnownPartitions<C> {
  const known: { readonly topic: string; readonly committed: C }[] = [];
  const isKnown: boolean[] = [];
  for (const { name: topic, partitions } of topics) {
    for (const committed of partitions) {
      const exists = broker.metadata.partition(topic, committed.partitionIndex) !== undefined;
      isKnown.push(exists);
      if (exists) known.push({ topic, committed });
    }
  }
  return {
    known,
    answered: (errors) => {
      let at = 0;
      let next = 0;
      return topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({
          partitionIndex,
          errorCode: isKnown[at++] ? errors[next++] : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        })),
      }));
    },
  };
}
