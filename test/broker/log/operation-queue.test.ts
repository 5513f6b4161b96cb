import { expect, it } from 'vitest';
import { OperationQueue } from '../../../broker/src/log/operation-queue';

it('Operations run in order, and can be taken back, in a queue that never runs empty', async () => {
  const queue = new OperationQueue();
  const ran: number[] = [];
  const expected: number[] = [];
  let pushed = 0;
  const push = (): Promise<void> => {
    const number = pushed++;
    const isTakenBack = number % 7 === 3;
    if (!isTakenBack) expected.push(number);
    const done = Promise.withResolvers<void>();
    const takeBack = queue.push(async () => {
      await Promise.resolve();
      ran.push(number);
      done.resolve();
    }, 10);
    if (!isTakenBack) return done.promise;
    expect(takeBack()).toBe(true);
    return Promise.resolve();
  };
  // Each of them pushes again as soon as it is answered.
  const loop = async (): Promise<void> => {
    while (pushed < 10_000) await push();
  };
  await Promise.all([loop(), loop(), loop(), loop()]);
  expect(ran).toEqual(expected);
  expect([queue.idle, queue.waitingBytes]).toEqual([true, 0]);
});
