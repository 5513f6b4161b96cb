import { expect, it } from 'vitest';
import { javaStringHash, partitionForKey } from '../../../broker/src/protocol/java-string-hash';

// The numbers are what java.lang.String.hashCode gives.
it.each([
  ['', 0],
  ['group', 98629247],
  ['analytics', -1693017210],
  ['polygenelubricants', -2147483648],
  ['grüße', 98768023],
  ['𝄞', 1772394],
])('hashes %j as Java does', (text, hash) => {
  expect(javaStringHash(text)).toBe(hash);
});

it('puts a key whose hash has no absolute value into partition 0', () => {
  expect(partitionForKey('polygenelubricants', 50)).toBe(0);
  expect(partitionForKey('analytics', 50)).toBe(10);
});
