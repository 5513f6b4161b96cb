import type { LogSegment } from './log-segment';

/** The segments of a log by base offset. */
export class SegmentList {
  #segments: LogSegment[] = [];

  get all(): readonly LogSegment[] {
    return this.#segments;
  }

  get first(): LogSegment {
    return this.#segments[0];
  }

  get last(): LogSegment {
    return this.#segments[this.#segments.length - 1];
  }

  get sizeInBytes(): number {
    return this.#segments.reduce((sum, { size }) => sum + size, 0);
  }

  /** Behind all others. */
  add(segment: LogSegment): void {
    this.#segments.push(segment);
  }

  remove(segments: readonly LogSegment[]): void {
    const gone = new Set(segments);
    this.#segments = this.#segments.filter((segment) => !gone.has(segment));
  }

  /** Puts one segment in the place of some that lie side by side. */
  replace(old: readonly LogSegment[], by: LogSegment): void {
    const gone = new Set(old);
    this.#segments = this.#segments.flatMap((segment) => {
      if (!gone.has(segment)) return [segment];
      return segment === old[0] ? [by] : [];
    });
  }

  /** Index of the segment that `offset` belongs to, -1 when it is before all. */
  floorIndex(offset: number): number {
    let low = 0;
    let high = this.#segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#segments[middle].baseOffset <= offset) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low - 1;
  }

  /** From the one that `from` belongs to, up to those that begin before `to`. */
  between(from: number, to: number): LogSegment[] {
    const first = Math.max(0, this.floorIndex(from));
    return this.#segments.slice(first).filter((segment) => segment.baseOffset < to);
  }
}
