import type { BatchPlace } from './batch-place';

/** Readers of one segment that are remembered. */
const mostPlaces = 8;

/** Where readers that go through a segment will go on: batches whose place was looked up before anyone asked. */
export class LookAhead {
  #places: BatchPlace[] = [];
  readonly #looking = new Set<Promise<void>>();
  /** What was begun before the last `clear` does not count. */
  #generation = 0;

  placeOf(offset: number): BatchPlace | undefined {
    for (const place of this.#places) {
      if (offset >= place.baseOffset && offset <= place.lastOffset) return place;
    }
    return undefined;
  }

  get isLooking(): boolean {
    return this.#looking.size > 0;
  }

  /** Resolves when everything that was begun has been found. */
  async looked(): Promise<void> {
    await Promise.all(this.#looking);
  }

  /** `find` may fail: then whoever asks looks for himself. */
  look(find: () => Promise<BatchPlace | undefined>): void {
    const generation = this.#generation;
    const looking: Promise<void> = find()
      .then((place) => {
        if (place === undefined || generation !== this.#generation) return;
        this.#places.push(place);
        if (this.#places.length > mostPlaces) this.#places.shift();
      })
      .catch(() => {})
      .finally(() => this.#looking.delete(looking));
    this.#looking.add(looking);
  }

  /** The segment was cut. */
  clear(): void {
    this.#generation++;
    this.#places = [];
  }
}
