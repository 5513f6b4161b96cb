import { ErrorCode, KafkaError } from '../protocol/errors';
import { type AppendInfo, newAppendInfo, resetAppendInfo } from './append-info';
import * as header from './batch-header';
import { corrupt } from './validate-records';

/**
 * What a follower looks at before it appends what its leader sent, offsets and all: whole batches, CRCs, offsets that
 * rise. Fills and returns `info`; a tail cut short is left out of info.records. Throws CORRUPT_MESSAGE, and
 * UNKNOWN_SERVER_ERROR for offsets out of order.
 */
export function analyzeReplicatedRecords(records: Buffer, info: AppendInfo = newAppendInfo()): AppendInfo {
  resetAppendInfo(info);
  let at = 0;
  for (let size = 0; (size = header.nextBatchSize(records, at, records.length)) > 0; at += size) {
    if (!header.isValidBatch(records, at, size)) throw corrupt(records, at, size);
    const last = header.lastOffset(records, at);
    if (info.numBatches === 0) {
      info.firstOffset = header.baseOffset(records, at);
      info.producerId = header.producerId(records, at);
      info.producerEpoch = header.producerEpoch(records, at);
      info.baseSequence = header.baseSequence(records, at);
      info.lastSequence = header.lastSequence(records, at);
      info.transactional = header.isTransactional(records, at);
      info.control = header.isControlBatch(records, at);
    }
    if (last <= info.lastOffset) {
      throw new KafkaError(
        ErrorCode.UNKNOWN_SERVER_ERROR,
        `offset ${last} follows ${info.lastOffset} in records from the leader`,
      );
    }
    info.lastOffset = last;
    info.lastLeaderEpoch = header.partitionLeaderEpoch(records, at);
    const timestamp = header.maxTimestamp(records, at);
    if (timestamp > info.maxTimestamp) {
      info.maxTimestamp = timestamp;
      info.shallowOffsetOfMaxTimestamp = last;
    }
    info.sourceCompression = header.compressionOf(records, at);
    if (header.magicOf(records, at) < 2) info.numRecords = -1;
    else if (info.numRecords >= 0) info.numRecords += header.recordCount(records, at);
    info.numBatches++;
  }
  info.records = at === records.length ? records : records.subarray(0, at);
  return info;
}
