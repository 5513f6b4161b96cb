import type { Logger } from '../logging/logger';
import { producerId as producerIdOf } from '../records/batch-header';
import type { AppendOrigin } from './log-append';
import { messageOffsetOnly, type LogOffsetMetadata } from './log-offset-metadata';
import { ProducerAppendInfo, type CompletedTxn, type TxnMetadata } from './producer-append-info';
import { formatProducerSnapshot } from './producer-snapshot';
import { ProducerStateEntry } from './producer-state-entry';
import { VerificationStateEntry } from './verification-state-entry';

/**
 * What a partition knows of the producers that have written to it, so that nothing is written twice and no open
 * transaction is read: Kafka's ProducerStateManager. It is memory only; the log reads and writes the snapshots.
 */
export class ProducerStateManager {
  readonly #producers = new Map<number, ProducerStateEntry>();
  /** Open transactions, by first offset. */
  #ongoing: TxnMetadata[] = [];
  /** Ended ones whose marker is not below the high watermark yet, by first offset. */
  #unreplicated: TxnMetadata[] = [];
  /** Producers whose transaction is being asked about, or was, and nothing of it is written yet. */
  readonly #verifications = new Map<number, VerificationStateEntry>();
  /** The state is that of the log before this offset. */
  mapEndOffset = 0;

  constructor(
    readonly partition: string,
    readonly expirationMs: number,
    readonly logger: Logger,
  ) {}

  get size(): number {
    return this.#producers.size;
  }

  entry(producerId: number): ProducerStateEntry | undefined {
    return this.#producers.get(producerId);
  }

  entries(): IterableIterator<ProducerStateEntry> {
    return this.#producers.values();
  }

  prepareUpdate(producerId: number, origin: AppendOrigin): ProducerAppendInfo {
    const current = this.#producers.get(producerId) ?? new ProducerStateEntry(producerId);
    const lowestSequence = this.#verifications.get(producerId)?.lowestSequence;
    return new ProducerAppendInfo(this.partition, current, origin, this.logger, lowestSequence);
  }

  verification(producerId: number): VerificationStateEntry | undefined {
    return this.#verifications.get(producerId);
  }

  /** What was asked about when another log took the place of `other`'s goes on. */
  adoptVerifications(other: ProducerStateManager): void {
    for (const [producerId, entry] of other.#verifications) this.#verifications.set(producerId, entry);
  }

  /** The producer's transaction is about to be asked about (KIP-890). */
  startVerification(producerId: number, sequence: number, epoch: number, wallMs: number): VerificationStateEntry {
    const known = this.#verifications.get(producerId);
    if (known) {
      known.maybeUpdateLowestSequenceAndEpoch(sequence, epoch);
      return known;
    }
    const started = new VerificationStateEntry(wallMs, sequence, epoch);
    this.#verifications.set(producerId, started);
    return started;
  }

  /** Takes over what was appended. */
  update(append: ProducerAppendInfo): void {
    const entry = append.current;
    entry.updateEpoch(append.producerEpoch);
    for (const batch of append.batches) {
      entry.addBatch(append.producerEpoch, batch);
    }
    entry.coordinatorEpoch = append.coordinatorEpoch;
    entry.currentTxnFirstOffset = append.currentTxnFirstOffset;
    entry.lastTimestamp = append.lastTimestamp;
    this.#producers.set(entry.producerId, entry);
    // What the coordinator has answered says nothing any more: the transaction is known here, or has ended.
    if (append.hasTransactional) this.#verifications.delete(entry.producerId);
    for (const transaction of append.started) {
      insertByFirstOffset(this.#ongoing, transaction);
    }
  }

  /** The last stable offset as it will be when this transaction is complete: what the transaction index records. */
  lastStableOffset(completed: CompletedTxn): number {
    const next = completed.lastOffset + 1;
    const other = this.#ongoing.find(({ producerId }) => producerId !== completed.producerId);
    // A follower is given many batches at once: the other may have begun behind the marker.
    return other === undefined ? next : Math.min(next, other.firstOffset.messageOffset);
  }

  completeTxn(completed: CompletedTxn): void {
    const index = this.#ongoing.findIndex(({ firstOffset }) => firstOffset.messageOffset === completed.firstOffset);
    if (index >= 0) {
      const [transaction] = this.#ongoing.splice(index, 1);
      transaction.lastOffset = completed.lastOffset;
      insertByFirstOffset(this.#unreplicated, transaction);
    }
  }

  /** Where the first transaction begins that is open, or whose end is not replicated yet. */
  get firstUnstableOffset(): LogOffsetMetadata | undefined {
    const open = this.#ongoing[0]?.firstOffset;
    const ended = this.#unreplicated[0]?.firstOffset;
    if (open === undefined || ended === undefined) {
      return open ?? ended;
    }
    return open.messageOffset < ended.messageOffset ? open : ended;
  }

  /** Where the first open transaction begins: the cleaner goes no further. */
  get firstUndecidedOffset(): number | undefined {
    return this.#ongoing[0]?.firstOffset.messageOffset;
  }

  /** Timestamp of the last batch of the transaction that began first and is open; `undefined`: none is. */
  get oldestTxnLastTimestamp(): number | undefined {
    return this.#ongoing.length > 0 ? this.#producers.get(this.#ongoing[0].producerId)?.lastTimestamp : undefined;
  }

  onHighWatermarkUpdated(highWatermark: number): void {
    this.#removeReplicatedBelow(highWatermark);
  }

  onLogStartOffsetIncremented(logStartOffset: number): void {
    this.#removeReplicatedBelow(logStartOffset);
    this.mapEndOffset = Math.max(this.mapEndOffset, logStartOffset);
  }

  removeExpired(wallMs: number): void {
    for (const [producerId, entry] of this.#producers) {
      if (this.#isExpired(entry, wallMs)) {
        this.#producers.delete(producerId);
      }
    }
    for (const [producerId, { timestamp }] of this.#verifications) {
      if (wallMs - timestamp >= this.expirationMs) {
        this.#verifications.delete(producerId);
      }
    }
  }

  /** Nothing is known, up to `offset`. */
  clear(offset: number): void {
    this.#producers.clear();
    this.#ongoing = [];
    this.#unreplicated = [];
    this.mapEndOffset = offset;
  }

  loadSnapshot(entries: readonly ProducerStateEntry[], offset: number, wallMs: number): void {
    this.clear(offset);
    for (const entry of entries) {
      if (this.#isExpired(entry, wallMs)) {
        continue;
      }
      this.#producers.set(entry.producerId, entry);
      if (entry.currentTxnFirstOffset >= 0) {
        const firstOffset = messageOffsetOnly(entry.currentTxnFirstOffset);
        insertByFirstOffset(this.#ongoing, { producerId: entry.producerId, firstOffset, lastOffset: -1 });
      }
    }
  }

  /** Takes over a batch that is in the log already. Returns the transaction that it ended, completed. */
  replay(bytes: Buffer, at: number, firstOffset: LogOffsetMetadata): CompletedTxn | undefined {
    const producerId = producerIdOf(bytes, at);
    if (producerId < 0) {
      return undefined;
    }
    const append = this.prepareUpdate(producerId, 'replication');
    const completed = append.append(bytes, at, firstOffset);
    this.update(append);
    return completed;
  }

  snapshot(): Buffer {
    return formatProducerSnapshot(this.#producers.values(), this.#producers.size);
  }

  #isExpired(entry: ProducerStateEntry, wallMs: number): boolean {
    return entry.currentTxnFirstOffset < 0 && wallMs - entry.lastTimestamp >= this.expirationMs;
  }

  #removeReplicatedBelow(offset: number): void {
    if (this.#unreplicated.length > 0) {
      this.#unreplicated = this.#unreplicated.filter(({ lastOffset }) => lastOffset >= offset);
    }
  }
}

function insertByFirstOffset(transactions: TxnMetadata[], transaction: TxnMetadata): void {
  let index = transactions.length;
  while (index > 0 && transactions[index - 1].firstOffset.messageOffset > transaction.firstOffset.messageOffset) {
    index--;
  }
  transactions.splice(index, 0, transaction);
}
