import { KafkaError, ErrorCode } from '../protocol/errors';
import type { Files } from '../io/files';

/**
 * Kafka's checkpoint files are text: a line with the version (0), a line with the number of entries, a line an entry.
 */
const version = '0';

export function formatCheckpoint(entries: readonly string[]): Buffer {
  return Buffer.from([version, String(entries.length), ...entries, ''].join('\n'));
}

/** The entries' lines. Throws KAFKA_STORAGE_ERROR naming the file and the line that is not what it should be. */
export function parseCheckpoint(text: string, path: string): string[] {
  if (text === '') {
    return []; // as Kafka takes it
  }
  const lines = text.split('\n');
  if (lines.at(-1) === '') {
    lines.pop();
  }
  if (lines[0]?.trim() !== version) {
    throw malformed(path, 1, lines[0], `the version, ${version}`);
  }
  const count = lines[1]?.trim() ?? '';
  if (!/^\d{1,9}$/.test(count)) {
    throw malformed(path, 2, lines[1], 'the number of entries');
  }
  const entries = lines.slice(2);
  if (entries.length !== Number(count)) {
    throw malformed(path, 2, count, `the number of entries that follow, ${entries.length}`);
  }
  return entries;
}

export function malformed(path: string, line: number, found: string | undefined, wanted: string): KafkaError {
  const what = found === undefined ? 'is missing' : `is ${JSON.stringify(found.slice(0, 80))}`;
  return new KafkaError(
    ErrorCode.KAFKA_STORAGE_ERROR,
    `checkpoint file ${path}: line ${line} ${what}, where ${wanted} is expected`,
  );
}

/** A whole number without sign in a checkpoint's line, or `undefined`. */
export function wholeNumber(word: string | undefined): number | undefined {
  const value = word !== undefined && /^-?\d{1,16}$/.test(word) ? Number(word) : NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** The file's text, `undefined` when there is no file. */
export async function readTextIfThere(files: Files, path: string): Promise<string | undefined> {
  try {
    return (await files.readFile(path)).toString('utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
