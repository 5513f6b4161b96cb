/**
 * Stands for one question to the transaction coordinator (Kafka's VerificationGuard). An append that is let through by
 * the answer shows it: if the transaction has ended since, the partition has another one, or none. Compared by identity.
 */
export class VerificationGuard {
  readonly name = 'VerificationGuard';
}

/** A producer that begins a transaction in a partition, as long as nothing of it is written (KIP-890). */
export class VerificationStateEntry {
  readonly guard = new VerificationGuard();

  constructor(
    /** Wall time of the first question. */
    readonly timestamp: number,
    /**
     * The first sequence that was to be written. Later ones have to wait until it is, or it could never be written: what
     * is refused while the coordinator cannot be asked comes again, and perhaps in another order.
     */
    public lowestSequence: number,
    public epoch: number,
  ) {}

  maybeUpdateLowestSequenceAndEpoch(sequence: number, epoch: number): void {
    if (epoch > this.epoch || (epoch === this.epoch && sequence < this.lowestSequence)) {
      this.epoch = epoch;
      this.lowestSequence = sequence;
    }
  }
}
