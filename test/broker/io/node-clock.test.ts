import { afterEach, describe, expect, test, vi } from 'vitest';
import { sleep } from '../../../broker/src/io/clock';
import { NodeClock } from '../../../broker/src/io/node/clock';
import { NodeRandom } from '../../../broker/src/io/node/random';

const clock = new NodeClock();
afterEach(() => {
  vi.useRealTimers();
});

describe('a timer', () => {
  test('never fires early', async () => {
    for (const delayMs of [0, 0.1, 1, 1.5, 2, 3.9, 7, 12]) {
      const start = clock.monotonicMs();
      await sleep(clock, delayMs);
      expect(clock.monotonicMs() - start).toBeGreaterThanOrEqual(delayMs);
    }
  });

  test('of no time or less fires on a later turn', async () => {
    let fired = false;
    await new Promise<void>((resolve) => {
      clock.timer(-5, () => {
        fired = true;
        resolve();
      });
      expect(fired).toBe(false);
    });
  });

  test('that is cancelled never fires, also when it is cancelled again and after it fired', async () => {
    let fired = 0;
    const cancelled = clock.timer(1, () => fired++);
    cancelled.cancel();
    cancelled.cancel();
    await sleep(clock, 5);
    expect(fired).toBe(0);
    const timer = clock.timer(0, () => fired++);
    await sleep(clock, 5);
    timer.cancel();
    expect(fired).toBe(1);
  });

  test('may be longer than Node can', () => {
    vi.useFakeTimers();
    const days = 40 * 24 * 3600 * 1000;
    let fired = 0;
    clock.timer(days, () => fired++);
    const cancelled = clock.timer(days, () => fired++);
    vi.advanceTimersByTime(days - 1);
    expect(fired).toBe(0);
    cancelled.cancel();
    vi.advanceTimersByTime(2);
    expect(fired).toBe(1);
    clock.timer(Infinity, () => fired++).cancel();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('of NaN is an error', () => {
    expect(() => clock.timer(NaN, () => {})).toThrow(RangeError);
  });
});

test('defer runs after pending input and output', async () => {
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    clock.defer(() => {
      order.push('deferred');
      resolve();
    });
    queueMicrotask(() => order.push('microtask'));
    order.push('now');
  });
  expect(order).toEqual(['now', 'microtask', 'deferred']);
});

test('random numbers are below their bound, and all of them come up', () => {
  const random = new NodeRandom();
  const seen = new Set<number>();
  for (let round = 0; round < 1000; round++) {
    seen.add(random.below(4));
    expect(random.below(2 ** 48)).toBeLessThan(2 ** 48);
  }
  expect([...seen].sort()).toEqual([0, 1, 2, 3]);
  expect(random.below(1)).toBe(0);
  expect(random.bytes(16).length).toBe(16);
  expect(random.bytes(16).equals(random.bytes(16))).toBe(false);
});
