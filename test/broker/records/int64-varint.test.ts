import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readInt64, writeInt64 } from '../../../broker/src/records/int64';
import {
  VarintReader,
  sizeOfVarint,
  sizeOfVarlong,
  writeVarint,
  writeVarlong,
} from '../../../broker/src/records/varint';

const safe = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer(),
  fc.constantFrom(
    0,
    -1,
    1,
    2 ** 32,
    -(2 ** 32),
    2 ** 52,
    -(2 ** 52),
    Number.MAX_SAFE_INTEGER,
    -Number.MAX_SAFE_INTEGER,
  ),
);

it('writes int64 as BigInt does', () => {
  fc.assert(
    fc.property(safe, (value) => {
      const bytes = Buffer.alloc(10);
      writeInt64(bytes, value, 1);
      expect(bytes.readBigInt64BE(1)).toBe(BigInt(value));
      expect(readInt64(bytes, 1)).toBe(value);
    }),
  );
});

it('rounds int64 beyond 2^53 and clamps at its ends', () => {
  fc.assert(
    fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), (value) => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64BE(value);
      expect(Math.abs(readInt64(bytes, 0) - Number(value))).toBeLessThanOrEqual(2 ** 11);
      writeInt64(bytes, Number(value), 0);
      expect(Number(bytes.readBigInt64BE(0))).toBe(Number(value));
    }),
  );
  const bytes = Buffer.alloc(8);
  writeInt64(bytes, 2 ** 63, 0);
  expect(bytes.readBigInt64BE(0)).toBe(2n ** 63n - 1n);
  writeInt64(bytes, -(2 ** 70), 0);
  expect(bytes.readBigInt64BE(0)).toBe(-(2n ** 63n));
});

/** Zigzag and groups of seven bits, by the book. */
function reference(value: bigint): Buffer {
  const bytes: number[] = [];
  let raw = value >= 0n ? value * 2n : -value * 2n - 1n;
  for (; raw > 127n; raw >>= 7n) bytes.push(Number(raw & 127n) | 128);
  bytes.push(Number(raw));
  return Buffer.from(bytes);
}

it('writes and reads varints', () => {
  fc.assert(
    fc.property(fc.oneof(fc.integer(), fc.integer({ min: -70, max: 70 })), (value) => {
      const bytes = Buffer.alloc(7);
      const end = writeVarint(bytes, value, 1);
      expect(bytes.subarray(1, end)).toEqual(reference(BigInt(value)));
      expect(end - 1).toBe(sizeOfVarint(value));
      const reader = new VarintReader(bytes, 1, end);
      expect([reader.varint(), reader.at, reader.failed]).toEqual([value, end, false]);
    }),
  );
});

it('writes and reads varlongs', () => {
  fc.assert(
    fc.property(safe, (value) => {
      const bytes = Buffer.alloc(12);
      const end = writeVarlong(bytes, value, 1);
      expect(bytes.subarray(1, end)).toEqual(reference(BigInt(value)));
      expect(end - 1).toBe(sizeOfVarlong(value));
      const reader = new VarintReader(bytes, 1, end);
      expect([reader.varlong(), reader.at, reader.failed]).toEqual([value, end, false]);
    }),
  );
});

it('reads any int64 as a varlong, rounded beyond 2^53', () => {
  fc.assert(
    fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), (value) => {
      const bytes = reference(value);
      const read = new VarintReader(bytes, 0, bytes.length).varlong();
      expect(Math.abs(read - Number(value))).toBeLessThanOrEqual(2 ** 11);
    }),
  );
});

it('fails for a varint that is cut short or too long', () => {
  const cut = new VarintReader(Buffer.from([0x80, 0x80, 0x01]), 0, 2);
  expect([cut.varint(), cut.failed]).toEqual([0, true]);
  const long = new VarintReader(Buffer.alloc(12, 0x80), 0, 12);
  expect([long.varint(), long.failed]).toEqual([0, true]);
  const longest = new VarintReader(Buffer.alloc(12, 0x80), 0, 12);
  expect([longest.varlong(), longest.failed]).toEqual([0, true]);
});
