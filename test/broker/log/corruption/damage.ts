import { basename, dirname } from 'node:path';
import type { MemoryFiles } from './memory-files';

export const byteKinds = ['flip', 'bit', 'zero', 'cut', 'zeros', 'garbage'] as const;
export const fileKinds = [
  'too long',
  'zeros behind',
  'missing',
  'empty',
  'other bytes',
  'swapped',
  'a directory',
] as const;

export type Kind = (typeof byteKinds)[number] | (typeof fileKinds)[number];

export interface Damage {
  readonly path: string;
  readonly kind: Kind;
  /** Where it begins; 0 for a whole file. */
  readonly at: number;
}

/** Does it; `below` draws a number. Returns false when the file is as it was. */
export function inflict(files: MemoryFiles, { path, kind, at }: Damage, below: (bound: number) => number): boolean {
  const before = files.content(path);
  const noise = (length: number) => Buffer.from(Array.from({ length }, () => below(256)));
  const put = (bytes: Buffer): boolean => {
    files.put(path, bytes);
    return !bytes.equals(before);
  };
  const bytes = Buffer.from(before);
  switch (kind) {
    case 'flip':
      bytes[at] ^= 0xff;
      return put(bytes);
    case 'bit':
      bytes[at] ^= 1 << below(8);
      return put(bytes);
    case 'zero':
      bytes[at] = 0;
      return put(bytes);
    case 'cut':
      return put(bytes.subarray(0, at));
    case 'zeros':
      return put(bytes.fill(0, at));
    case 'garbage':
      noise(1 + below(40)).copy(bytes, at);
      return put(bytes);
    case 'too long':
      return put(Buffer.concat([bytes, noise(1 + below(200))]));
    case 'zeros behind':
      return put(Buffer.concat([bytes, Buffer.alloc(1 + below(200))]));
    case 'other bytes':
      return put(noise(bytes.length));
    case 'empty':
      return put(Buffer.alloc(0));
    case 'missing':
      files.drop(path);
      return true;
    case 'a directory':
      files.putDirectory(path);
      return true;
    case 'swapped': {
      const others = files.paths().filter((other) => isLike(path, other));
      return others.length > 0 && put(Buffer.from(files.content(others[below(others.length)])));
    }
  }
}

/** The files of one kind: their suffix, or their name. */
export function kindOfFile(path: string): string {
  const name = basename(path).replace(/^\d{20}/, '*');
  return name;
}

/** Another file of the same kind, in the same directory where there are several. */
function isLike(path: string, other: string): boolean {
  if (other === path || kindOfFile(other) !== kindOfFile(path)) return false;
  return dirname(other) === dirname(path) || !path.endsWith('.log');
}
