import { ErrorCode, KafkaError } from '../protocol/errors';
import { type LogAppendInfo, UnexpectedAppendOffsetError } from '../log/log-append';
import type { Log } from '../log/log';
import type { Logger } from '../logging/logger';

/** `info` is undefined when nothing was to be appended. Exactly one of the two is given, or none. */
export type FollowerAppended = (error: KafkaError | undefined, info: LogAppendInfo | undefined) => void;

/**
 * Appends what another replica's log has (Kafka's appendRecordsToFollowerOrFutureReplica). `done` is called in the same
 * turn unless a disk has to be waited for.
 *
 * The start of the other log may lie inside of a batch, which then begins below the end of this empty one: this log
 * begins anew where the batch does.
 */
export function appendAsFollower(
  logger: Logger,
  log: Log,
  leaderEpoch: number,
  records: Buffer,
  done: FollowerAppended,
): void {
  const options = { origin: 'replication', leaderEpoch } as const;
  log.append(records, options, (error, info) => {
    if (!(error instanceof UnexpectedAppendOffsetError) || !beginsInBatch(log, error)) {
      done(error, info);
      return;
    }
    const { topic, partition } = log.topicPartition;
    logger.info(
      `The first batch for ${topic}-${partition} begins at offset ${error.firstOffset}, before its start offset ` +
        `${log.logStartOffset}: its empty log starts there.`,
    );
    log.truncateFullyAndStartAt(error.firstOffset).then(
      () => log.append(records, options, done),
      (failure: unknown) => done(asKafkaError(failure), undefined),
    );
  });
}

function beginsInBatch({ logEndOffset, logStartOffset }: Log, error: UnexpectedAppendOffsetError): boolean {
  return logEndOffset === logStartOffset && error.firstOffset < logEndOffset && error.lastOffset >= logEndOffset;
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
