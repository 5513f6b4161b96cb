import { expect, test } from 'vitest';
import { limitedLogger } from '../../../broker/src/logging/limited-logger';
import type { Logger } from '../../../broker/src/logging/logger';

test('lines over the limit are left out, and counted in the next window', () => {
  const lines: string[] = [];
  const keep = (message: string) => void lines.push(message);
  const logger: Logger = { debug: keep, info: keep, warn: keep, error: keep, child: () => logger };
  let now = 5;
  const log = limitedLogger(logger, { lines: 3, windowMs: 1000, monotonicMs: () => now });
  for (let index = 0; index < 2; index++) log.info(`a${index}`);
  for (let index = 0; index < 3; index++) log.child('x').warn(`b${index}`);
  log.debug('d');
  now = 1004;
  log.error('c');
  expect(lines).toEqual(['a0', 'a1', 'b0', 'd']);
  now = 1005;
  log.error('c');
  now = 9000;
  log.error('e');
  expect(lines.slice(4)).toEqual(['3 lines like these were left out: more than 3 in 1000 ms.', 'c', 'e']);
});
