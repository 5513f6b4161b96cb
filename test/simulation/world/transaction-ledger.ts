import { Violation } from '../checks/violation';
import type { CommittedReader } from './committed-reader';

/** `in doubt`: its commit was asked for, and what became of that was not heard before its producer was fenced. */
export type TransactionOutcome = 'open' | 'committed' | 'aborted' | 'in doubt';

export interface Transaction {
  readonly transactionalId: string;
  /** Of all that its transactional id has begun, whichever producer did. */
  readonly number: number;
  /** By partition, in the order in which they were sent. */
  readonly values: Map<number, string[]>;
  outcome: TransactionOutcome;
  /** Whether it has committed its number as the offset of its group. */
  hasOffset: boolean;
}

interface Initialized {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly atMs: number;
}

/** What became of the transactions of a run, and what readers must find of them. */
export class TransactionLedger {
  readonly all: Transaction[] = [];
  /** Producers that found out that they were replaced, or had let their time run out. */
  fenced = 0;
  readonly #initialized = new Map<string, Initialized[]>();

  begin(transactionalId: string, number: number): Transaction {
    const transaction: Transaction = { transactionalId, number, values: new Map(), outcome: 'open', hasOffset: false };
    this.all.push(transaction);
    return transaction;
  }

  count(outcome: TransactionOutcome): number {
    return this.all.filter((each) => each.outcome === outcome).length;
  }

  initialized(transactionalId: string, producerId: number, producerEpoch: number, atMs: number): void {
    const before = this.#initialized.get(transactionalId) ?? [];
    this.#initialized.set(transactionalId, [...before, { producerId, producerEpoch, atMs }]);
  }

  /** Something of a producer that it sent at `sentMs` was accepted: nobody must have taken its place before. */
  accepted(
    what: string,
    transactionalId: string,
    producer: { readonly producerId: number; readonly producerEpoch: number },
    sentMs: number,
  ): void {
    const newer = this.#initialized
      .get(transactionalId)
      ?.find(
        ({ producerId, producerEpoch, atMs }) =>
          producerId === producer.producerId && producerEpoch > producer.producerEpoch && atMs < sentMs,
      );
    if (newer === undefined) return;
    throw new Violation(
      `${what} of ${transactionalId} in epoch ${producer.producerEpoch} was accepted, and epoch ${newer.producerEpoch} had begun before it was sent`,
    );
  }

  /** All of what was committed is there once, in order, and nothing of what was aborted. */
  check(reader: CommittedReader): void {
    const found = new Map<string, number>();
    for (const [partition, records] of reader.records.entries()) {
      for (const value of records.values()) {
        const key = keyOf(value, partition);
        found.set(key, (found.get(key) ?? 0) + 1);
      }
    }
    for (const transaction of this.all) {
      const keys = [...transaction.values].flatMap(([partition, values]) =>
        values.map((value) => keyOf(value, partition)),
      );
      const counts = keys.map((key) => found.get(key) ?? 0);
      for (const key of keys) found.delete(key);
      const fail = (what: string): never => {
        const shown = keys.map((key, index) => `${key} ${counts[index]} times`).join(', ');
        throw new Violation(
          `${reader.name} ${what}: transaction ${transaction.number} of ${transaction.transactionalId} (${transaction.outcome}): ${shown}`,
        );
      };
      if (counts.some((count) => count > 1)) fail('has records twice');
      const shown = counts.filter((count) => count > 0).length;
      if (transaction.outcome === 'committed' && shown < keys.length) fail('lacks records that were committed');
      if (transaction.outcome === 'aborted' && shown > 0) fail('has records that were aborted');
      if (shown > 0 && shown < keys.length) fail('has a part of a transaction');
      if (transaction.outcome === 'open') fail('has a transaction that has not ended');
    }
    const [unknown] = found.keys();
    if (unknown !== undefined) throw new Violation(`${reader.name} has ${unknown}, which nobody wrote`);
    this.#checkOrder(reader);
  }

  #checkOrder({ name, records }: CommittedReader): void {
    records.forEach((byOffset, partition) => {
      const last = new Map<string, number>();
      for (const [, value] of [...byOffset].sort(([one], [other]) => one - other)) {
        const [transactionalId, number, index] = value.split(':');
        const at = Number(number) * 10_000 + Number(index);
        if (at <= (last.get(transactionalId) ?? -1)) {
          throw new Violation(`${name} has ${value} of partition ${partition} out of order`);
        }
        last.set(transactionalId, at);
      }
    });
  }

  /** The offsets that the group of a transactional id may have in the end: of the last commit, or of one in doubt. */
  possibleOffsets(transactionalId: string): number[] {
    const possible: number[] = [];
    for (const { transactionalId: id, hasOffset, number, outcome } of [...this.all].reverse()) {
      if (id !== transactionalId || !hasOffset) continue;
      if (outcome === 'committed' || outcome === 'in doubt') possible.push(number);
      if (outcome === 'committed') return possible;
    }
    return [...possible, -1];
  }
}

function keyOf(value: string, partition: number): string {
  return `${value.slice(0, value.lastIndexOf(':'))} in ${partition}`;
}
