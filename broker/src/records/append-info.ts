import {
  NO_PARTITION_LEADER_EPOCH,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  NO_TIMESTAMP,
} from './batch-header';
import { CompressionType } from './compression-type';

/**
 * What a log has to know of records that it is about to append (Kafka's LogAppendInfo). One may be reused: whoever
 * fills it sets every field.
 */
export interface AppendInfo {
  /** What to append: the buffer given, with offsets set in place and a torn tail cut off, or a new one. */
  records: Buffer;
  /** 0: nothing to append (an old client may send nothing). */
  numBatches: number;
  /** -1 where it is not known without unpacking (formats 0 and 1 from a leader). */
  numRecords: number;
  /** Of the first record; from a leader in formats 0 and 1: the last offset of the first batch. */
  firstOffset: number;
  lastOffset: number;
  maxTimestamp: number;
  /** Last offset of the batch with the largest timestamp (what the time index wants), -1 without timestamps. */
  shallowOffsetOfMaxTimestamp: number;
  /** The time given to the records, -1 under CreateTime. */
  logAppendTime: number;
  /** Codec in which the client sent them. */
  sourceCompression: CompressionType;
  /** Whether `records` is not the buffer given (another codec, or an old format). */
  rebuilt: boolean;
  /** Of the last batch; -1 in formats 0 and 1. */
  lastLeaderEpoch: number;
  /** Of the first batch. A leader's append has one batch. */
  producerId: number;
  producerEpoch: number;
  baseSequence: number;
  lastSequence: number;
  transactional: boolean;
  control: boolean;
}

export function newAppendInfo(): AppendInfo {
  return resetAppendInfo({} as AppendInfo);
}

const nothing = Buffer.alloc(0);

export function resetAppendInfo(info: AppendInfo): AppendInfo {
  info.records = nothing;
  info.numBatches = 0;
  info.numRecords = 0;
  info.firstOffset = -1;
  info.lastOffset = -1;
  info.maxTimestamp = NO_TIMESTAMP;
  info.shallowOffsetOfMaxTimestamp = -1;
  info.logAppendTime = NO_TIMESTAMP;
  info.sourceCompression = CompressionType.NONE;
  info.rebuilt = false;
  info.lastLeaderEpoch = NO_PARTITION_LEADER_EPOCH;
  info.producerId = NO_PRODUCER_ID;
  info.producerEpoch = NO_PRODUCER_EPOCH;
  info.baseSequence = NO_SEQUENCE;
  info.lastSequence = NO_SEQUENCE;
  info.transactional = false;
  info.control = false;
  return info;
}
