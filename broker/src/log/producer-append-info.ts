import type { Logger } from '../logging/logger';
import { ErrorCode, KafkaError } from '../protocol/errors';
import {
  baseOffset,
  baseSequence,
  isTransactional,
  lastOffset,
  lastSequence,
  maxTimestamp,
  producerEpoch,
  isControlBatch,
} from '../records/batch-header';
import { ControlRecordType, controlRecordType, markerCoordinatorEpoch } from '../records/control-records';
import { readRecords } from '../records/read-records';
import type { AppendOrigin } from './log-append';
import type { LogOffsetMetadata } from './log-offset-metadata';
import type { BatchMetadata, ProducerStateEntry } from './producer-state-entry';

/** A transaction that has begun in this partition. */
export interface TxnMetadata {
  readonly producerId: number;
  readonly firstOffset: LogOffsetMetadata;
  /** Offset of its end marker, -1 while it is open. */
  lastOffset: number;
}

/** A transaction whose end marker is being appended. */
export interface CompletedTxn {
  readonly producerId: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly isAborted: boolean;
}

/**
 * Checks the batches of one producer in one append against what is known of it, and gathers what it will be known for
 * once they are written: Kafka's ProducerAppendInfo. Nothing of the entry changes before `ProducerStateManager.update`.
 */
export class ProducerAppendInfo {
  readonly started: TxnMetadata[] = [];
  readonly batches: BatchMetadata[] = [];
  producerEpoch: number;
  coordinatorEpoch: number;
  lastTimestamp: number;
  currentTxnFirstOffset: number;
  /** Whether something of a transaction, or its end, is among the batches. */
  hasTransactional = false;

  constructor(
    readonly partition: string,
    readonly current: ProducerStateEntry,
    readonly origin: AppendOrigin,
    readonly logger: Logger,
    /** Of a transaction that is about to begin: see VerificationStateEntry. */
    readonly lowestSequence?: number,
  ) {
    this.producerEpoch = current.producerEpoch;
    this.coordinatorEpoch = current.coordinatorEpoch;
    this.lastTimestamp = current.lastTimestamp;
    this.currentTxnFirstOffset = current.currentTxnFirstOffset;
  }

  get producerId(): number {
    return this.current.producerId;
  }

  /** Returns the transaction that the batch ends, if it does. `firstOffset` is where the batch begins. */
  append(bytes: Buffer, at: number, firstOffset: LogOffsetMetadata): CompletedTxn | undefined {
    this.hasTransactional ||= isTransactional(bytes, at);
    if (isControlBatch(bytes, at)) {
      return this.#appendControlBatch(bytes, at);
    }
    this.#appendDataBatch(bytes, at, firstOffset);
    return undefined;
  }

  #appendDataBatch(bytes: Buffer, at: number, firstOffset: LogOffsetMetadata): void {
    const epoch = producerEpoch(bytes, at);
    const first = baseOffset(bytes, at);
    const last = lastOffset(bytes, at);
    this.#checkProducerEpoch(epoch, first);
    if (this.origin === 'client') {
      this.#checkSequence(epoch, baseSequence(bytes, at), first);
    }
    this.#updateEpoch(epoch);
    const timestamp = maxTimestamp(bytes, at);
    this.batches.push({
      lastSequence: lastSequence(bytes, at),
      lastOffset: last,
      offsetDelta: last - first,
      timestamp,
    });
    this.lastTimestamp = timestamp;
    const transactional = isTransactional(bytes, at);
    if (this.currentTxnFirstOffset >= 0 && !transactional && this.origin !== 'replication') {
      throw new KafkaError(
        ErrorCode.INVALID_TXN_STATE,
        `producer ${this.producerId} wrote a batch at offset ${first} of ${this.partition} outside of the transaction ` +
          `that it has begun there at offset ${this.currentTxnFirstOffset}`,
      );
    }
    if (this.currentTxnFirstOffset < 0 && transactional) {
      this.currentTxnFirstOffset = first;
      this.started.push({ producerId: this.producerId, firstOffset, lastOffset: -1 });
    }
  }

  #appendControlBatch(bytes: Buffer, at: number): CompletedTxn | undefined {
    const marker = readRecords(bytes, at).next().value;
    if (marker === undefined) {
      return undefined; // the cleaner has removed the whole transaction
    }
    const type = controlRecordType(marker.key);
    if (type === undefined) {
      return undefined;
    }
    const coordinatorEpoch = markerCoordinatorEpoch(marker.value);
    const offset = baseOffset(bytes, at);
    const epoch = producerEpoch(bytes, at);
    this.#checkProducerEpoch(epoch, offset);
    this.#checkCoordinatorEpoch(coordinatorEpoch, offset);
    const firstOffset = this.currentTxnFirstOffset;
    this.#updateEpoch(epoch);
    this.coordinatorEpoch = coordinatorEpoch;
    this.lastTimestamp = marker.timestamp;
    this.currentTxnFirstOffset = -1;
    if (firstOffset < 0) {
      return undefined;
    }
    return {
      producerId: this.producerId,
      firstOffset,
      lastOffset: offset,
      isAborted: type === ControlRecordType.ABORT,
    };
  }

  #updateEpoch(epoch: number): void {
    if (epoch !== this.producerEpoch) {
      this.producerEpoch = epoch;
      this.batches.length = 0;
    }
  }

  #checkProducerEpoch(epoch: number, offset: number): void {
    if (epoch >= this.producerEpoch) {
      return;
    }
    const message =
      `producer ${this.producerId} has epoch ${epoch} in its batch at offset ${offset} of ${this.partition}, ` +
      `older than the last one seen, ${this.producerEpoch}`;
    if (this.origin !== 'replication') {
      throw new KafkaError(ErrorCode.INVALID_PRODUCER_EPOCH, message);
    }
    this.logger.warn(`The leader has sent a batch of an old epoch: ${message}.`);
  }

  #checkCoordinatorEpoch(epoch: number, offset: number): void {
    if (epoch >= this.coordinatorEpoch) {
      return;
    }
    const message =
      `the end marker of producer ${this.producerId} at offset ${offset} of ${this.partition} comes from coordinator ` +
      `epoch ${epoch}, older than the last one seen, ${this.coordinatorEpoch}`;
    if (this.origin !== 'replication') {
      throw new KafkaError(ErrorCode.TRANSACTION_COORDINATOR_FENCED, message);
    }
    this.logger.info(`The leader has sent a marker of an old coordinator: ${message}.`);
  }

  #checkSequence(epoch: number, firstSequence: number, offset: number): void {
    if (this.lowestSequence !== undefined && firstSequence > this.lowestSequence) {
      throw this.#outOfOrder(offset, firstSequence, `${this.lowestSequence} was seen and is not written yet`);
    }
    if (epoch !== this.producerEpoch) {
      if (firstSequence !== 0 && this.producerEpoch !== -1) {
        throw this.#outOfOrder(offset, firstSequence, `0 is expected first in the new epoch ${epoch}`);
      }
      return;
    }
    // A producer that is not known any more (its records are gone by retention) may go on with any sequence.
    if (this.current.producerEpoch === -1) {
      return;
    }
    let lastSeen = -1;
    if (this.batches.length > 0) {
      lastSeen = this.batches[this.batches.length - 1].lastSequence;
    } else if (epoch === this.current.producerEpoch) {
      lastSeen = this.current.lastSequence;
    }
    const inSequence = firstSequence === lastSeen + 1 || (firstSequence === 0 && lastSeen === 0x7fffffff);
    if (!inSequence) {
      throw this.#outOfOrder(offset, firstSequence, `the last one seen is ${lastSeen}`);
    }
  }

  #outOfOrder(offset: number, firstSequence: number, wanted: string): KafkaError {
    return new KafkaError(
      ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
      `producer ${this.producerId} sent sequence ${firstSequence} for offset ${offset} of ${this.partition}, ` +
        `where ${wanted}`,
    );
  }
}
