import { ZnodeError } from './znode-error';

/**
 * A value in a znode's JSON. Reading it as something that it is not throws ZnodeError, with the path of the znode, the
 * place in the JSON and what is accepted. Fields that nobody asks for are left alone, as in Kafka.
 */
export class JsonReader {
  private constructor(
    private readonly znode: string,
    private readonly text: string,
    private readonly place: string,
    private readonly value: unknown,
  ) {}

  static parse(znode: string, data: Buffer | null): JsonReader {
    const text = data === null ? '' : data.toString('utf8');
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw new ZnodeError(znode, text, `it is not JSON (${error instanceof Error ? error.message : String(error)})`);
    }
    return new JsonReader(znode, text, '', value);
  }

  /** The field, which must be there. */
  field(name: string): JsonReader {
    return this.optional(name) ?? this.at(name, undefined).refuse('it must be there');
  }

  /** The field, or undefined when it is missing or null. */
  optional(name: string): JsonReader | undefined {
    const object = this.object();
    const value = Object.hasOwn(object, name) ? object[name] : undefined;
    return value === undefined || value === null ? undefined : this.at(name, value);
  }

  fields(): (readonly [name: string, value: JsonReader])[] {
    return Object.entries(this.object()).map(([name, value]) => [name, this.at(name, value)] as const);
  }

  items(): JsonReader[] {
    if (!Array.isArray(this.value)) return this.refuse('an array is accepted');
    return this.value.map((value: unknown, i) => new JsonReader(this.znode, this.text, `${this.place}[${i}]`, value));
  }

  string(): string {
    return typeof this.value === 'string' ? this.value : this.refuse('a string is accepted');
  }

  int(min = -0x80000000, max = 0x7fffffff): number {
    const value = this.value;
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    return this.refuse(`an integer from ${min} to ${max} is accepted`);
  }

  ints(min?: number): number[] {
    return this.items().map((item) => item.int(min));
  }

  /** A decimal number in a string, as Kafka writes its longs. */
  longString(): number {
    const text = this.string();
    const value = /^-?\d+$/.test(text) ? Number(text) : NaN;
    return Number.isSafeInteger(value) ? value : this.refuse('a decimal number in a string, below 2^53, is accepted');
  }

  /** Throws ZnodeError about this value. */
  refuse(accepted: string): never {
    const what = this.place === '' ? 'the whole' : `'${this.place}'`;
    const found = this.value === undefined ? 'missing' : (JSON.stringify(this.value)?.slice(0, 100) ?? '');
    throw new ZnodeError(this.znode, this.text, `${what} is ${found}: ${accepted}`);
  }

  private object(): Readonly<Record<string, unknown>> {
    if (typeof this.value !== 'object' || this.value === null || Array.isArray(this.value)) {
      return this.refuse('an object is accepted');
    }
    return this.value as Readonly<Record<string, unknown>>;
  }

  private at(name: string, value: unknown): JsonReader {
    return new JsonReader(this.znode, this.text, this.place === '' ? name : `${this.place}.${name}`, value);
  }
}
