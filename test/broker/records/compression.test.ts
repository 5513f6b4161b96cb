import fc from 'fast-check';
import { compressFrameSync } from 'lz4-napi';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { compressSync as rawSnappy } from 'snappy';
import { describe, expect, it } from 'vitest';
import { compress, decompress } from '../../../broker/src/records/compression';
import { CompressionType, compressionByName, compressionName } from '../../../broker/src/records/compression-type';
import { DecompressionError } from '../../../broker/src/records/decompression-error';
import { xxhash32 } from '../../../broker/src/records/xxhash32';

const codecs = [CompressionType.GZIP, CompressionType.SNAPPY, CompressionType.LZ4, CompressionType.ZSTD];
const named = codecs.map((codec) => [compressionName(codec), codec] as const);

function failure(run: () => unknown): DecompressionError {
  try {
    run();
  } catch (error) {
    if (error instanceof DecompressionError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** Compressible and not, smaller and larger than any codec's block. */
const contents = fc
  .tuple(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.integer({ min: 1, max: 1000 }))
  .map(([unit, times]) => Buffer.concat(Array<Uint8Array>(times).fill(unit)));

describe.each(named)('%s', (_name, codec) => {
  it('gives back what it packed', () => {
    fc.assert(
      fc.property(contents, (bytes) => {
        expect(decompress(codec, compress(codec, bytes)).equals(bytes)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it('packs nothing', () => {
    expect(decompress(codec, compress(codec, Buffer.alloc(0)))).toHaveLength(0);
  });

  it('packs what does not compress', () => {
    const noise = Buffer.alloc(200_000);
    for (let i = 0, state = 1; i < noise.length; i++) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      noise[i] = state >>> 16;
    }
    expect(decompress(codec, compress(codec, noise)).equals(noise)).toBe(true);
  });

  it('unpacks to the limit and no byte more', () => {
    const packed = compress(codec, Buffer.alloc(300_000));
    expect(decompress(codec, packed, 300_000)).toHaveLength(300_000);
    const error = failure(() => decompress(codec, packed, 299_999));
    expect(error.tooLarge).toBe(true);
    expect(error.message).toContain('299999');
  });

  it('refuses what is cut short', () => {
    const packed = compress(codec, Buffer.from('a quick brown fox, a quick brown dog, a quick brown cat'));
    for (let length = 0; length < packed.length; length++) {
      const part = packed.subarray(0, length);
      // Without its blocks, a snappy stream is a whole one, of nothing.
      if (codec === CompressionType.SNAPPY && length === 16) continue;
      expect(failure(() => decompress(codec, part)).tooLarge).toBe(false);
    }
  });

  it('answers any bytes with output or a DecompressionError', () => {
    const packed = compress(codec, Buffer.alloc(5000, 'pattern'));
    fc.assert(
      fc.property(fc.nat(packed.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = Buffer.from(packed);
        damaged[at] ^= flip;
        try {
          expect(decompress(codec, damaged, 100_000).length).toBeLessThanOrEqual(100_000);
        } catch (error) {
          expect(error).toBeInstanceOf(DecompressionError);
        }
      }),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          decompress(codec, Buffer.from(bytes), 100_000);
        } catch (error) {
          expect(error).toBeInstanceOf(DecompressionError);
        }
      }),
    );
  });
});

it('bounds a bomb before it is unpacked', () => {
  const packed = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024));
  expect(packed.length).toBeLessThan(10_000);
  const before = process.memoryUsage().arrayBuffers;
  expect(failure(() => decompress(CompressionType.ZSTD, packed, 1_000_000)).tooLarge).toBe(true);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
});

it('takes a compression level', () => {
  const bytes = Buffer.from(Array.from({ length: 20_000 }, (_, i) => `${(i * 7919) % 1013},`).join(''));
  for (const [codec, low, high] of [
    [CompressionType.GZIP, 1, 9],
    [CompressionType.ZSTD, -50, 19],
  ] as const) {
    const fast = compress(codec, bytes, { level: low });
    const small = compress(codec, bytes, { level: high });
    expect(small.length).toBeLessThan(fast.length);
    expect(decompress(codec, small).equals(bytes)).toBe(true);
    expect(decompress(codec, fast).equals(bytes)).toBe(true);
  }
});

it('goes on with the next member or frame', () => {
  const parts = ['one ', 'two ', 'three'].map((part) => Buffer.from(part));
  const all = 'one two three';
  const joined = (pack: (bytes: Buffer) => Buffer) => Buffer.concat(parts.map(pack));
  expect(
    decompress(
      CompressionType.GZIP,
      joined((part) => gzipSync(part)),
    ).toString(),
  ).toBe(all);
  expect(
    decompress(
      CompressionType.ZSTD,
      joined((part) => zstdCompressSync(part)),
    ).toString(),
  ).toBe(all);
  expect(
    decompress(
      CompressionType.SNAPPY,
      joined((part) => compress(CompressionType.SNAPPY, part)),
    ).toString(),
  ).toBe(all);
});

it('bounds the number of zstd frames', () => {
  const frames = Buffer.concat(Array<Buffer>(2000).fill(zstdCompressSync(Buffer.alloc(0))));
  expect(failure(() => decompress(CompressionType.ZSTD, frames)).message).toContain('frames');
});

describe('snappy', () => {
  it('reads a raw block without framing, as librdkafka sends it', () => {
    const bytes = Buffer.alloc(100_000, 'unframed');
    expect(decompress(CompressionType.SNAPPY, rawSnappy(bytes)).equals(bytes)).toBe(true);
  });

  it('does not believe a block that claims more than snappy can hold', () => {
    const lie = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0]);
    const error = failure(() => decompress(CompressionType.SNAPPY, lie, 2 ** 33));
    expect(error.message).toContain('claim');
  });

  it("starts with snappy-java's stream header", () => {
    const packed = compress(CompressionType.SNAPPY, Buffer.from('x'));
    expect(packed.subarray(0, 16).toString('hex')).toBe('82534e41505059000000000100000001');
  });
});

describe('lz4', () => {
  it('writes the frame header that Kafka writes', () => {
    expect(compress(CompressionType.LZ4, Buffer.from('x')).subarray(0, 7).toString('hex')).toBe('04224d18604082');
  });

  it('computes the header checksum of format 0 over the magic too, and does not check it there', () => {
    const packed = compress(CompressionType.LZ4, Buffer.from('old'), { magic: 0 });
    expect(packed[6]).toBe((xxhash32(packed, 0, 6) >>> 8) & 0xff);
    expect(decompress(CompressionType.LZ4, packed, 100, 0).toString()).toBe('old');
    expect(failure(() => decompress(CompressionType.LZ4, packed, 100, 1)).message).toContain('checksum');
    expect(decompress(CompressionType.LZ4, compress(CompressionType.LZ4, Buffer.from('new')), 100, 0).toString()).toBe(
      'new',
    );
  });

  it('reads frames of other writers: larger blocks, checksums of blocks and content', () => {
    const bytes = Buffer.alloc(700_000, 'another writer ');
    for (const options of [{}, { blockChecksums: true }, { contentChecksum: true, blockChecksums: true }]) {
      expect(decompress(CompressionType.LZ4, compressFrameSync(bytes, options)).equals(bytes)).toBe(true);
    }
    const damaged = compressFrameSync(Buffer.alloc(1000, 'x'), { blockChecksums: true });
    damaged[damaged.length - 5] ^= 1;
    expect(failure(() => decompress(CompressionType.LZ4, damaged)).message).toContain('checksum of a block');
  });

  it('refuses blocks that depend on each other, other versions and reserved bits', () => {
    const good = compress(CompressionType.LZ4, Buffer.from('x'));
    for (const [at, value, message] of [
      [4, 0x40, 'depend'],
      [4, 0xa0, 'version 2'],
      [4, 0x61, 'reserved'],
      [5, 0x30, 'block size 3'],
      [5, 0xc0, 'block size 12'],
      [0, 0, 'not an LZ4 frame'],
    ] as const) {
      const bad = Buffer.from(good);
      bad[at] = value;
      expect(failure(() => decompress(CompressionType.LZ4, bad)).message).toContain(message);
    }
  });
});

it('hashes as XXH32 does', () => {
  expect(xxhash32(Buffer.alloc(0), 0, 0)).toBe(0x02cc5d05);
  expect(xxhash32(Buffer.from('a'), 0, 1)).toBe(0x550d7456);
  expect(xxhash32(Buffer.from('abc'), 0, 3)).toBe(0x32d153ff);
  const sentence = Buffer.from('Nobody inspects the spammish repetition');
  expect(xxhash32(sentence, 0, sentence.length)).toBe(0xe2293b2f);
});

it('knows codecs by name and number', () => {
  for (const [name, codec] of named) expect(compressionByName(name)).toBe(codec);
  expect(compressionByName('producer')).toBeUndefined();
});
