import type { Field, Fields, MessageSchema } from './schema';
import { defaultLiteral, fixedSize, inVersion, isNullable } from './fields';

/**
 * The source of a function `(writer, message, position) => position` that writes one version of a message: straight
 * code without a look at the schema. Structures and arrays are written in place, so that it has no calls but those for
 * strings, bytes and growth. What it refers to besides its arguments is in `EncoderScope` of codec.ts.
 */
export function encoderSource(schema: MessageSchema, version: number): string {
  const source = new EncoderSource(version, version >= schema.firstFlexibleVersion);
  source.struct(schema.fields, 'message', schema.name);
  return `let b = writer.buffer;\n${source.text()}return p;`;
}

class EncoderSource {
  private readonly lines: string[] = [];
  private names = 0;

  constructor(
    private readonly version: number,
    private readonly flexible: boolean,
  ) {}

  text(): string {
    return `${this.lines.join('\n')}\n`;
  }

  private emit(line: string): void {
    this.lines.push(line);
  }

  private name(prefix: string): string {
    return `${prefix}${this.names++}`;
  }

  struct(fields: Fields, from: string, path: string): void {
    const run: { field: Field; value: string; path: string }[] = [];
    const tagged: { field: Field; value: string; path: string }[] = [];
    const endRun = (): void => {
      const size = run.reduce((sum, each) => sum + fixedSize(each.field), 0);
      if (size > 0) this.room(size);
      for (const each of run.splice(0)) this.fixed(each.field, each.value, each.path);
    };
    this.emit(
      `if (typeof ${from} !== 'object' || ${from} === null) throw bad(${quote(path)}, ${from}, 'a structure');`,
    );
    for (const [key, field] of Object.entries(fields)) {
      const fieldPath = `${path}.${key}`;
      const value = this.name('v');
      this.emit(`let ${value} = ${from}.${key};`);
      if (!inVersion(field.versions, this.version)) {
        if (!field.ignorable) {
          this.emit(
            `if (${value} !== undefined && !(${isDefault(field, value)})) throw unsupported(${quote(fieldPath)}, ${this.version});`,
          );
        }
        continue;
      }
      if (field.default !== undefined || field.versions !== undefined || field.tag !== undefined) {
        this.emit(`if (${value} === undefined) ${value} = ${defaultLiteral(field)};`);
      }
      if (field.tag !== undefined) {
        tagged.push({ field, value, path: fieldPath });
      } else if (fixedSize(field) > 0) {
        run.push({ field, value, path: fieldPath });
      } else {
        endRun();
        this.variable(field, value, fieldPath);
      }
    }
    endRun();
    if (this.flexible) this.tagged(tagged);
  }

  private tagged(fields: readonly { field: Field; value: string; path: string }[]): void {
    if (fields.length === 0) {
      this.room(1);
      this.emit('b[p++] = 0;');
      return;
    }
    const sorted = [...fields].sort((left, right) => left.field.tag! - right.field.tag!);
    const count = this.name('n');
    this.emit(`let ${count} = 0;`);
    for (const { field, value } of sorted) this.emit(`if (!(${isDefault(field, value)})) ${count}++;`);
    this.room(1);
    this.emit(`b[p++] = ${count};`);
    this.emit(`if (${count} > 0) {`);
    for (const { field, value, path } of sorted) {
      const at = this.name('a');
      this.emit(`if (!(${isDefault(field, value)})) {`);
      this.room(2);
      // The size stands before the value and is known after it; most fit one byte, longer ones move the value.
      this.emit(`b[p] = ${field.tag}; const ${at} = p + 2; p = ${at};`);
      this.value(field, value, path);
      this.emit(`p = writer.putSizeBefore(${at}, p); b = writer.buffer; }`);
    }
    this.emit('}');
  }

  private value(field: Field, value: string, path: string): void {
    const size = fixedSize(field);
    if (size > 0) {
      this.room(size);
      this.fixed(field, value, path);
    } else {
      this.variable(field, value, path);
    }
  }

  private room(size: number): void {
    this.emit(`if (p + ${size} > b.length) b = writer.grow(p, ${size});`);
  }

  private fixed(field: Field, value: string, path: string): void {
    const check = (condition: string, wanted: string): void =>
      this.emit(`if (${condition}) throw bad(${quote(path)}, ${value}, '${wanted}');`);
    switch (field.kind) {
      case 'bool':
        check(`typeof ${value} !== 'boolean'`, 'a boolean');
        this.emit(`b[p++] = ${value} ? 1 : 0;`);
        return;
      case 'int8':
        check(`${value} << 24 >> 24 !== ${value}`, 'an int8');
        this.emit(`b[p++] = ${value};`);
        return;
      case 'int16':
        check(`${value} << 16 >> 16 !== ${value}`, 'an int16');
        this.emit(`b[p] = ${value} >>> 8; b[p + 1] = ${value}; p += 2;`);
        return;
      case 'int32':
        check(`(${value} | 0) !== ${value}`, 'an int32');
        this.int32(value, 0);
        this.emit('p += 4;');
        return;
      case 'int64': {
        check(`!Number.isSafeInteger(${value})`, 'an integer within 2^53');
        const high = this.name('h');
        this.emit(`const ${high} = Math.floor(${value} / 4294967296);`);
        this.int32(high, 0);
        this.int32(value, 4);
        this.emit('p += 8;');
        return;
      }
      case 'wideInt64':
        check(`typeof ${value} !== 'bigint' || BigInt.asIntN(64, ${value}) !== ${value}`, 'a bigint of 64 bits');
        this.emit(`b.writeBigInt64BE(${value}, p); p += 8;`);
        return;
      case 'float64':
        check(`typeof ${value} !== 'number'`, 'a number');
        this.emit(`b.writeDoubleBE(${value}, p); p += 8;`);
        return;
      case 'uuid':
        this.emit(`writeUuid(b, p, ${value}, ${quote(path)}); p += 16;`);
        return;
      default:
        throw new Error(`${field.kind} has no fixed size`);
    }
  }

  private int32(value: string, at: number): void {
    const bytes = [24, 16, 8].map((shift, i) => `b[p + ${at + i}] = ${value} >>> ${shift};`);
    this.emit(`${bytes.join(' ')} b[p + ${at + 3}] = ${value};`);
  }

  private variable(field: Field, value: string, path: string): void {
    const nullable = field.kind === 'records' || isNullable(field, this.version);
    this.emit(`if (${value} === null) {`);
    if (nullable) this.null(field);
    else this.emit(`throw bad(${quote(path)}, null, 'allowed in version ${this.version}');`);
    this.emit('} else {');
    const compact = this.flexible && !field.neverCompact;
    switch (field.kind) {
      case 'string':
        this.emit(`p = writer.putString(p, ${value}, ${compact}, ${quote(path)}); b = writer.buffer;`);
        break;
      case 'bytes':
        this.emit(`p = writer.putBytes(p, ${value}, ${compact}, ${quote(path)}); b = writer.buffer;`);
        break;
      case 'records':
        this.emit(`p = writer.putRecords(p, ${value}, ${compact}, ${quote(path)}); b = writer.buffer;`);
        break;
      case 'struct':
        if (nullable) {
          this.room(1);
          this.emit('b[p++] = 1;');
        }
        this.struct(field.fields!, value, path);
        break;
      case 'array':
        this.array(field, value, path);
        break;
      default:
        throw new Error(`${field.kind} is not of variable size`);
    }
    this.emit('}');
  }

  private null(field: Field): void {
    if (field.kind === 'struct') {
      this.room(1);
      this.emit('b[p++] = 255;');
    } else if (this.flexible && !field.neverCompact) {
      this.room(1);
      this.emit('b[p++] = 0;');
    } else {
      const size = field.kind === 'string' ? 2 : 4;
      this.room(size);
      for (let i = 0; i < size; i++) this.emit('b[p++] = 255;');
    }
  }

  private array(field: Field, value: string, path: string): void {
    const element = field.element!;
    const count = this.name('n');
    const index = this.name('i');
    const item = this.name('e');
    this.emit(`if (!Array.isArray(${value})) throw bad(${quote(path)}, ${value}, 'an array');`);
    this.emit(`const ${count} = ${value}.length;`);
    if (this.flexible) {
      this.room(1);
      this.emit(`if (${count} < 127) b[p++] = ${count} + 1;`);
      this.emit(`else { p = writer.putVarint(p, ${count} + 1); b = writer.buffer; }`);
    } else {
      this.room(4);
      this.int32(count, 0);
      this.emit('p += 4;');
    }
    this.emit(`for (let ${index} = 0; ${index} < ${count}; ${index}++) {`);
    this.emit(`const ${item} = ${value}[${index}];`);
    this.value(element, item, path);
    this.emit('}');
  }
}

/** An expression: whether `value` (not undefined) is what the field has when it is not set. */
function isDefault(field: Field, value: string): string {
  if (field.default === null || field.kind === 'records') return `${value} === null`;
  switch (field.kind) {
    case 'bytes':
    case 'array':
      return `${value} !== null && ${value}.length === 0`;
    case 'struct': {
      const parts = Object.entries(field.fields!).map(([key, inner]) => {
        const of = `${value}.${key}`;
        return `(${of} === undefined || ${isDefault(inner, of)})`;
      });
      return `${value} !== null && ${parts.join(' && ')}`;
    }
    default:
      return `${value} === ${defaultLiteral(field)}`;
  }
}

function quote(text: string): string {
  return JSON.stringify(text);
}
