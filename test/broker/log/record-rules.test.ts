import { expect, it } from 'vitest';
import { defaultLogConfig } from '../../../broker/src/log/log-config';
import { recordRulesOf } from '../../../broker/src/log/record-rules-of';

it('bounds what a batch may unpack to by the size that the topic takes', () => {
  const limit = (maxMessageBytes: number) =>
    recordRulesOf({ ...defaultLogConfig, maxMessageBytes }).maxDecompressedBytes;
  expect(limit(1000)).toBe(16 * 1024 * 1024);
  expect(limit(2 * 1024 * 1024)).toBe(32 * 1024 * 1024);
  expect(limit(1024 * 1024 * 1024)).toBe(128 * 1024 * 1024);
});
