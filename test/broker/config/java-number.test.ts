import { describe, expect, it } from 'vitest';
import {
  formatJavaDouble,
  formatJavaLong,
  javaTrim,
  parseJavaDouble,
  parseJavaInteger,
} from '../../../broker/src/config/java-number';

describe('parseJavaInteger', () => {
  it.each([
    ['32767', 16, '32767'],
    ['32768', 16, undefined],
    ['-2147483648', 32, '-2147483648'],
    ['2147483648', 32, undefined],
    ['9223372036854775807', 64, '9223372036854775807'],
    ['9223372036854775808', 64, undefined],
    ['+007', 32, '7'],
    ['-0', 32, '0'],
    ['', 32, undefined],
    ['1.0', 32, undefined],
    ['0x10', 32, undefined],
    [' 1', 32, undefined],
    ['9'.repeat(100_000), 64, undefined],
  ] as const)('%s in %i bits', (text, bits, expected) => {
    expect(parseJavaInteger(text, bits)?.text).toBe(expected);
  });

  it('keeps the text of a long exact where the value cannot be', () => {
    expect(parseJavaInteger('9007199254740993', 64)).toEqual({ value: 9007199254740992, text: '9007199254740993' });
  });
});

describe('doubles', () => {
  it.each([
    ['0.5', 0.5, '0.5'],
    ['1e7', 1e7, '1.0E7'],
    ['9999999', 9999999, '9999999.0'],
    ['.001', 0.001, '0.001'],
    ['0.0001', 0.0001, '1.0E-4'],
    ['1.7976931348623157E308', Number.MAX_VALUE, '1.7976931348623157E308'],
    ['4.9e-324', Number.MIN_VALUE, '4.9E-324'],
    ['-0', -0, '-0.0'],
    ['2d', 2, '2.0'],
    ['0x1.8p1', 3, '3.0'],
    ['-Infinity', -Infinity, '-Infinity'],
  ])('%s', (text, value, printed) => {
    expect(parseJavaDouble(text)).toBe(value);
    expect(formatJavaDouble(value)).toBe(printed);
  });

  it.each(['', '.', '1e', '1,5', 'inf', '0x1', 'one'])('refuses %j', (text) => {
    expect(parseJavaDouble(text)).toBeUndefined();
  });
});

it('formatJavaLong cuts off at the ends of a long', () => {
  expect(formatJavaLong(2 ** 53)).toBe('9007199254740992');
  expect(formatJavaLong(Infinity)).toBe('9223372036854775807');
  expect(formatJavaLong(-Infinity)).toBe('-9223372036854775808');
  expect(formatJavaLong(-1)).toBe('-1');
});

it('javaTrim takes control characters and leaves other blanks', () => {
  expect(javaTrim('\u0000\t a \u00a0\n')).toBe('a \u00a0');
});
