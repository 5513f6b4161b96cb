import { describe, expect, it } from 'vitest';
import { ReplicationQuota, throttledPartitions } from '../../../broker/src/replication/replication-quota';
import { ManualClock } from '../log/support';

describe('A replication quota', () => {
  it('is exceeded while the bytes of its windows are more than the rate', () => {
    const clock = new ManualClock();
    const quota = new ReplicationQuota(clock, { samples: 3, windowMs: 1000 });
    quota.record(1e9);
    expect(quota.isQuotaExceeded()).toBe(false);
    clock.advance(10_000);
    quota.bytesPerSecond = 100;
    expect(quota.isQuotaExceeded()).toBe(false);
    quota.record(100);
    expect(quota.isQuotaExceeded()).toBe(false);
    quota.record(1);
    expect(quota.isQuotaExceeded()).toBe(true);
    clock.advance(1020);
    expect(quota.isQuotaExceeded()).toBe(false);
    quota.record(400);
    expect(quota.isQuotaExceeded()).toBe(true);
    clock.advance(1500);
    expect(quota.isQuotaExceeded()).toBe(true);
    clock.advance(2500);
    expect(quota.isQuotaExceeded()).toBe(false);
  });

  it('throttles the partitions that were named last', () => {
    const quota = new ReplicationQuota(new ManualClock(), { samples: 11, windowMs: 1000 });
    const throttled = (topic: string) => [0, 1, 2].filter((partition) => quota.isThrottled({ topic, partition }));
    quota.markThrottled('a', [0, 2]);
    quota.markThrottled('b', 'all');
    expect([throttled('a'), throttled('b'), throttled('c')]).toEqual([[0, 2], [0, 1, 2], []]);
    quota.markThrottled('a', [1]);
    quota.removeThrottle('b');
    expect([throttled('a'), throttled('b')]).toEqual([[1], []]);
  });
});

describe('Throttled replicas of a topic', () => {
  it('are those of this broker', () => {
    expect(throttledPartitions(['0:1', '1:2', ' 2:1 '], 1)).toEqual([0, 2]);
    expect(throttledPartitions(['*'], 1)).toBe('all');
    expect(throttledPartitions(['none'], 1)).toEqual([]);
    expect(throttledPartitions([], 1)).toEqual([]);
  });
});
