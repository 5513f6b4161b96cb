import { expect, it } from 'vitest';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import { ProducerIdManager } from '../../../broker/src/server/producer-id-manager';
import { ManualClock } from '../log/support';

it('Producer ids come from one block after the other, to all who wait at once', async () => {
  let blocks = 0;
  const ids = new ProducerIdManager(new ManualClock(), () =>
    Promise.resolve({ firstProducerId: 1000 * blocks++, length: 2 }),
  );
  expect(await Promise.all([ids.next(), ids.next(), ids.next(), ids.next()])).toEqual([0, 1, 1000, 1001]);
  expect(blocks).toBe(2);
});

it('A block that does not come is waited for, but not by producers: they are told to try again', async () => {
  const clock = new ManualClock();
  const block = Promise.withResolvers<{ firstProducerId: number; length: number }>();
  let asked = 0;
  const ids = new ProducerIdManager(clock, () => {
    asked++;
    return block.promise;
  });
  for (let tries = 0; tries < 2; tries++) {
    const next = ids.next();
    const failed = expect(next).rejects.toMatchObject({ code: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS });
    clock.advance(2000);
    await failed;
  }
  const next = ids.next();
  block.resolve({ firstProducerId: 7, length: 1 });
  expect(await next).toBe(7);
  expect(asked).toBe(1);
});

it('A block that cannot be had is an error, and asked for again', async () => {
  const answers = [Promise.reject(new Error('no')), Promise.resolve({ firstProducerId: 3, length: 1 })];
  const ids = new ProducerIdManager(new ManualClock(), () => answers.shift()!);
  await expect(ids.next()).rejects.toThrow('no');
  expect(await ids.next()).toBe(3);
});
