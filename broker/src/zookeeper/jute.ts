/**
 * Jute, ZooKeeper's binary serialization: big-endian ints and longs, a byte for a boolean, buffers and strings with an
 * int length before them (-1: null), vectors with an int count before them (-1: null).
 */

/** The bytes do not hold what the record says, or a value cannot be written. */
export class JuteError extends Error {
  override readonly name = 'JuteError';
}

/** Reads values one after the other. Every length is checked against what is there before anything is made of it. */
export class JuteReader {
  private at: number;

  constructor(
    private readonly bytes: Buffer,
    offset = 0,
  ) {
    this.at = offset;
  }

  get offset(): number {
    return this.at;
  }

  get remaining(): number {
    return this.bytes.length - this.at;
  }

  int(): number {
    const at = this.take(4, 'an int');
    return this.bytes.readInt32BE(at);
  }

  long(): bigint {
    const at = this.take(8, 'a long');
    return this.bytes.readBigInt64BE(at);
  }

  bool(): boolean {
    return this.bytes[this.take(1, 'a boolean')] !== 0;
  }

  /** A slice of the bytes that are read, not a copy; null for the length -1. */
  buffer(): Buffer | null {
    const length = this.int();
    if (length === -1) return null;
    if (length < 0) throw new JuteError(`a buffer's length is ${length} at byte ${this.at - 4}: -1 or more is valid`);
    const at = this.take(length, `a buffer of ${length} bytes`);
    return this.bytes.subarray(at, at + length);
  }

  /** A null string comes as an empty one: nothing in the protocol tells them apart. */
  ustring(): string {
    return this.buffer()?.toString('utf8') ?? '';
  }

  /** The count of a vector whose elements take at least `elementBytes` bytes each; 0 for a null vector. */
  count(elementBytes: number): number {
    const count = this.int();
    if (count === -1) return 0;
    if (count < 0 || count * elementBytes > this.remaining) {
      throw new JuteError(
        `a vector's count is ${count} at byte ${this.at - 4}, with ${this.remaining} bytes following: ` +
          `at least ${elementBytes} bytes each are needed`,
      );
    }
    return count;
  }

  /** Everything not read yet, as a slice. */
  rest(): Buffer {
    const rest = this.bytes.subarray(this.at);
    this.at = this.bytes.length;
    return rest;
  }

  private take(length: number, what: string): number {
    const at = this.at;
    if (length > this.bytes.length - at) {
      throw new JuteError(`${what} is expected at byte ${at}, but the record ends at byte ${this.bytes.length}`);
    }
    this.at = at + length;
    return at;
  }
}

/** Writes values one after the other into a buffer that grows. */
export class JuteWriter {
  private bytes: Buffer;
  private at: number;

  /** `capacity` is only a first guess. */
  constructor(capacity = 256) {
    this.bytes = Buffer.allocUnsafe(capacity < 4 ? 4 : capacity);
    // Room for a frame's length, so that a frame needs no copy.
    this.at = 4;
  }

  get length(): number {
    return this.at - 4;
  }

  int(value: number): void {
    if (!Number.isInteger(value) || value < -0x80000000 || value > 0x7fffffff) {
      throw new JuteError(`${value} is not a 32-bit integer`);
    }
    const at = this.grow(4);
    this.bytes.writeInt32BE(value, at);
  }

  long(value: bigint): void {
    if (BigInt.asIntN(64, value) !== value) throw new JuteError(`${value} is not a 64-bit integer`);
    const at = this.grow(8);
    this.bytes.writeBigInt64BE(value, at);
  }

  bool(value: boolean): void {
    const at = this.grow(1);
    this.bytes[at] = value ? 1 : 0;
  }

  buffer(value: Uint8Array | null): void {
    if (value === null) return this.int(-1);
    this.int(value.length);
    const at = this.grow(value.length);
    this.bytes.set(value, at);
  }

  ustring(value: string): void {
    const length = Buffer.byteLength(value, 'utf8');
    this.int(length);
    const at = this.grow(length);
    this.bytes.write(value, at, length, 'utf8');
  }

  /** Bytes as they are, without a length. */
  raw(value: Uint8Array): void {
    const at = this.grow(value.length);
    this.bytes.set(value, at);
  }

  /** What was written, without a frame's length. The writer is not to be used after it. */
  record(): Buffer {
    return this.bytes.subarray(4, this.at);
  }

  /** What was written, with its length before it, as it goes over a connection. The writer is not to be used after it. */
  frame(): Buffer {
    this.bytes.writeInt32BE(this.at - 4, 0);
    return this.bytes.subarray(0, this.at);
  }

  private grow(length: number): number {
    const at = this.at;
    const end = at + length;
    if (end > this.bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(end, this.bytes.length * 2));
      this.bytes.copy(larger, 0, 0, at);
      this.bytes = larger;
    }
    this.at = end;
    return at;
  }
}

/** How a value is written and read. */
export interface JuteType<T> {
  /** The fewest bytes that a value takes: what bounds a vector's count. */
  readonly minBytes: number;
  write(to: JuteWriter, value: T): void;
  read(from: JuteReader): T;
}

export type JuteValue<T> = T extends JuteType<infer V> ? V : never;

export const int: JuteType<number> = { minBytes: 4, write: (to, value) => to.int(value), read: (from) => from.int() };

/** For zxids and session ids, which use all 64 bits. */
export const long: JuteType<bigint> = {
  minBytes: 8,
  write: (to, value) => to.long(value),
  read: (from) => from.long(),
};

/** A long that is a time in milliseconds: a number, refusing what a number cannot hold. */
export const time: JuteType<number> = {
  minBytes: 8,
  write: (to, value) => {
    if (!Number.isSafeInteger(value)) throw new JuteError(`${value} is not a time in whole milliseconds`);
    to.long(BigInt(value));
  },
  read: (from) => {
    const value = from.long();
    const time = Number(value);
    if (!Number.isSafeInteger(time)) throw new JuteError(`${value} is not a time in milliseconds: it exceeds 2^53`);
    return time;
  },
};

export const bool: JuteType<boolean> = {
  minBytes: 1,
  write: (to, value) => to.bool(value),
  read: (from) => from.bool(),
};

/** Read as a slice of the frame. */
export const buffer: JuteType<Buffer | null> = {
  minBytes: 4,
  write: (to, value) => to.buffer(value),
  read: (from) => from.buffer(),
};

export const ustring: JuteType<string> = {
  minBytes: 4,
  write: (to, value) => to.ustring(value),
  read: (from) => from.ustring(),
};

/** A null vector is read as an empty one. */
export function vector<T>(element: JuteType<T>): JuteType<readonly T[]> {
  return {
    minBytes: 4,
    write(to, values) {
      to.int(values.length);
      for (const value of values) element.write(to, value);
    },
    read(from) {
      const count = from.count(element.minBytes);
      const values: T[] = [];
      for (let i = 0; i < count; i++) values.push(element.read(from));
      return values;
    },
  };
}

type Fields = Readonly<Record<string, JuteType<unknown>>>;

/** A record: its fields in the order given. */
export function record<F extends Fields>(fields: F): JuteType<{ readonly [K in keyof F]: JuteValue<F[K]> }> {
  const entries = Object.entries(fields);
  return {
    minBytes: entries.reduce((sum, [, type]) => sum + type.minBytes, 0),
    write(to, value) {
      const values: Readonly<Record<string, unknown>> = value;
      for (const [name, type] of entries) type.write(to, values[name]);
    },
    read(from) {
      const values: Record<string, unknown> = {};
      for (const [name, type] of entries) values[name] = type.read(from);
      return values as { readonly [K in keyof F]: JuteValue<F[K]> };
    },
  };
}

/** The record as bytes, without a frame's length. */
export function encodeRecord<T>(type: JuteType<T>, value: T): Buffer {
  const to = new JuteWriter();
  type.write(to, value);
  return to.record();
}

export function decodeRecord<T>(type: JuteType<T>, bytes: Buffer, offset = 0): T {
  return type.read(new JuteReader(bytes, offset));
}
