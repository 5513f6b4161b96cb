import fc from 'fast-check';
import { TimestampType } from '../../../broker/src/records/batch-header';
import type { BatchInput, RecordInput } from '../../../broker/src/records/build-batch';
import { CompressionType } from '../../../broker/src/records/compression-type';
import type { RecordRules } from '../../../broker/src/records/record-rules';
import { AppendOrigin, type Assignment } from '../../../broker/src/records/validate-records';

export const now = 1_700_000_000_000;

export const assignment: Assignment = { offset: 1000, leaderEpoch: 7, now, origin: AppendOrigin.CLIENT };

/** A topic with Kafka's defaults. */
export function rules(changes: Partial<RecordRules> = {}): RecordRules {
  return {
    compacted: false,
    timestampType: TimestampType.CREATE_TIME,
    timestampBeforeMaxMs: Infinity,
    timestampAfterMaxMs: Infinity,
    maxMessageBytes: 1_048_588,
    compression: 'producer',
    ...changes,
  };
}

export const allCodecs = Object.values(CompressionType);

const bytes = fc.oneof(
  fc.constant(null),
  fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array)),
  fc.integer({ min: 60, max: 20_000 }).map((size) => Buffer.alloc(size, 'payload ')),
);

export const anyRecord: fc.Arbitrary<RecordInput> = fc.record({
  key: bytes,
  value: bytes,
  headers: fc.array(fc.record({ key: fc.string({ maxLength: 10 }), value: bytes }), { maxLength: 3 }),
  timestamp: fc.oneof(
    fc.constant(-1),
    fc.integer({ min: now - 100_000_000, max: now + 1000 }),
    fc.integer({ min: now, max: now + 20 }),
  ),
});

export const anyBatch: fc.Arbitrary<BatchInput> = fc.record({
  records: fc.array(anyRecord, { minLength: 1, maxLength: 30 }),
  compression: fc.constantFrom(...allCodecs),
});
