import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nodeIo } from '../../../broker/src/io/node';
import { BufferPool } from '../../../broker/src/network/buffer-pool';
import { type Frame, FrameAssembler, InvalidReceiveError } from '../../../broker/src/network/frame-assembler';
import { RequestMemory } from '../../../broker/src/network/request-memory';

function assembler(largest = 100_000_000) {
  const pool = new BufferPool(1024 * 1024);
  const memory = new RequestMemory(nodeIo().clock, -1);
  return { pool, memory, frames: new FrameAssembler({ pool, memory, largest, limitName: 'the limit' }) };
}

function framed(body: Buffer): Buffer {
  const prefix = Buffer.alloc(4);
  prefix.writeInt32BE(body.length);
  return Buffer.concat([prefix, body]);
}

/** Bodies that start as a Produce or as something else, short and long. */
const bodies = fc.array(
  fc
    .tuple(fc.constantFrom(0, 1, 18), fc.oneof(fc.nat(40), fc.nat(20_000)), fc.nat(255))
    .map(([apiKey, length, fill]) => {
      const body = Buffer.alloc(length, fill);
      if (length >= 2) body.writeInt16BE(apiKey);
      return body;
    }),
  { maxLength: 12 },
);

test('frames come out as they were put in, however they are cut', () => {
  fc.assert(
    fc.property(
      bodies,
      fc.infiniteStream(fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 9000 }))),
      (sent, cuts) => {
        const { pool, memory, frames } = assembler();
        const stream = Buffer.concat(sent.map(framed));
        const received: Frame[] = [];
        for (let start = 0; start < stream.length;) {
          const piece = Buffer.from(stream.subarray(start, start + (cuts.next().value as number)));
          start += piece.length;
          for (let offset = 0; offset < piece.length;) {
            offset = frames.feed(piece, offset);
            if (frames.complete) received.push(frames.take());
          }
          piece.fill(0xee);
        }
        expect(received.map(({ body }) => body)).toEqual(sent);
        expect(frames.partial).toBe(false);
        for (const { backing, memory: taken } of received) {
          if (backing !== undefined) pool.release(backing);
          memory.give(taken);
        }
        expect(pool.usedBytes).toBe(0);
        expect(memory.usedBytes).toBe(0);
      },
    ),
  );
});

describe('memory', () => {
  test.each([
    ['Produce', 0],
    ['Fetch', 1],
  ])('of a %s that claims 90 MB follows what arrives', (_name, apiKey) => {
    const { pool, memory, frames } = assembler();
    const head = Buffer.alloc(6);
    head.writeInt32BE(90_000_000);
    head.writeInt16BE(apiKey, 4);
    frames.feed(head.subarray(0, 4), 0);
    expect(memory.usedBytes).toBe(0);
    frames.feed(head.subarray(4), 0);
    expect(memory.usedBytes).toBe(4096);
    let arrived = 2;
    const piece = Buffer.alloc(50_000);
    while (arrived < 20_000_000) {
      frames.feed(piece, 0);
      arrived += piece.length;
      // Pooled buffers are powers of two.
      const rounding = apiKey === 0 ? 2 : 1;
      const most = rounding * Math.max(Math.min(32 * arrived, 2 ** 21), 2 * arrived);
      expect(memory.usedBytes).toBeLessThanOrEqual(Math.max(4096, most));
    }
    frames.abandon();
    expect(memory.usedBytes).toBe(0);
    expect(pool.usedBytes).toBe(0);
    expect(frames.partial).toBe(false);
  });

  test('of a megabyte that comes in usual pieces is taken once', () => {
    const { memory, frames } = assembler();
    const stream = framed(Buffer.alloc(1_000_000));
    const sizes = new Set<number>();
    for (let start = 0; start < stream.length; start += 65536) {
      frames.feed(stream.subarray(start, start + 65536), 0);
      sizes.add(memory.usedBytes);
    }
    expect([...sizes]).toEqual([2 ** 20]);
  });

  test('of a pooled frame is used again', () => {
    const { pool, frames } = assembler();
    const stream = framed(Buffer.alloc(100_000));
    frames.feed(stream, 0);
    const { backing } = frames.take();
    pool.release(backing as Buffer);
    frames.feed(stream, 0);
    expect(frames.take().backing).toBe(backing);
  });
});

test('the pool keeps no more than it may, and nothing too large', () => {
  const pool = new BufferPool(10_000);
  const buffers = [4096, 4096, 4096, 3_000_000].map((length) => pool.acquire(length));
  expect(pool.usedBytes).toBe(3 * 4096 + 3_000_000);
  buffers.forEach((buffer) => pool.release(buffer));
  expect(pool.usedBytes).toBe(0);
  expect(pool.freeBytes).toBe(2 * 4096);
  expect([pool.acquire(1), pool.acquire(4096)].map(({ length }) => length)).toEqual([4096, 4096]);
  expect(pool.freeBytes).toBe(0);
});

describe('a length prefix', () => {
  test.each([-1, -2147483648, 101, 2147483647])('of %i is refused, whole or byte by byte', (size) => {
    const prefix = Buffer.alloc(8);
    prefix.writeInt32BE(size);
    const reason =
      size < 0
        ? `a frame of ${size} bytes; accepted is 0 to the limit=100`
        : `a frame of ${size} bytes is larger than the limit=100`;
    expect(() => assembler(100).frames.feed(prefix, 0)).toThrow(new InvalidReceiveError(reason));
    const { memory, frames } = assembler(100);
    for (let index = 0; index < 3; index++) frames.feed(prefix.subarray(index, index + 1), 0);
    expect(() => frames.feed(prefix.subarray(3, 4), 0)).toThrow(new InvalidReceiveError(reason));
    expect(memory.usedBytes).toBe(0);
  });

  test.each([0, 1, 2, 100])('of %i is accepted', (size) => {
    const { frames } = assembler(100);
    frames.feed(framed(Buffer.alloc(size, 1)), 0);
    expect(frames.take().body).toEqual(Buffer.alloc(size, 1));
  });
});
