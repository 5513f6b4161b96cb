import { ErrorCode, KafkaError } from '../protocol/errors';
import { nextBatchSize } from '../records/batch-header';
import { type LogAppendInfo, UnexpectedAppendOffsetError } from '../log/log-append';
import type { Log } from '../log/log';
import type { Logger } from '../logging/logger';

/** `info` is undefined when nothing was to be appended. Exactly one of the two is given, or none. */
export type FollowerAppended = (error: KafkaError | undefined, info: LogAppendInfo | undefined) => void;

/**
 * Appends what another replica's log has, which starts at `leaderStartOffset` (Kafka's
 * appendRecordsToFollowerOrFutureReplica). `done` is called in the same turn unless a disk has to be waited for.
 *
 * The start of the other log may lie inside of a batch, which then begins below the end of this one. If this log is empty,
 * or the other one has deleted everything that is in it (where Kafka gives up), it begins anew where the batch does.
 */
export function appendAsFollower(
  logger: Logger,
  log: Log,
  leaderEpoch: number,
  leaderStartOffset: number,
  records: Buffer,
  done: FollowerAppended,
): void {
  const { segmentBytes } = log.config;
  let first = records.length;
  try {
    if (records.length > segmentBytes) first = wholeBatches(records, segmentBytes);
  } catch (error) {
    done(asKafkaError(error), undefined);
    return;
  }
  if (first < records.length) {
    // The other log has larger segments, of a time when segment.bytes was larger: Kafka gives up here.
    appendAsFollower(logger, log, leaderEpoch, leaderStartOffset, records.subarray(0, first), (error, info) => {
      if (error !== undefined || info === undefined || info.bytes === 0) {
        done(error, info);
        return;
      }
      appendAsFollower(logger, log, leaderEpoch, leaderStartOffset, records.subarray(first), (failure, rest) => {
        if (failure !== undefined) done(failure, undefined);
        else done(undefined, rest === undefined ? info : { ...rest, bytes: info.bytes + rest.bytes });
      });
    });
    return;
  }
  const options = { origin: 'replication', leaderEpoch } as const;
  log.append(records, options, (error, info) => {
    if (!(error instanceof UnexpectedAppendOffsetError) || !mayBeginAnew(log, leaderStartOffset, error)) {
      done(error, info);
      return;
    }
    const { topic, partition } = log.topicPartition;
    logger.info(
      `The first batch for ${topic}-${partition} begins at offset ${error.firstOffset}, before offset ` +
        `${log.logEndOffset}, where the log of the leader starts: the log starts there anew.`,
    );
    log.truncateFullyAndStartAt(error.firstOffset).then(
      () => log.append(records, options, done),
      (failure: unknown) => done(asKafkaError(failure), undefined),
    );
  });
}

/** How many bytes the first batches have that fit into `maxBytes`, at least one; all bytes if no more whole ones follow. */
function wholeBatches(records: Buffer, maxBytes: number): number {
  let at = 0;
  for (let size = 0; (size = nextBatchSize(records, at, records.length)) > 0; at += size) {
    if (at > 0 && at + size > maxBytes) return at;
  }
  return records.length;
}

function mayBeginAnew(
  { logEndOffset, logStartOffset }: Log,
  leaderStartOffset: number,
  { firstOffset, lastOffset }: UnexpectedAppendOffsetError,
): boolean {
  const hasNothing = logStartOffset === logEndOffset || leaderStartOffset >= logEndOffset;
  return hasNothing && firstOffset < logEndOffset && lastOffset >= logEndOffset;
}

/**
 * Has the high watermark, as far as this log goes, and the log start offset follow those of the other replica. Returns
 * whether the high watermark moved.
 */
export function followWatermarks(log: Log, highWatermark: number, logStartOffset: number): boolean {
  const before = log.highWatermark;
  const moved =
    before !== Math.min(highWatermark, log.logEndOffset) && log.updateHighWatermark(highWatermark) !== before;
  const start = Math.min(logStartOffset, log.highWatermark);
  if (start > log.logStartOffset) log.maybeIncrementLogStartOffset(start);
  return moved;
}

export function asKafkaError(error: unknown): KafkaError {
  return error instanceof KafkaError ? error : new KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR, String(error));
}
