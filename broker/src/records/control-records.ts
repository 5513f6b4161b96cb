/**
 * Control records, which end a transaction in a partition. Key: int16 version 0, int16 type. Value of an end marker:
 * int16 version 0, int32 coordinatorEpoch.
 */
import { NO_SEQUENCE } from './batch-header';
import { buildBatch } from './build-batch';
import { invalidRecord } from './record-errors';

export const ControlRecordType = { ABORT: 0, COMMIT: 1 } as const;
export type ControlRecordType = (typeof ControlRecordType)[keyof typeof ControlRecordType];

export interface EndTransactionMarker {
  readonly type: ControlRecordType;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly coordinatorEpoch: number;
  readonly timestamp: number;
  readonly partitionLeaderEpoch?: number;
}

/** The batch that a transaction coordinator has every partition of a transaction append. */
export function buildEndTransactionMarker(marker: EndTransactionMarker): Buffer {
  const key = Buffer.alloc(4);
  key.writeInt16BE(marker.type, 2);
  const value = Buffer.alloc(6);
  value.writeInt32BE(marker.coordinatorEpoch, 2);
  return buildBatch({
    records: [{ key, value, timestamp: marker.timestamp }],
    producerId: marker.producerId,
    producerEpoch: marker.producerEpoch,
    baseSequence: NO_SEQUENCE,
    transactional: true,
    control: true,
    partitionLeaderEpoch: marker.partitionLeaderEpoch,
  });
}

/** Type by a control record's key; undefined for one that is not known here and is to be passed over. */
export function controlRecordType(key: Buffer | null): ControlRecordType | undefined {
  if (key === null || key.length < 4) throw invalidRecord('the key of a control record has less than 4 bytes');
  const version = key.readInt16BE(0);
  if (version < 0) throw invalidRecord(`the key of a control record has version ${version}`);
  const type = key.readInt16BE(2);
  return type === ControlRecordType.ABORT || type === ControlRecordType.COMMIT ? type : undefined;
}

/** From the value of an end marker. */
export function markerCoordinatorEpoch(value: Buffer | null): number {
  if (value === null || value.length < 6) throw invalidRecord('the value of an end marker has less than 6 bytes');
  const version = value.readInt16BE(0);
  if (version < 0) throw invalidRecord(`the value of an end marker has version ${version}`);
  return value.readInt32BE(2);
}
