import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import { Apis } from '../protocol/api-keys';
import { ErrorCode, errorName } from '../protocol/errors';
import { isAtLeastVersion } from '../config/metadata-version';
import type { MetadataCache } from '../replication/metadata-cache';
import type { BrokerToControllerChannel } from './broker-to-controller-channel';

export interface ControlledShutdownOptions {
  readonly brokerId: number;
  readonly brokerEpoch: bigint;
  readonly metadata: MetadataCache;
  readonly controller: Pick<BrokerToControllerChannel, 'send'>;
  /** Whether ZooKeeper can be reached: without it the controller moves nothing. */
  readonly hasZooKeeper: () => boolean;
  /** controlled.shutdown.max.retries: attempts altogether. */
  readonly maxRetries: number;
  /** controlled.shutdown.retry.backoff.ms */
  readonly retryBackoffMs: number;
  /** controller.socket.timeout.ms: how long an attempt may take. */
  readonly attemptMs: number;
  /** inter.broker.protocol.version */
  readonly interBrokerProtocolVersion: string;
}

/**
 * Has the controller move this broker's leaderships to others before it goes, so that clients find a leader at once
 * (Kafka's controlled shutdown). It takes at most `maxRetries` attempts, and returns whether nothing is left here.
 */
export async function controlledShutdown(io: Io, logger: Logger, options: ControlledShutdownOptions): Promise<boolean> {
  const { brokerId, brokerEpoch, metadata, controller, maxRetries } = options;
  let isOver = false;
  let changed = (): void => undefined;
  metadata.onUpdate(() => {
    if (!isOver) changed();
  });
  const isAlone = (): boolean => metadata.brokers.size <= 1;
  try {
    for (let attempt = 1; attempt <= maxRetries; attempt++) {
      if (isAlone()) {
        logger.info('No other broker is there that could lead in place of this one.');
        return true;
      }
      if (!options.hasZooKeeper()) {
        logger.warn('ZooKeeper cannot be reached: nobody can move the leaderships of this broker.');
        return false;
      }
      try {
        const { errorCode, remainingPartitions } = await controller.send(
          Apis.ControlledShutdown,
          (version) => (version >= 2 ? { brokerId, brokerEpoch } : { brokerId }),
          {
            once: true,
            deadlineMs: options.attemptMs,
            maxVersion: requestVersion(options.interBrokerProtocolVersion),
          },
        );
        if (errorCode === ErrorCode.NONE && remainingPartitions.length === 0) {
          logger.info('Controlled shutdown: other brokers lead now.');
          return true;
        }
        logger.info(
          errorCode === ErrorCode.NONE
            ? `Controlled shutdown: ${remainingPartitions.length} partitions are still led by this broker.`
            : `Controlled shutdown: the controller answers ${errorName(errorCode)}.`,
        );
      } catch (error) {
        logger.warn('Controlled shutdown: the controller could not be asked.', { error });
      }
      if (attempt === maxRetries) break;
      // Another controller, or nobody to wait for any more, is a reason to go on at once.
      const { controllerId } = metadata;
      await new Promise<void>((resolve) => {
        const timer = io.clock.timer(options.retryBackoffMs, resolve);
        changed = () => {
          if (!isAlone() && metadata.controllerId === controllerId) return;
          timer.cancel();
          resolve();
        };
      });
      logger.info(`Controlled shutdown is tried again, ${maxRetries - attempt} times at most.`);
    }
  } finally {
    isOver = true;
  }
  logger.warn('Controlled shutdown was not possible: clients notice the end of this broker.');
  return false;
}

function requestVersion(interBrokerProtocolVersion: string): number {
  if (!isAtLeastVersion(interBrokerProtocolVersion, '0.9.0')) return 0;
  if (!isAtLeastVersion(interBrokerProtocolVersion, '2.2-IV0')) return 1;
  return isAtLeastVersion(interBrokerProtocolVersion, '2.4-IV1') ? 3 : 2;
}
