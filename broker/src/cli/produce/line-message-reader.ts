import { CommandError } from '../cli-error';

/** A record as a line gave it. */
export interface ReadRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [key: Buffer, value: Buffer | null])[];
}

type Property =
  | 'parse.key'
  | 'key.separator'
  | 'parse.headers'
  | 'headers.delimiter'
  | 'headers.separator'
  | 'headers.key.separator'
  | 'ignore.error'
  | 'null.marker';

/**
 * Makes records of lines: `headers<TAB>key<TAB>value`, where headers and key are there if `parse.headers` and `parse.key`
 * say so (Kafka's LineMessageReader, and its properties).
 */
export class LineMessageReader {
  readonly #parseKey: boolean;
  readonly #parseHeaders: boolean;
  readonly #ignoreError: boolean;
  readonly #keySeparator: Buffer;
  readonly #headersDelimiter: Buffer;
  readonly #headersSeparator: Buffer;
  readonly #headersKeySeparator: Buffer;
  readonly #nullMarker: Buffer | undefined;
  #lineNumber = 0;

  /** @throws CommandError for separators that cannot be told apart */
  constructor(properties: ReadonlyMap<string, string>) {
    const isTrue = (key: Property) => properties.get(key)?.trim().toLowerCase() === 'true';
    const value = (key: Property, fallback: string) => properties.get(key) ?? fallback;
    this.#parseKey = isTrue('parse.key');
    this.#parseHeaders = isTrue('parse.headers');
    this.#ignoreError = isTrue('ignore.error');
    const separators = {
      'key.separator': value('key.separator', '\t'),
      'headers.delimiter': value('headers.delimiter', '\t'),
      'headers.separator': value('headers.separator', ','),
      'headers.key.separator': value('headers.key.separator', ':'),
    };
    const nullMarker = properties.get('null.marker');
    for (const [left, right] of [
      ['headers.delimiter', 'headers.separator'],
      ['headers.delimiter', 'headers.key.separator'],
      ['headers.separator', 'headers.key.separator'],
    ] as const) {
      if (separators[left] === separators[right]) throw new CommandError(`${left} and ${right} may not be equal`);
    }
    for (const [key, separator] of Object.entries(separators)) {
      if (separator === nullMarker) throw new CommandError(`null.marker and ${key} may not be equal`);
      if (separator === '') throw new CommandError(`${key} may not be empty`);
    }
    this.#keySeparator = Buffer.from(separators['key.separator']);
    this.#headersDelimiter = Buffer.from(separators['headers.delimiter']);
    this.#headersSeparator = Buffer.from(separators['headers.separator']);
    this.#headersKeySeparator = Buffer.from(separators['headers.key.separator']);
    this.#nullMarker = nullMarker === undefined ? undefined : Buffer.from(nullMarker);
  }

  /** @throws CommandError for a line without a separator that it must have, unless ignore.error is set */
  read(line: Buffer): ReadRecord {
    this.#lineNumber++;
    const [headers, afterHeaders] = this.#part(this.#parseHeaders, line, this.#headersDelimiter, 'headers delimiter');
    const [key, value] = this.#part(this.#parseKey, afterHeaders, this.#keySeparator, 'key separator');
    return {
      key: key === null ? null : this.#orNull(key),
      value: this.#orNull(value),
      headers: headers === null || this.#orNull(headers) === null ? [] : this.#headers(headers),
    };
  }

  /** What stands before the separator, and after it. */
  #part(isParsed: boolean, line: Buffer, separator: Buffer, what: string): readonly [Buffer | null, Buffer] {
    if (!isParsed) return [null, line];
    const at = line.indexOf(separator);
    if (at >= 0) return [line.subarray(0, at), line.subarray(at + separator.length)];
    if (this.#ignoreError) return [null, line];
    throw new CommandError(`No ${what} found on line number ${this.#lineNumber}: '${line.toString()}'`);
  }

  #headers(text: Buffer): ReadRecord['headers'] {
    return split(text, this.#headersSeparator).map((pair) => {
      const at = pair.indexOf(this.#headersKeySeparator);
      if (at >= 0) {
        const key = pair.subarray(0, at);
        if (this.#orNull(key) === null) {
          throw new CommandError(
            `Header keys should not be equal to the null marker, on line number ${this.#lineNumber}`,
          );
        }
        return [key, this.#orNull(pair.subarray(at + this.#headersKeySeparator.length))];
      }
      if (this.#ignoreError) return [pair, null];
      throw new CommandError(
        `No header key separator found in pair '${pair.toString()}' on line number ${this.#lineNumber}`,
      );
    });
  }

  #orNull(bytes: Buffer): Buffer | null {
    return this.#nullMarker !== undefined && bytes.equals(this.#nullMarker) ? null : bytes;
  }
}

function split(bytes: Buffer, separator: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  let start = 0;
  for (let at = 0; (at = bytes.indexOf(separator, start)) >= 0; start = at + separator.length) {
    parts.push(bytes.subarray(start, at));
  }
  parts.push(bytes.subarray(start));
  return parts;
}
