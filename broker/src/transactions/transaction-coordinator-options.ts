import type { BrokerConfig } from '../config/broker-config';

/** Times in milliseconds, sizes in bytes; the comment is the key of server.properties. */
export interface TransactionCoordinatorOptions {
  /** transactional.id.expiration.ms */
  readonly transactionalIdExpirationMs: number;
  /** transaction.max.timeout.ms */
  readonly transactionMaxTimeoutMs: number;
  /** transaction.state.log.load.buffer.size */
  readonly transactionLogLoadBufferSize: number;
  /** transaction.abort.timed.out.transaction.cleanup.interval.ms */
  readonly abortTimedOutTransactionsIntervalMs: number;
  /** transaction.remove.expired.transaction.cleanup.interval.ms */
  readonly removeExpiredTransactionalIdsIntervalMs: number;
  /** request.timeout.ms */
  readonly requestTimeoutMs: number;
  /** inter.broker.protocol.version */
  readonly interBrokerProtocolVersion: string;
}

export function transactionCoordinatorOptions(config: BrokerConfig): TransactionCoordinatorOptions {
  return {
    transactionalIdExpirationMs: config.get('transactional.id.expiration.ms'),
    transactionMaxTimeoutMs: config.get('transaction.max.timeout.ms'),
    transactionLogLoadBufferSize: config.get('transaction.state.log.load.buffer.size'),
    abortTimedOutTransactionsIntervalMs: config.get('transaction.abort.timed.out.transaction.cleanup.interval.ms'),
    removeExpiredTransactionalIdsIntervalMs: config.get('transaction.remove.expired.transaction.cleanup.interval.ms'),
    requestTimeoutMs: config.get('request.timeout.ms'),
    interBrokerProtocolVersion: config.get('inter.broker.protocol.version'),
  };
}
