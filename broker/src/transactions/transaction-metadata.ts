import { partitionName, type TopicPartition } from '../log/topic-partition';
import { ErrorCode } from '../protocol/errors';
import { isTransition, TransactionState } from './transaction-state';

export const noProducerId = -1;
export const noProducerEpoch = -1;
const largestEpoch = 0x7fff;

/** Partitions by their names, so that each is there once, in the order in which they came. */
export type TransactionPartitions = ReadonlyMap<string, TopicPartition>;

export function partitionsOf(partitions: Iterable<TopicPartition>): Map<string, TopicPartition> {
  const byName = new Map<string, TopicPartition>();
  for (const { topic, partition } of partitions) byName.set(partitionName({ topic, partition }), { topic, partition });
  return byName;
}

const noPartitions: TransactionPartitions = new Map();

/** What a transition leads to: what is written, and takes effect once it is. */
export interface TxnTransitMetadata {
  readonly producerId: number;
  readonly lastProducerId: number;
  readonly producerEpoch: number;
  readonly lastProducerEpoch: number;
  readonly txnTimeoutMs: number;
  readonly txnState: TransactionState;
  readonly topicPartitions: TransactionPartitions;
  /** Wall time; -1: no transaction has begun. */
  readonly txnStartTimestamp: number;
  readonly txnLastUpdateTimestamp: number;
}

/** Who a producer says it is, when it is initialized anew (KIP-360). */
export interface ProducerIdAndEpoch {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** A transition that must not be: a fault of this broker. */
export class IllegalTransitionError extends Error {
  override readonly name = 'IllegalTransitionError';
}

/**
 * The last epoch is kept for the coordinator, so that it can always fence a producer: a producer gets another id before.
 */
export function isEpochExhausted(producerEpoch: number): boolean {
  return producerEpoch >= largestEpoch - 1;
}

/**
 * One transactional id (Kafka's TransactionMetadata). A change is made in two steps: `prepare…` says what is to be
 * written and holds off every other change (`pendingState`), `completeTransitionTo` takes it over when it is written.
 */
export class TransactionMetadata {
  lastProducerId = noProducerId;
  producerEpoch = noProducerEpoch;
  lastProducerEpoch = noProducerEpoch;
  state: TransactionState = TransactionState.EMPTY;
  /** The transition that is under way. */
  pendingState: TransactionState | undefined;
  txnStartTimestamp = -1;
  /**
   * An epoch that was to fence a producer may not have been written. Nobody was given it, so it is used again instead of
   * the next one.
   */
  hasFailedEpochFence = false;
  #topicPartitions = new Map<string, TopicPartition>();

  constructor(
    readonly transactionalId: string,
    public producerId: number,
    public txnTimeoutMs: number,
    public txnLastUpdateTimestamp: number,
  ) {}

  /** Partitions of the transaction; while it ends, those that have no marker yet. */
  get topicPartitions(): TransactionPartitions {
    return this.#topicPartitions;
  }

  get isProducerEpochExhausted(): boolean {
    return isEpochExhausted(this.producerEpoch);
  }

  addPartitions(partitions: TransactionPartitions): void {
    for (const [name, partition] of partitions) this.#topicPartitions.set(name, partition);
  }

  /** The partition has its marker. */
  removePartition(partition: TopicPartition): void {
    if (this.state !== TransactionState.PREPARE_COMMIT && this.state !== TransactionState.PREPARE_ABORT) {
      throw this.#illegal(`a marker of ${partitionName(partition)} is reported`);
    }
    this.#topicPartitions.delete(partitionName(partition));
  }

  prepareFenceProducerEpoch(): TxnTransitMetadata {
    if (this.producerEpoch === largestEpoch && !this.hasFailedEpochFence) {
      throw this.#illegal(`its producer cannot be fenced: the epochs are used up`);
    }
    const producerEpoch = this.hasFailedEpochFence ? this.producerEpoch : this.producerEpoch + 1;
    return this.#prepare(TransactionState.PREPARE_EPOCH_FENCE, { producerEpoch, lastProducerEpoch: noProducerEpoch });
  }

  /**
   * A producer begins, or begins again. `expectedProducerEpoch`: the one that it had (KIP-360).
   * @returns PRODUCER_FENCED: there has been another producer since
   */
  prepareIncrementProducerEpoch(
    txnTimeoutMs: number,
    expectedProducerEpoch: number | undefined,
    updateTimestamp: number,
  ): TxnTransitMetadata | ErrorCode {
    const epochs = this.#nextEpochs(expectedProducerEpoch);
    if (epochs === undefined) return ErrorCode.PRODUCER_FENCED;
    if (this.isProducerEpochExhausted && epochs.producerEpoch !== this.producerEpoch) {
      throw this.#illegal('the epochs of its producer id are used up');
    }
    return this.#prepare(TransactionState.EMPTY, {
      ...epochs,
      txnTimeoutMs,
      topicPartitions: noPartitions,
      txnStartTimestamp: -1,
      txnLastUpdateTimestamp: updateTimestamp,
    });
  }

  #nextEpochs(
    expected: number | undefined,
  ): Pick<TxnTransitMetadata, 'producerEpoch' | 'lastProducerEpoch'> | undefined {
    const bumped = this.producerEpoch + 1;
    if (expected === undefined) return { producerEpoch: bumped, lastProducerEpoch: noProducerEpoch };
    // It goes on after an error, and there was no other since; or this is new, and it cannot have been fenced.
    if (this.producerEpoch === noProducerEpoch || expected === this.producerEpoch) {
      return { producerEpoch: bumped, lastProducerEpoch: this.producerEpoch };
    }
    // It asks again, not having heard the answer. Another producer would have set the last epoch to none.
    if (expected === this.lastProducerEpoch) {
      return { producerEpoch: this.producerEpoch, lastProducerEpoch: this.lastProducerEpoch };
    }
    return undefined;
  }

  prepareProducerIdRotation(
    producerId: number,
    txnTimeoutMs: number,
    updateTimestamp: number,
    recordLastEpoch: boolean,
  ): TxnTransitMetadata {
    if (
      this.state === TransactionState.ONGOING ||
      this.state === TransactionState.PREPARE_ABORT ||
      this.state === TransactionState.PREPARE_COMMIT
    ) {
      throw this.#illegal('its producer cannot get another id');
    }
    return this.#prepare(TransactionState.EMPTY, {
      producerId,
      producerEpoch: 0,
      lastProducerEpoch: recordLastEpoch ? this.producerEpoch : noProducerEpoch,
      txnTimeoutMs,
      topicPartitions: noPartitions,
      txnStartTimestamp: -1,
      txnLastUpdateTimestamp: updateTimestamp,
    });
  }

  prepareAddPartitions(added: TransactionPartitions, updateTimestamp: number): TxnTransitMetadata {
    return this.#prepare(TransactionState.ONGOING, {
      topicPartitions: new Map([...this.#topicPartitions, ...added]),
      txnStartTimestamp: this.state === TransactionState.ONGOING ? this.txnStartTimestamp : updateTimestamp,
      txnLastUpdateTimestamp: updateTimestamp,
    });
  }

  prepareAbortOrCommit(
    state: typeof TransactionState.PREPARE_COMMIT | typeof TransactionState.PREPARE_ABORT,
    updateTimestamp: number,
  ): TxnTransitMetadata {
    return this.#prepare(state, { txnLastUpdateTimestamp: updateTimestamp });
  }

  prepareComplete(updateTimestamp: number): TxnTransitMetadata {
    const isCommit = this.state === TransactionState.PREPARE_COMMIT;
    // The epoch that fenced is written by now.
    this.hasFailedEpochFence = false;
    return this.#prepare(isCommit ? TransactionState.COMPLETE_COMMIT : TransactionState.COMPLETE_ABORT, {
      topicPartitions: noPartitions,
      txnLastUpdateTimestamp: updateTimestamp,
    });
  }

  prepareDead(): TxnTransitMetadata {
    return this.#prepare(TransactionState.DEAD, { topicPartitions: noPartitions });
  }

  #prepare(txnState: TransactionState, changes: Partial<TxnTransitMetadata>): TxnTransitMetadata {
    if (this.pendingState !== undefined) throw this.#illegal(`it is to become ${txnState}`);
    if (!isTransition(this.state, txnState)) throw this.#illegal(`it is to become ${txnState}`);
    const transit: TxnTransitMetadata = {
      producerId: this.producerId,
      producerEpoch: this.producerEpoch,
      lastProducerEpoch: this.lastProducerEpoch,
      txnTimeoutMs: this.txnTimeoutMs,
      txnState,
      topicPartitions: new Map(this.#topicPartitions),
      txnStartTimestamp: this.txnStartTimestamp,
      txnLastUpdateTimestamp: this.txnLastUpdateTimestamp,
      ...changes,
      lastProducerId: this.producerId,
    };
    // A new id has no epoch before its producer is initialized, and may expire so.
    if (transit.producerId < 0 || (txnState !== TransactionState.DEAD && transit.producerEpoch < 0)) {
      throw this.#illegal(
        `producer ${transit.producerId} with epoch ${transit.producerEpoch} is to become ${txnState}`,
      );
    }
    this.pendingState = txnState;
    return transit;
  }

  /** Takes over what was prepared, now that it is written. @throws IllegalTransitionError */
  completeTransitionTo(transit: TxnTransitMetadata): void {
    if (this.pendingState !== transit.txnState || !this.#isConsistent(transit)) {
      throw this.#illegal(`it was to become ${transit.txnState}, which does not fit`);
    }
    switch (transit.txnState) {
      case TransactionState.EMPTY:
        this.txnTimeoutMs = transit.txnTimeoutMs;
        this.producerEpoch = transit.producerEpoch;
        this.lastProducerEpoch = transit.lastProducerEpoch;
        this.producerId = transit.producerId;
        this.lastProducerId = transit.lastProducerId;
        break;
      case TransactionState.ONGOING:
        this.txnStartTimestamp = transit.txnStartTimestamp;
        this.addPartitions(transit.topicPartitions);
        break;
      case TransactionState.COMPLETE_ABORT:
      case TransactionState.COMPLETE_COMMIT:
        this.txnStartTimestamp = transit.txnStartTimestamp;
        this.#topicPartitions = new Map();
        break;
    }
    this.txnLastUpdateTimestamp = transit.txnLastUpdateTimestamp;
    this.pendingState = undefined;
    this.state = transit.txnState;
  }

  #isConsistent(transit: TxnTransitMetadata): boolean {
    const { producerId, producerEpoch, topicPartitions: partitions } = transit;
    const isSameProducer = producerId === this.producerId && producerEpoch === this.producerEpoch;
    const isSameTimeout = transit.txnTimeoutMs === this.txnTimeoutMs;
    switch (transit.txnState) {
      case TransactionState.EMPTY: {
        const isBump =
          producerEpoch === this.producerEpoch ||
          producerEpoch === this.producerEpoch + 1 ||
          (producerEpoch === 0 && producerId !== this.producerId);
        return isBump && partitions.size === 0 && transit.txnStartTimestamp === -1;
      }
      case TransactionState.ONGOING:
        return isSameProducer && isSameTimeout && containsAll(partitions, this.#topicPartitions);
      case TransactionState.PREPARE_ABORT:
      case TransactionState.PREPARE_COMMIT:
        return (
          isSameProducer &&
          isSameTimeout &&
          partitions.size === this.#topicPartitions.size &&
          containsAll(partitions, this.#topicPartitions) &&
          transit.txnStartTimestamp === this.txnStartTimestamp
        );
      case TransactionState.COMPLETE_ABORT:
      case TransactionState.COMPLETE_COMMIT:
        return isSameProducer && isSameTimeout && transit.txnStartTimestamp !== -1;
      // Neither is ever written: the one becomes PREPARE_ABORT at once, after the other nothing is left.
      case TransactionState.PREPARE_EPOCH_FENCE:
      case TransactionState.DEAD:
        return false;
    }
  }

  #illegal(what: string): IllegalTransitionError {
    const pending = this.pendingState === undefined ? '' : `, about to be ${this.pendingState}`;
    return new IllegalTransitionError(
      `Transactional id ${this.transactionalId} is ${this.state}${pending} with producer ${this.producerId} in epoch ${this.producerEpoch}: ${what}.`,
    );
  }
}

export function containsAll(partitions: TransactionPartitions, others: TransactionPartitions): boolean {
  for (const name of others.keys()) if (!partitions.has(name)) return false;
  return true;
}
