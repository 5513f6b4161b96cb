import { expect, test } from 'vitest';
import { ErrorCode, errorName, KafkaError } from '../../../broker/src/protocol/errors';

test('codes have names, and an error carries its code', () => {
  expect(errorName(ErrorCode.NOT_LEADER_OR_FOLLOWER)).toBe('NOT_LEADER_OR_FOLLOWER');
  expect(errorName(ErrorCode.UNKNOWN_SERVER_ERROR)).toBe('UNKNOWN_SERVER_ERROR');
  expect(errorName(12345)).toBe('UNKNOWN_12345');
  const codes = Object.values(ErrorCode);
  expect(new Set(codes).size).toBe(codes.length);
  expect([Math.min(...codes), Math.max(...codes)]).toEqual([-1, 127]);
  const error = new KafkaError(ErrorCode.INVALID_REPLICATION_FACTOR, '5 replicas, 3 brokers');
  expect([error.code, error.message, new KafkaError(ErrorCode.NONE).message]).toEqual([
    38,
    '5 replicas, 3 brokers',
    'NONE',
  ]);
});
