import type { CleanerConfig } from './cleaner-config';

/** Memory for the offset map of one cleaning. */
export interface MapMemory {
  readonly buffer: SharedArrayBuffer;
  /** It is one of those that are set aside, and was lent for this directory. */
  readonly spareFor: object | undefined;
}

/**
 * The memory of offset maps: log.cleaner.dedupe.buffer.size, divided among the cleaner's threads, kept and used again. A
 * cleaning in a directory that hangs keeps its part. So that others can go on, an eighth is set aside where there are
 * several directories: a part of it for each but one, and no more than one for the same directory.
 */
export class OffsetMapPool {
  #idle: SharedArrayBuffer[] = [];
  readonly #lent = new Set<MapMemory>();
  #mostBytes = 0;
  #threads = 0;
  #bytes = 0;
  #spares = 0;
  #spareBytes = 0;

  /** What has another size from now on goes when it is given back. */
  configure({ dedupeBufferSize, threads }: CleanerConfig, directories: number): void {
    this.#mostBytes = dedupeBufferSize;
    this.#threads = Math.max(1, threads);
    this.#spares = Math.max(0, directories - 1);
    this.#spareBytes = this.#spares === 0 ? 0 : bounded(dedupeBufferSize / 8 / this.#spares);
    this.#bytes = bounded((dedupeBufferSize - this.#spareBytes * this.#spares) / this.#threads);
    this.#idle = this.#idle.filter((buffer) => this.#isOfUse(buffer));
  }

  /** `undefined` while there is none for a cleaning in `directory`. */
  take(directory: object): MapMemory | undefined {
    const lent = [...this.#lent];
    const spares = lent.filter(({ spareFor }) => spareFor !== undefined);
    const isRegular = lent.length - spares.length < this.#threads;
    if (!isRegular && (spares.length >= this.#spares || spares.some(({ spareFor }) => spareFor === directory))) {
      return undefined;
    }
    const buffer = this.#bufferOf(isRegular ? this.#bytes : this.#spareBytes);
    if (buffer === undefined) return undefined;
    const memory: MapMemory = { buffer, spareFor: isRegular ? undefined : directory };
    this.#lent.add(memory);
    return memory;
  }

  give(memory: MapMemory): void {
    this.#lent.delete(memory);
    if (this.#isOfUse(memory.buffer)) this.#idle.push(memory.buffer);
  }

  /** What is in use, or kept. */
  get allocatedBytes(): number {
    const all = [...this.#idle, ...[...this.#lent].map(({ buffer }) => buffer)];
    return all.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  #bufferOf(bytes: number): SharedArrayBuffer | undefined {
    const index = this.#idle.findIndex(({ byteLength }) => byteLength === bytes);
    if (index >= 0) return this.#idle.splice(index, 1)[0];
    // Maps of an earlier configuration may still be in use.
    return this.allocatedBytes + bytes <= this.#mostBytes ? new SharedArrayBuffer(bytes) : undefined;
  }

  #isOfUse({ byteLength }: SharedArrayBuffer): boolean {
    return byteLength === this.#bytes || byteLength === this.#spareBytes;
  }
}

/** Kafka, too, uses at most 2 GiB for a thread. */
function bounded(bytes: number): number {
  return Math.min(Math.floor(bytes), 0x7fffffff);
}
