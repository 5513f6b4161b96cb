import { describe, expect, test } from 'vitest';
import { createLogger, type LoggerOptions } from '../../../broker/src/logging/pino-logger';

const at = new Date(2026, 0, 2, 3, 4, 5, 6).getTime();

function logger(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const created = createLogger({
    level: 'info',
    format: 'text',
    name: 'KafkaServer',
    wallMs: () => at,
    write: (line) => lines.push(line),
    ...options,
  });
  return { lines, logger: created };
}

describe('as text', () => {
  test('a line has time, level, name, message, and fields if there are any', () => {
    const { lines, logger: log } = logger();
    log.info('Started.');
    log.child('Log').warn('Rolled.', { topic: 'a', offset: 3 });
    log.child('Log').child('LogCleaner').error('Stopped.');
    expect(lines).toEqual([
      '[2026-01-02 03:04:05,006] INFO [KafkaServer] Started.\n',
      '[2026-01-02 03:04:05,006] WARN [Log] Rolled. {"topic":"a","offset":3}\n',
      '[2026-01-02 03:04:05,006] ERROR [LogCleaner] Stopped.\n',
    ]);
  });

  test('what comes from outside cannot make a second line, nor move a terminal', () => {
    const { lines, logger: log } = logger();
    log.info('client a\n[2026] ERROR\r\u001b[2J\u0085\u2028', { clientId: 'x\ny' });
    expect(lines).toEqual([
      '[2026-01-02 03:04:05,006] INFO [KafkaServer] client a\\n[2026] ERROR\\u000d\\u001b[2J\\u0085\\u2028 {"clientId":"x\\ny"}\n',
    ]);
  });

  test('an error says type, message and code', () => {
    const { lines, logger: log } = logger();
    log.error('Lost.', { error: Object.assign(new RangeError('away'), { code: 'EIO' }) });
    expect(lines[0]).toContain('"type":"RangeError","message":"away"');
    expect(lines[0]).toContain('"code":"EIO"');
    expect(lines[0].indexOf('\n')).toBe(lines[0].length - 1);
  });
});

test('as json, a line is an object', () => {
  const { lines, logger: log } = logger({ format: 'json' });
  log.child('Log').info('Rolled.', { offset: 2n ** 60n });
  expect(lines.length).toBe(1);
  expect(lines[0]).toMatch(/^\{.*\}\n$/);
  expect(lines[0]).toContain('"offset":1152921504606846976');
  expect(JSON.parse(lines[0])).toMatchObject({ level: 'info', time: at, name: 'Log', msg: 'Rolled.' });
});

test.each([
  ['debug', 4],
  ['info', 3],
  ['warn', 2],
  ['error', 1],
  ['off', 0],
] as const)('level %s lets %i of four levels through', (level, count) => {
  const { lines, logger: log } = logger({ level });
  log.debug('1');
  log.info('2');
  log.warn('3');
  log.error('4');
  expect(lines.length).toBe(count);
});
