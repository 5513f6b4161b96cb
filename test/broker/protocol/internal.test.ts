import { describe, expect, test } from 'vitest';
import { ProtocolError } from '../../../broker/src/protocol/errors';
import { ConsumerProtocolSubscription } from '../../../broker/src/protocol/internal/consumer-protocol';
import { GroupMetadataKey, GroupMetadataValue } from '../../../broker/src/protocol/internal/group-metadata';
import { OffsetCommitKey, OffsetCommitValue } from '../../../broker/src/protocol/internal/offset-commit';
import { TransactionLogKey, TransactionLogValue } from '../../../broker/src/protocol/internal/transaction-log';
import { decodeVersioned, encodeVersioned, versionOf } from '../../../broker/src/protocol/internal/versioned-record';

describe('records of the internal topics', () => {
  test('a committed offset', () => {
    const key = encodeVersioned(OffsetCommitKey, 1, { group: 'g', topic: 't', partition: 3 });
    expect(key.toString('hex')).toBe('0001' + '000167' + '000174' + '00000003');
    expect(decodeVersioned(OffsetCommitKey, key)).toEqual({ group: 'g', topic: 't', partition: 3 });
    const value = encodeVersioned(OffsetCommitValue, 3, {
      offset: 5,
      leaderEpoch: 2,
      metadata: '',
      commitTimestamp: 9n,
    });
    expect(value.toString('hex')).toBe('0003' + '0000000000000005' + '00000002' + '0000' + '0000000000000009');
    expect(decodeVersioned(OffsetCommitValue, value)).toEqual({
      offset: 5,
      leaderEpoch: 2,
      metadata: '',
      commitTimestamp: 9n,
      expireTimestamp: -1n,
    });
  });

  test('a group', () => {
    const key = encodeVersioned(GroupMetadataKey, 2, { group: 'g' });
    expect(versionOf(key)).toBe(2);
    const group = {
      protocolType: 'consumer',
      generation: 4,
      protocol: 'range',
      leader: 'm',
      currentStateTimestamp: 1_700_000_000_000,
      members: [
        {
          memberId: 'm',
          groupInstanceId: null,
          clientId: 'c',
          clientHost: '/127.0.0.1',
          rebalanceTimeout: 300_000,
          sessionTimeout: 45_000,
          subscription: encodeVersioned(ConsumerProtocolSubscription, 1, { topics: ['t'], userData: null }),
          assignment: Buffer.alloc(0),
        },
      ],
    };
    const decoded = decodeVersioned(GroupMetadataValue, encodeVersioned(GroupMetadataValue, 3, group));
    expect(decoded).toEqual(group);
    expect(decodeVersioned(ConsumerProtocolSubscription, decoded.members[0].subscription).topics).toEqual(['t']);
  });

  test('a transaction', () => {
    const value = {
      producerId: 4000,
      producerEpoch: 1,
      transactionTimeoutMs: 60_000,
      transactionStatus: 1,
      transactionPartitions: [{ topic: 't', partitionIds: [0, 1] }],
      transactionLastUpdateTimestampMs: 1_700_000_000_000,
      transactionStartTimestampMs: 1_700_000_000_001,
    };
    expect(decodeVersioned(TransactionLogValue, encodeVersioned(TransactionLogValue, 0, value))).toEqual(value);
    const key = encodeVersioned(TransactionLogKey, 0, { transactionalId: 'id' });
    expect(key.toString('hex')).toBe('000000026964');
  });

  test('a version that we do not know, and bytes without one, are refused', () => {
    expect(() => decodeVersioned(OffsetCommitKey, Buffer.from('0002000167', 'hex'))).toThrow(
      'OffsetCommitKey: no version 2, versions are 0 to 1',
    );
    expect(() => versionOf(Buffer.alloc(1))).toThrow(ProtocolError);
  });
});
