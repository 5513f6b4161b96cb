// Numbers as Java reads and prints them: server.properties is written for Integer.parseInt and Double.parseDouble.

/** Integer.parseInt, Short.parseShort, Long.parseLong: the value, and its canonical digits, exact beyond 2^53. */
export function parseJavaInteger(text: string, bits: 16 | 32 | 64): { value: number; text: string } | undefined {
  const match = /^([+-]?)0*(\d{1,19})$/.exec(text);
  if (match === null) return undefined;
  const magnitude = BigInt(match[2] ?? '');
  const value = match[1] === '-' ? -magnitude : magnitude;
  return BigInt.asIntN(bits, value) === value ? { value: Number(value), text: value.toString() } : undefined;
}

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[fFdD]?$/;
const hexadecimal = /^([+-]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)[pP]([+-]?\d+)[fFdD]?$/;
const special = /^([+-]?)(NaN|Infinity)$/;

/** Double.parseDouble, of trimmed text. */
export function parseJavaDouble(text: string): number | undefined {
  if (decimal.test(text)) return Number(text.replace(/[fFdD]$/, ''));
  const named = special.exec(text);
  if (named !== null) return named[2] === 'NaN' ? NaN : named[1] === '-' ? -Infinity : Infinity;
  const [, sign, whole = '', fraction = '', exponent] = hexadecimal.exec(text) ?? [];
  if (exponent === undefined || whole + fraction === '') return undefined;
  const digits = [...whole, ...fraction].reduce((sum, digit) => sum * 16 + parseInt(digit, 16), 0);
  const magnitude = digits * 2 ** (Number(exponent) - 4 * fraction.length);
  return sign === '-' ? -magnitude : magnitude;
}

/** Double.toString: "0.5", "1.0E10", "1.7976931348623157E308". */
export function formatJavaDouble(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const magnitude = Math.abs(value);
  if (magnitude >= 1e-3 && magnitude < 1e7) return Number.isInteger(value) ? `${value}.0` : String(value);
  // Java writes two digits at least, and those are the nearest: the least double is 4.9E-324, not 5.0E-324.
  const twoDigits = value.toExponential(1);
  const shortest = Number(twoDigits) === value ? twoDigits : value.toExponential();
  const [mantissa = '', exponent = ''] = shortest.split('e');
  return `${mantissa}E${Number(exponent)}`;
}

const maxLong = '9223372036854775807';
const minLong = '-9223372036854775808';

/** The digits of a whole number as a Java long, beyond whose ends it is cut off. */
export function formatJavaLong(value: number): string {
  if (value >= 2 ** 63) return maxLong;
  if (value <= -(2 ** 63)) return minLong;
  return BigInt(Math.trunc(value)).toString();
}

/** String.trim: everything up to and including U+0020 goes, at both ends. */
export function javaTrim(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text.charCodeAt(start) <= 32) start++;
  while (end > start && text.charCodeAt(end - 1) <= 32) end--;
  return text.slice(start, end);
}
