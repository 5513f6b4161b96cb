/** Something that holds memory which it can get again from its file. */
export interface Evictable {
  evict(): void;
}

/**
 * Bounds what the indexes of segments hold in memory, over all logs of a broker: those used last stay, others are read
 * again when they are needed.
 */
export class IndexCache {
  readonly #sizes = new Map<Evictable, number>();
  #bytes = 0;

  constructor(readonly capacityBytes: number) {}

  get bytes(): number {
    return this.#bytes;
  }

  /** It holds `bytes` now, and was used now. Others may be evicted. */
  used(holder: Evictable, bytes: number): void {
    this.#bytes += bytes - (this.#sizes.get(holder) ?? 0);
    this.#sizes.delete(holder);
    this.#sizes.set(holder, bytes);
    for (const [oldest, size] of this.#sizes) {
      if (this.#bytes <= this.capacityBytes || oldest === holder) {
        break;
      }
      this.#sizes.delete(oldest);
      this.#bytes -= size;
      oldest.evict();
    }
  }

  /** It holds nothing any more. */
  forget(holder: Evictable): void {
    this.#bytes -= this.#sizes.get(holder) ?? 0;
    this.#sizes.delete(holder);
  }
}
