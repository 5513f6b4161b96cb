import { expect, test } from 'vitest';
import { readUuid, writeUuid, zeroUuid } from '../../../broker/src/protocol/uuid';
import { seeded } from './values';

test('the text of a uuid is its bytes in base64url', () => {
  const choices = seeded(5);
  for (let i = 0; i < 5000; i++) {
    const bytes = Buffer.from(Array.from({ length: 18 }, () => choices.draw(256)));
    const text = readUuid(bytes, 1);
    expect(text).toBe(bytes.subarray(1, 17).toString('base64url'));
    expect(readUuid(bytes, 1)).toBe(text);
    const written = Buffer.alloc(18);
    writeUuid(written, 1, text, 'Some.id');
    expect(written.subarray(1, 17).equals(bytes.subarray(1, 17))).toBe(true);
    expect([written[0], written[17]]).toEqual([0, 0]);
  }
  expect(readUuid(Buffer.alloc(16), 0)).toBe(zeroUuid);
});

test('ids that differ in one word alone are told apart', () => {
  // These two bits of any word fall together in the cache's slot.
  for (const at of [0, 4, 8, 12]) {
    const one = Buffer.alloc(16, 0x55);
    const other = Buffer.from(one);
    other.writeInt32BE(one.readInt32BE(at) ^ ((1 << 20) | (1 << 4)), at);
    for (const bytes of [one, other, one]) expect(readUuid(bytes, 0)).toBe(bytes.toString('base64url'));
  }
});

test('what is no uuid is refused', () => {
  const buffer = Buffer.alloc(16);
  for (const text of ['', 'A'.repeat(21), 'A'.repeat(23), '!'.repeat(22), 'A'.repeat(21) + 'é', '='.repeat(22)]) {
    expect(() => writeUuid(buffer, 0, text, 'Some.id')).toThrow('Some.id: ');
  }
  expect(() => writeUuid(buffer, 0, undefined as unknown as string, 'Some.id')).toThrow('Some.id: undefined is not');
});
