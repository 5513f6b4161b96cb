/**
 * Producers append record batches to partitions whose leader the receiving broker is. With acks = 0 there is no
 * response at all. Versions below 3 carry record sets of magic 0 and 1.
 */
import { array, int16, int32, int64, message, records, string, struct } from '../schema';
import type { MessageOf } from '../schema';

export const ProduceRequest = message(
  'ProduceRequest',
  { versions: '0-11', flexible: '9+' },
  {
    transactionalId: string({ versions: '3+', nullable: true, default: null }),
    acks: int16(),
    timeoutMs: int32(),
    topicData: array(
      struct({
        name: string(),
        partitionData: array(
          struct({
            index: int32(),
            records: records(),
          }),
        ),
      }),
    ),
  },
);
export type ProduceRequest = MessageOf<typeof ProduceRequest>;

export const ProduceResponse = message(
  'ProduceResponse',
  { versions: '0-11', flexible: '9+' },
  {
    responses: array(
      struct({
        name: string(),
        partitionResponses: array(
          struct({
            index: int32(),
            errorCode: int16(),
            baseOffset: int64(),
            logAppendTimeMs: int64({ versions: '2+', default: -1, ignorable: true }),
            logStartOffset: int64({ versions: '5+', default: -1, ignorable: true }),
            recordErrors: array(
              struct({
                batchIndex: int32(),
                batchIndexErrorMessage: string({ nullable: true, default: null }),
              }),
              { versions: '8+', ignorable: true },
            ),
            errorMessage: string({ versions: '8+', nullable: true, default: null, ignorable: true }),
            currentLeader: struct(
              {
                leaderId: int32({ default: -1 }),
                leaderEpoch: int32({ default: -1 }),
              },
              { versions: '10+', tag: 0 },
            ),
          }),
        ),
      }),
    ),
    throttleTimeMs: int32({ versions: '1+', default: 0, ignorable: true }),
    nodeEndpoints: array(
      struct({
        nodeId: int32(),
        host: string(),
        port: int32(),
        rack: string({ nullable: true, default: null }),
      }),
      { versions: '10+', tag: 0 },
    ),
  },
);
export type ProduceResponse = MessageOf<typeof ProduceResponse>;
