/** A record as a client tells of it. */
export interface Line {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Undefined: the client did not say. */
  readonly timestamp: number | undefined;
  readonly key: string;
  readonly value: string;
  readonly headers: string;
}

/** topic, partition, offset, timestamp, key, value, headers, with tabs; `-` is null. */
export function recordOf(line: string): Line {
  const [topic, partition, offset, timestamp, key, value, headers] = line.split('\t');
  if (headers === undefined) throw new Error(`no record: ${line}`);
  return {
    topic,
    partition: Number(partition),
    offset: Number(offset),
    timestamp: Number(timestamp),
    key,
    value,
    headers,
  };
}

/** What became of what a record belongs to; it changes when its transaction ends. */
export interface Outcome {
  state: 'plain' | 'open' | 'committed' | 'aborted';
}

export const plain: Outcome = { state: 'plain' };

interface Entry {
  readonly line: Line;
  readonly outcome: Outcome;
  timestamp: number | undefined;
}

/** How much of a partition may be gone. */
export interface Kept {
  /** The log's start: what lies before may be there or not. */
  readonly startOffset: number;
  /** Of compacted topics: up to where the cleaner has come. */
  readonly cleanedTo?: number;
}

export const partitionOf = ({ topic, partition }: { readonly topic: string; readonly partition: number }): string =>
  `${topic}-${partition}`;

const textOf = ({ key, value, headers }: Line): string => `${key} ${value} ${headers}`;

/** All that brokers have acknowledged, and what became of it. */
export class Book {
  readonly #partitions = new Map<string, Map<number, Entry>>();
  #newest = new Map<string, number>();

  add(lines: readonly Line[], outcome: Outcome = plain): void {
    for (const line of lines) {
      const entries = this.#entriesOf(partitionOf(line));
      const known = entries.get(line.offset);
      if (known) throw new Error(`acknowledged twice at one offset: ${show(known.line)} and ${show(line)}`);
      entries.set(line.offset, { line, outcome, timestamp: line.timestamp });
      this.#newest.set(partitionOf(line), Math.max(line.offset, this.#newest.get(partitionOf(line)) ?? -1));
    }
  }

  /** A topic is not looked at any more. */
  forget(topic: string, partitions: number): void {
    for (let partition = 0; partition < partitions; partition++) this.#partitions.delete(`${topic}-${partition}`);
  }

  get records(): number {
    return [...this.#partitions.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** The newest record's offset; -1 where there is none. */
  lastOffset(partition: string): number {
    return this.#newest.get(partition) ?? -1;
  }

  timestamps(partition: string): number[] {
    return [...this.#entriesOf(partition).values()].flatMap(({ timestamp }) => timestamp ?? []);
  }

  #entriesOf(partition: string): Map<number, Entry> {
    const known = this.#partitions.get(partition);
    if (known) return known;
    const made = new Map<number, Entry>();
    this.#partitions.set(partition, made);
    return made;
  }

  /** What is wrong with what was read, of each kind. */
  faults(
    all: readonly Line[],
    committed: readonly Line[],
    keptOf: (partition: string) => Kept,
  ): { readonly faults: string[]; readonly records: number; readonly committed: number; readonly aborted: number } {
    const faults: string[] = [];
    const [found, stable] = [grouped(all), grouped(committed)];
    let aborted = 0;
    for (const [partition, lines] of found) {
      let previous = -1;
      for (const line of lines) {
        if (line.offset <= previous) faults.push(`${partition}: ${line.offset} comes after ${previous}`);
        previous = line.offset;
        this.#compare(partition, line, faults);
      }
    }
    for (const [partition, entries] of this.#partitions) {
      const kept = keptOf(partition);
      const there = new Set((found.get(partition) ?? []).map(({ offset }) => offset));
      const wanted = kept.cleanedTo === undefined ? [...entries.keys()] : newestOfEachKey(entries.values());
      for (const offset of wanted) {
        if (offset >= kept.startOffset && !there.has(offset)) faults.push(`lost: ${show(entries.get(offset)!.line)}`);
      }
      if (kept.cleanedTo !== undefined)
        faults.push(...notCleaned(partition, found.get(partition) ?? [], kept.cleanedTo));
      faults.push(...this.#isolation(partition, entries, found.get(partition) ?? [], stable.get(partition) ?? []));
      for (const { outcome } of entries.values()) if (outcome.state === 'aborted') aborted++;
    }
    return { faults, records: all.length, committed: committed.length, aborted };
  }

  #compare(partition: string, line: Line, faults: string[]): void {
    const entry = this.#partitions.get(partition)?.get(line.offset);
    if (!entry) {
      faults.push(`nobody wrote ${show(line)}`);
      return;
    }
    // Where the client that wrote it was not told, what is read first counts.
    entry.timestamp ??= line.timestamp;
    if (textOf(entry.line) !== textOf(line) || entry.timestamp !== line.timestamp) {
      faults.push(`written: ${show({ ...entry.line, timestamp: entry.timestamp })}\n   read: ${show(line)}`);
    }
  }

  /** A reader of what is committed finds, of what is there: all before the first open transaction that was not aborted. */
  #isolation(
    partition: string,
    entries: Map<number, Entry>,
    found: readonly Line[],
    stable: readonly Line[],
  ): string[] {
    let end = Infinity;
    for (const [offset, { outcome }] of entries) if (outcome.state === 'open') end = Math.min(end, offset);
    const wanted = found.filter(({ offset }) => {
      const state = entries.get(offset)?.outcome.state;
      return offset < end && (state === 'plain' || state === 'committed');
    });
    const [is, should] = [stable.map(show), wanted.map(show)];
    if (is.join('\n') === should.join('\n')) return [];
    const missing = should.filter((line) => !is.includes(line));
    const extra = is.filter((line) => !should.includes(line));
    return [
      `${partition}, read committed: ${is.length} records instead of ${should.length}`,
      ...missing.slice(0, 3).map((line) => `  not there: ${line}`),
      ...extra.slice(0, 3).map((line) => `  too much: ${line}`),
    ];
  }
}

function newestOfEachKey(entries: Iterable<Entry>): number[] {
  const newest = new Map<string, Line>();
  for (const { line } of entries) {
    const known = newest.get(line.key);
    if (!known || known.offset < line.offset) newest.set(line.key, line);
  }
  // What was deleted may be gone.
  return [...newest.values()].filter(({ value }) => value !== '-').map(({ offset }) => offset);
}

function notCleaned(partition: string, lines: readonly Line[], cleanedTo: number): string[] {
  const seen = new Set<string>();
  const faults: string[] = [];
  for (const { key, offset } of lines) {
    if (offset >= cleanedTo) break;
    if (seen.has(key))
      faults.push(`${partition} is cleaned up to ${cleanedTo}, and ${key} is there again at ${offset}`);
    seen.add(key);
  }
  return faults;
}

function grouped(lines: readonly Line[]): Map<string, Line[]> {
  const partitions = new Map<string, Line[]>();
  for (const line of lines) {
    const known = partitions.get(partitionOf(line));
    if (known) known.push(line);
    else partitions.set(partitionOf(line), [line]);
  }
  return partitions;
}

export function show({ topic, partition, offset, timestamp, key, value, headers }: Line): string {
  return `${topic}-${partition}@${offset} ${timestamp} ${key}: ${value.slice(0, 40)} {${headers}}`;
}
