import { Violation } from '../checks/violation';

export interface Acknowledged {
  readonly value: string;
  readonly offset: number;
  readonly sentMs: number;
  readonly atMs: number;
}

/** What clients were told: which of their records are in which partition, and what they have read from where. */
export class Ledger {
  /** By partition, then by offset: records that were acknowledged with acks=all. */
  readonly acknowledged = new Map<string, Map<number, Acknowledged>>();
  /** By partition, then by offset: the value that a consumer got. */
  readonly #read = new Map<string, Map<number, string>>();
  sent = 0;
  /** Acknowledged records that were lost in a way that is allowed. */
  lost = 0;
  readonly #losses: { readonly partition: string; readonly from: number; readonly atMs: number }[] = [];

  /** `lossIsAllowed`: a leader of before a loss may still show what the others have lost. */
  constructor(readonly lossIsAllowed: boolean) {}

  /** `sentMs`: when the request was sent; what it says may have been lost since. */
  acknowledge(partition: string, offset: number, value: string, sentMs: number, atMs: number): void {
    if (this.#losses.some((loss) => loss.partition === partition && loss.from <= offset && loss.atMs >= sentMs)) {
      this.lost++;
      return;
    }
    const records = of(this.acknowledged, partition);
    const other = records.get(offset);
    if (other !== undefined && other.value !== value && !this.lossIsAllowed) {
      throw new Violation(`${partition}: both ${other.value} and ${value} were acknowledged at offset ${offset}`);
    }
    records.set(offset, { value, offset, sentMs, atMs });
  }

  read(who: string, partition: string, offset: number, value: string): void {
    const records = of(this.#read, partition);
    const other = records.get(offset);
    if (other !== undefined && other !== value && !this.lossIsAllowed) {
      throw new Violation(`${partition}: ${who} read ${value} at offset ${offset}, where ${other} was read before`);
    }
    const acknowledged = this.acknowledged.get(partition)?.get(offset);
    if (acknowledged !== undefined && acknowledged.value !== value && !this.lossIsAllowed) {
      throw new Violation(
        `${partition}: ${who} read ${value} at offset ${offset}, where ${acknowledged.value} was acknowledged`,
      );
    }
    records.set(offset, value);
  }

  /** The acknowledged record of a partition that has the highest offset. */
  lastAcknowledged(partition: string): Acknowledged | undefined {
    let last: Acknowledged | undefined;
    for (const each of this.acknowledged.get(partition)?.values() ?? []) {
      if (last === undefined || each.offset > last.offset) last = each;
    }
    return last;
  }

  get lossEvents(): number {
    return this.#losses.length;
  }

  get reads(): number {
    let count = 0;
    for (const records of this.#read.values()) count += records.size;
    return count;
  }

  /** From here on the partition has lost what it had, in a way that is allowed. */
  loseFrom(partition: string, offset: number, atMs: number): void {
    this.#losses.push({ partition, from: offset, atMs });
    const acknowledged = this.acknowledged.get(partition);
    for (const at of [...(acknowledged?.keys() ?? [])]) {
      if (at < offset) continue;
      acknowledged!.delete(at);
      this.lost++;
    }
    const read = this.#read.get(partition);
    for (const at of [...(read?.keys() ?? [])]) if (at >= offset) read!.delete(at);
  }
}

function of<V>(map: Map<string, Map<number, V>>, partition: string): Map<number, V> {
  let records = map.get(partition);
  if (records === undefined) {
    records = new Map();
    map.set(partition, records);
  }
  return records;
}
