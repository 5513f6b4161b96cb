import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeProperties,
  formatProperties,
  parseProperties,
  PropertiesError,
} from '../../../broker/src/config/properties';

function parsed(text: string): Record<string, string> {
  return Object.fromEntries(parseProperties(text));
}

describe('parseProperties', () => {
  it.each([
    ['a=b', { a: 'b' }],
    ['a : b', { a: 'b' }],
    ['a b', { a: 'b' }],
    ['a\t=\fb c ', { a: 'b c ' }],
    ['a', { a: '' }],
    ['=b', { '': 'b' }],
    ['a==b', { a: '=b' }],
    ['a\\ b\\=c=d', { 'a b=c': 'd' }],
    ['# comment\n  ! comment\n\n \t\na=b # no comment', { a: 'b # no comment' }],
    ['a=1\r\nb=2\rc=3\na=4', { a: '4', b: '2', c: '3' }],
    ['a=b\\\n   c\\\r\n\td', { a: 'bcd' }],
    ['a=b\\\\\nc=d', { a: 'b\\', c: 'd' }],
    ['# comment\\\na=b', { a: 'b' }],
    ['a=b\\\n\nc=d', { a: 'b', c: 'd' }],
    ['a=\\u0041\\t\\n\\q\\uD83D\\uDE00', { a: 'A\t\nq😀' }],
    ['a=b\\', { a: 'b' }],
  ])('reads %j', (text, expected) => {
    expect(parsed(text)).toEqual(expected);
  });

  it('names the line of a malformed escape, which is the first of the entry', () => {
    expect(() => parseProperties('a=b\n\n# c\nd=\\\n  \\u00zz')).toThrow(PropertiesError);
    expect(() => parseProperties('a=b\n\n# c\nd=\\\n  \\u00zz')).toThrow(/^line 4: .*\\u00zz/);
  });

  it('never throws anything else', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '\\', 'u', '0', '\n', '\r', '=', ' ', '#') }), (text) => {
        try {
          parseProperties(text);
        } catch (error) {
          expect(error).toBeInstanceOf(PropertiesError);
        }
      }),
    );
  });
});

describe('formatProperties', () => {
  it('keeps listeners readable', () => {
    expect(formatProperties([['listeners', 'PLAINTEXT://:9092']])).toBe('listeners=PLAINTEXT://:9092\n');
  });

  it('writes ASCII that reads back as the same entries', () => {
    const text = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(fc.dictionary(text, text), (map) => {
        const written = formatProperties(Object.entries(map));
        expect(written).toMatch(/^[\n -~]*$/);
        expect(parsed(written)).toEqual({ ...map });
      }),
    );
  });
});

describe('decodeProperties', () => {
  it('takes the bytes as ISO-8859-1, as Kafka does, or as UTF-8 where that is asked for', () => {
    const bytes = Buffer.from('xxé').subarray(2);
    expect(decodeProperties(bytes)).toBe('Ã©');
    expect(decodeProperties(bytes, 'utf8')).toBe('é');
  });
});
