import { defaultLiteral, fixedSize, inVersion, isNullable, smallestSize } from './fields';
import type { Field, Fields, MessageSchema } from './schema';

/**
 * The source of a function `(b, p, end, cursor) => message` that reads one version of a message from `b` at `p` and
 * leaves in `cursor.position` where the message ends. Nothing is read at or behind `end`; every length is held against
 * the bytes that are there before anything is made for it. What it refers to besides its arguments is in codec.ts.
 */
export function decoderSource(schema: MessageSchema, version: number): string {
  const source = new DecoderSource(schema, version);
  const value = source.struct(schema.fields, schema.name);
  return `${source.text()}cursor.position = p;\nreturn ${value};`;
}

class DecoderSource {
  private readonly lines: string[] = [];
  private names = 0;
  private readonly flexible: boolean;

  constructor(
    schema: MessageSchema,
    private readonly version: number,
  ) {
    this.flexible = version >= schema.firstFlexibleVersion;
  }

  text(): string {
    return `${this.lines.join('\n')}\n`;
  }

  private emit(line: string): void {
    this.lines.push(line);
  }

  private name(prefix: string): string {
    return `${prefix}${this.names++}`;
  }

  /** Reads a structure; the result is the source of an object literal. */
  struct(fields: Fields, path: string): string {
    const run: { field: Field; value: string; path: string }[] = [];
    const tagged: { field: Field; value: string; path: string }[] = [];
    const literal: string[] = [];
    const endRun = (): void => {
      if (run.length === 0) return;
      const size = run.reduce((sum, each) => sum + fixedSize(each.field), 0);
      const table = run.map((each) => [each.path, fixedSize(each.field)]);
      this.emit(`if (end - p < ${size}) throw short(${JSON.stringify(table)}, end - p);`);
      let at = 0;
      for (const each of run) {
        this.fixed(each.field, each.value, at, each.path);
        at += fixedSize(each.field);
      }
      this.emit(`p += ${size};`);
      run.length = 0;
    };
    for (const [key, field] of Object.entries(fields)) {
      if (!inVersion(field.versions, this.version)) {
        literal.push(`${key}: ${defaultLiteral(field)}`);
        continue;
      }
      const value = this.name('v');
      const each = { field, value, path: `${path}.${key}` };
      literal.push(`${key}: ${value}`);
      if (field.tag !== undefined) {
        tagged.push(each);
      } else if (fixedSize(field) > 0) {
        run.push(each);
      } else {
        endRun();
        this.emit(`let ${value};`);
        this.variable(field, value, each.path);
      }
    }
    endRun();
    if (this.flexible) this.tagged(tagged, path);
    return `{ ${literal.join(', ')} }`;
  }

  private tagged(fields: readonly { field: Field; value: string; path: string }[], path: string): void {
    const path_ = quote(path);
    for (const { field, value } of fields) this.emit(`let ${value} = ${defaultLiteral(field)};`);
    const left = this.name('n');
    this.varint(left, path);
    this.emit(`while (${left}-- > 0) {`);
    const tag = this.name('g');
    const size = this.name('s');
    this.varint(tag, path);
    this.varint(size, path);
    this.emit(`if (${size} > end - p) throw lying(${path_}, 'a tagged field', ${size}, end - p);`);
    if (fields.length === 0) {
      this.emit(`p += ${size};`);
    } else {
      const after = this.name('a');
      this.emit(`const ${after} = p + ${size};`);
      this.emit(`switch (${tag}) {`);
      for (const { field, value, path: fieldPath } of fields) {
        this.emit(`case ${field.tag}: {`);
        this.value(field, value, fieldPath);
        this.emit(`if (p !== ${after}) throw misfit(${quote(fieldPath)}, ${size}, p - ${after} + ${size});`);
        this.emit('break; }');
      }
      this.emit(`default: p = ${after};`);
      this.emit('}');
    }
    this.emit('}');
  }

  /** Declares `name` with an unsigned varint. */
  private varint(name: string, path: string): void {
    this.emit(`if (p >= end) throw short([[${quote(path)}, 1]], 0);`);
    this.emit(`let ${name} = b[p++];`);
    this.emit(`if (${name} > 127) { ${name} = varint(b, p - 1, end, ${quote(path)}, cursor); p = cursor.position; }`);
  }

  private value(field: Field, target: string, path: string): void {
    const size = fixedSize(field);
    if (size === 0) {
      this.variable(field, target, path);
      return;
    }
    this.emit(`if (end - p < ${size}) throw short([[${quote(path)}, ${size}]], end - p);`);
    const value = this.name('v');
    this.fixed(field, value, 0, path);
    this.emit(`p += ${size}; ${target} = ${value};`);
  }

  /** Declares `target` with the value at `p + at`; the bytes are known to be there. */
  private fixed(field: Field, target: string, at: number, path: string): void {
    const byte = (i: number): string => (at + i === 0 ? 'b[p]' : `b[p + ${at + i}]`);
    const int32 = (i: number): string =>
      `(${byte(i)} << 24 | ${byte(i + 1)} << 16 | ${byte(i + 2)} << 8 | ${byte(i + 3)})`;
    switch (field.kind) {
      case 'bool':
        this.emit(`const ${target} = ${byte(0)} !== 0;`);
        return;
      case 'int8':
        this.emit(`const ${target} = ${byte(0)} << 24 >> 24;`);
        return;
      case 'int16':
        this.emit(`const ${target} = ${byte(0)} << 24 >> 16 | ${byte(1)};`);
        return;
      case 'int32':
        this.emit(`const ${target} = ${int32(0)};`);
        return;
      case 'int64':
        this.emit(`const ${target} = ${int32(0)} * 4294967296 + (${int32(4)} >>> 0);`);
        this.emit(`if (!Number.isSafeInteger(${target})) throw unsafe(${quote(path)}, b.readBigInt64BE(p + ${at}));`);
        return;
      case 'wideInt64':
        this.emit(`const ${target} = b.readBigInt64BE(p + ${at});`);
        return;
      case 'float64':
        this.emit(`const ${target} = b.readDoubleBE(p + ${at});`);
        return;
      case 'uuid':
        this.emit(`const ${target} = readUuid(b, p + ${at});`);
        return;
      default:
        throw new Error(`${field.kind} has no fixed size`);
    }
  }

  private variable(field: Field, target: string, path: string): void {
    const nullable = field.kind === 'records' || isNullable(field, this.version);
    if (field.kind === 'struct') {
      if (nullable) {
        this.emit(`if (p >= end) throw short([[${quote(path)}, 1]], 0);`);
        this.emit(`if (b[p++] > 127) ${target} = null; else {`);
      } else {
        this.emit('{');
      }
      const literal = this.struct(field.fields!, path);
      this.emit(`${target} = ${literal}; }`);
      return;
    }
    const compact = this.flexible && !field.neverCompact;
    const count = this.name('n');
    if (compact) {
      this.varint(count, path);
      this.emit(`${count}--;`);
    } else {
      const size = field.kind === 'string' ? 2 : 4;
      this.emit(`if (end - p < ${size}) throw short([[${quote(path)}, ${size}]], end - p);`);
      this.emit(
        size === 2
          ? `const ${count} = b[p] << 24 >> 16 | b[p + 1]; p += 2;`
          : `const ${count} = b[p] << 24 | b[p + 1] << 16 | b[p + 2] << 8 | b[p + 3]; p += 4;`,
      );
    }
    this.emit(`if (${count} < 0) {`);
    if (nullable) this.emit(`if (${count} !== -1) throw negative(${quote(path)}, ${count}); ${target} = null;`);
    else this.emit(`throw negative(${quote(path)}, ${count});`);
    this.emit('} else {');
    if (field.kind === 'array') {
      this.array(field.element!, target, count, path);
    } else {
      this.emit(`if (${count} > end - p) throw lying(${quote(path)}, 'a length', ${count}, end - p);`);
      if (field.kind === 'string') {
        if (compact) this.emit(`if (${count} > 32767) throw long(${quote(path)}, ${count});`);
        this.emit(`${target} = readText(b, p, ${count}); p += ${count};`);
      } else {
        this.emit(`${target} = b.subarray(p, p + ${count}); p += ${count};`);
      }
    }
    this.emit('}');
  }

  private array(element: Field, target: string, count: string, path: string): void {
    const least = smallestSize(element, this.version, this.flexible);
    const room = least === 1 ? 'end - p' : `(end - p) / ${least}`;
    this.emit(`if (${count} > ${room}) throw lying(${quote(path)}, 'a count', ${count}, end - p);`);
    if (fixedSize(element) === 0) {
      this.emit(`if ((cursor.elements -= ${count}) < 0) throw crowded(${quote(path)}, ${count});`);
    }
    this.emit(`${target} = [];`);
    const index = this.name('i');
    this.emit(`for (let ${index} = 0; ${index} < ${count}; ${index}++) {`);
    const item = this.name('e');
    this.emit(`let ${item};`);
    this.value(element, item, path);
    this.emit(`${target}.push(${item}); }`);
  }
}

function quote(text: string): string {
  return JSON.stringify(text);
}
