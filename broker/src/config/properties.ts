// java.util.Properties: the syntax of server.properties, read and written.

/** A properties file that Java would not load either. */
export class PropertiesError extends Error {
  override readonly name = 'PropertiesError';

  constructor(
    /** From 1: the first line of the entry. */
    readonly line: number,
    problem: string,
  ) {
    super(`line ${line}: ${problem}`);
  }
}

const backslash = '\\';

function isBlank(char: string): boolean {
  return char === ' ' || char === '\t' || char === '\f';
}

function isLineEnd(char: string): boolean {
  return char === '\n' || char === '\r';
}

/**
 * The logical lines: no blank lines and no comments; a line that ends in an odd number of backslashes goes on in the
 * next one, whose leading blanks go. A comment does not go on, and a blank line ends what went on into it.
 */
function* logicalLines(text: string): Generator<{ readonly content: string; readonly line: number }> {
  let position = 0;
  let line = 1;
  let content = '';
  let first = 1;
  let continued = false;
  while (position < text.length) {
    let start = position;
    let end = start;
    while (end < text.length && !isLineEnd(text.charAt(end))) end++;
    const ended = end < text.length;
    position = text.startsWith('\r\n', end) ? end + 2 : end + 1;
    while (start < end && isBlank(text.charAt(start))) start++;
    if (content === '') {
      first = line;
      const begin = text.charAt(start);
      if (start === end || begin === '#' || begin === '!') {
        line++;
        continued = false;
        continue;
      }
    }
    line++;
    let backslashes = 0;
    while (end - backslashes > start && text[end - 1 - backslashes] === backslash) backslashes++;
    continued = backslashes % 2 === 1;
    content += text.slice(start, continued ? end - 1 : end);
    if (continued && ended) continue;
    if (content !== '' || continued) yield { content, line: first };
    content = '';
    continued = false;
  }
  // Java sees an empty entry where a file ends in a backslash alone, but not if CR LF follows it.
  if (content !== '' || (continued && !text.endsWith('\r\n'))) yield { content, line: first };
}

const escapes: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' };

function unescape(text: string, line: number): string {
  if (!text.includes(backslash)) return text;
  return text.replace(/\\(u[0-9a-fA-F]{4}|[^])/g, (_, escaped: string) => {
    if (escaped === 'u') throw new PropertiesError(line, `malformed \\uXXXX escape in ${text}`);
    if (escaped.length > 1) return String.fromCharCode(parseInt(escaped.slice(1), 16));
    return escapes[escaped] ?? escaped;
  });
}

/**
 * Properties.load: keys end at the first unescaped `=`, `:` or blank; of a key given twice the last value counts.
 * @throws PropertiesError for a malformed `\uXXXX`
 */
export function parseProperties(text: string): Map<string, string> {
  const properties = new Map<string, string>();
  for (const { content, line } of logicalLines(text)) {
    let keyEnd = 0;
    while (keyEnd < content.length) {
      const char = content.charAt(keyEnd);
      if (char === '=' || char === ':' || isBlank(char)) break;
      keyEnd += char === backslash ? 2 : 1;
    }
    keyEnd = Math.min(keyEnd, content.length);
    let valueStart = keyEnd;
    let separated = false;
    while (valueStart < content.length) {
      const char = content.charAt(valueStart);
      if (!separated && (char === '=' || char === ':')) separated = true;
      else if (!isBlank(char)) break;
      valueStart++;
    }
    properties.set(unescape(content.slice(0, keyEnd), line), unescape(content.slice(valueStart), line));
  }
  return properties;
}

/** The text of a properties file's bytes. Kafka reads ISO-8859-1, and so must who shares a file with it. */
export function decodeProperties(bytes: Uint8Array, encoding: 'latin1' | 'utf8' = 'latin1'): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(encoding);
}

const named: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '\r': '\\r', '\f': '\\f' };

function escapeUnit(char: string): string {
  return named[char] ?? `\\u${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
}

/**
 * Text that Java and `parseProperties` read back as the same entries, in their order. Only what must be is escaped,
 * unlike Properties.store, so that listeners stay readable; the text is ASCII.
 */
export function formatProperties(properties: Iterable<readonly [string, string]>): string {
  let text = '';
  for (const [key, value] of properties) {
    const escapedKey = key.replace(/[\\=:# !]/g, '\\$&').replace(/[^ -~]/g, escapeUnit);
    const escapedValue = value
      .replace(/\\/g, '\\\\')
      .replace(/^ /, '\\ ')
      .replace(/[^ -~]/g, escapeUnit);
    text += `${escapedKey}=${escapedValue}\n`;
  }
  return text;
}
