import { describe, expect, it } from 'vitest';
import { AlterOperation, applyAlterOps, ConfigError, topicKeys, type AlterConfigOp } from '../../../broker/src/config';
import type { KeyTable } from '../../../broker/src/config';

const { SET, DELETE, APPEND, SUBTRACT } = AlterOperation;

function applied(
  current: Record<string, string>,
  ...operations: [string, number, string | null][]
): Record<string, string> {
  const ops: AlterConfigOp[] = operations.map(([name, operation, value]) => ({ name, operation, value }));
  const table: KeyTable = topicKeys;
  return Object.fromEntries(applyAlterOps(new Map(Object.entries(current)), ops, (key) => table[key]));
}

describe('applyAlterOps', () => {
  it('sets and deletes, and leaves the rest', () => {
    expect(
      applied({ 'retention.ms': '1', 'segment.ms': '2' }, ['retention.ms', SET, '3'], ['segment.ms', DELETE, null]),
    ).toEqual({
      'retention.ms': '3',
    });
    expect(applied({}, ['retention.ms', DELETE, null])).toEqual({});
  });

  it('appends to a list what is not in it, beginning with the default', () => {
    expect(applied({}, ['cleanup.policy', APPEND, 'compact'])).toEqual({ 'cleanup.policy': 'delete,compact' });
    expect(applied({ 'cleanup.policy': 'compact' }, ['cleanup.policy', APPEND, 'compact,delete'])).toEqual({
      'cleanup.policy': 'compact,delete',
    });
    expect(applied({}, ['leader.replication.throttled.replicas', APPEND, '0:1'])).toEqual({
      'leader.replication.throttled.replicas': '0:1',
    });
  });

  it('takes from a list', () => {
    expect(applied({ 'cleanup.policy': 'compact,delete' }, ['cleanup.policy', SUBTRACT, 'compact,other'])).toEqual({
      'cleanup.policy': 'delete',
    });
    expect(applied({}, ['cleanup.policy', SUBTRACT, 'delete'])).toEqual({ 'cleanup.policy': '' });
  });

  it.each<[[string, number, string | null][], RegExp]>([
    [[['retention.ms', APPEND, '1']], /^retention\.ms: is no list/],
    [[['nothing', SUBTRACT, '1']], /^nothing: is no key of Kafka 3\.9$/],
    [[['retention.ms', 9, '1']], /9 is no operation; accepted is 0 set, 1 delete, 2 append or 3 subtract/],
    [[['retention.ms', SET, null]], /has no value/],
    [
      [
        ['a', SET, '1'],
        ['a', DELETE, null],
      ],
      /a: is there twice/,
    ],
  ])('refuses %j', (operations, message) => {
    expect(() => applied({}, ...operations)).toThrow(ConfigError);
    expect(() => applied({}, ...operations)).toThrow(message);
  });

  it('does not touch what it was given', () => {
    const current = new Map([['retention.ms', '1']]);
    applyAlterOps(current, [{ name: 'retention.ms', operation: SET, value: '2' }], () => undefined);
    expect(current.get('retention.ms')).toBe('1');
  });
});
