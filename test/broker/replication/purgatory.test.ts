import { beforeEach, describe, expect, it } from 'vitest';
import { DelayedOperation, Purgatory } from '../../../broker/src/replication/purgatory';
import { ManualClock } from '../log/support';

class Operation extends DelayedOperation {
  isTrue = false;
  completions = 0;
  expirations = 0;
  isGone = false;

  override get isAbandoned(): boolean {
    return this.isGone;
  }

  override tryComplete(): boolean {
    return this.isTrue && this.complete();
  }

  protected override onComplete(): void {
    this.completions++;
  }

  protected override onExpiration(): void {
    this.expirations++;
  }
}

describe('The purgatory', () => {
  let clock: ManualClock;
  let purgatory: Purgatory<string>;

  beforeEach(() => {
    clock = new ManualClock();
    purgatory = new Purgatory(clock);
  });

  const expectEmpty = () => expect([purgatory.size, purgatory.watchedKeys]).toEqual([0, 0]);

  it('keeps nothing of what is complete at once', () => {
    const operation = new Operation(100);
    operation.isTrue = true;
    expect(purgatory.tryCompleteElseWatch(operation, ['a', 'b'])).toBe(true);
    expect(operation.completions).toBe(1);
    expectEmpty();
  });

  it('completes once, whichever of its keys is told first, and leaves them all', () => {
    const operation = new Operation(100);
    expect(purgatory.tryCompleteElseWatch(operation, ['a', 'b', 'a'])).toBe(false);
    expect([purgatory.size, purgatory.watchedKeys]).toEqual([1, 2]);
    expect(purgatory.checkAndComplete('a')).toBe(0);
    operation.isTrue = true;
    expect(purgatory.checkAndComplete('b')).toBe(1);
    expect(purgatory.checkAndComplete('a')).toBe(0);
    clock.advance(1000);
    expect([operation.completions, operation.expirations]).toEqual([1, 0]);
    expectEmpty();
  });

  it('expires what waits too long', () => {
    const operation = new Operation(100);
    purgatory.tryCompleteElseWatch(operation, ['a']);
    clock.advance(99);
    expect(operation.completions).toBe(0);
    clock.advance(1);
    expect([operation.completions, operation.expirations]).toEqual([1, 1]);
    expectEmpty();
  });

  it('lets go of what nobody wants any more, long before its time', () => {
    const [wanted, abandoned] = [new Operation(2 ** 31 - 1), new Operation(2 ** 31 - 1)];
    for (const operation of [wanted, abandoned]) purgatory.tryCompleteElseWatch(operation, ['a']);
    abandoned.isGone = true;
    clock.advance(10_000);
    expect([wanted.completions, abandoned.completions, purgatory.size]).toEqual([0, 1, 1]);
  });

  it('completes everything at the end', () => {
    const operations = Array.from({ length: 10 }, () => new Operation(1e9));
    operations.forEach((operation, i) => purgatory.tryCompleteElseWatch(operation, ['all', `${i}`]));
    purgatory.expireAll();
    expect(operations.map(({ completions }) => completions)).toEqual(operations.map(() => 1));
    expectEmpty();
  });
});
