import { join } from 'node:path';
import type { Files } from '../io/files';
import { lastOffset } from '../records/batch-header';
import { scanBatches } from './batch-scanner';
import { offsetFromFilename, Suffix } from './log-file-names';

/**
 * Ends what a crash interrupted in a partition's directory, as Kafka's LogLoader does.
 * - `.deleted` is removed.
 * - `.cleaned` is a compaction that had not ended: removed, with the `.swap` files from its offset on (a segment that
 *   was being split).
 * - `.swap` is the finished result of a compaction: the segments that it stands for are removed, then it takes its name.
 * Returns the names that are there afterwards.
 */
export async function settleTemporaryFiles(
  files: Files,
  directory: string,
  progress: (message: string) => void,
): Promise<string[]> {
  const names = await files.list(directory);
  const remove = async (name: string, why: string) => {
    progress(`Removing ${join(directory, name)}: ${why}.`);
    await files.remove(join(directory, name));
  };
  let firstCleaned = Infinity;
  let settled = true;
  for (const name of names) {
    if (name.endsWith(Suffix.DELETED)) {
      settled = false;
      await remove(name, 'it was deleted before the last stop');
    } else if (name.endsWith(Suffix.CLEANED)) {
      settled = false;
      firstCleaned = Math.min(firstCleaned, offsetFromFilename(name) ?? Infinity);
    } else if (name.endsWith(Suffix.SWAP)) {
      settled = false;
    }
  }
  if (settled) {
    return names;
  }
  for (const name of names) {
    const invalidSwap = name.endsWith(Suffix.SWAP) && (offsetFromFilename(name) ?? Infinity) >= firstCleaned;
    if (name.endsWith(Suffix.CLEANED) || invalidSwap) {
      await remove(name, 'it belongs to a compaction that had not ended');
    }
  }
  await swapIn(files, directory, remove, progress);
  return files.list(directory);
}

async function swapIn(
  files: Files,
  directory: string,
  remove: (name: string, why: string) => Promise<void>,
  progress: (message: string) => void,
): Promise<void> {
  const names = await files.list(directory);
  let first = Infinity;
  let end = -Infinity;
  for (const name of names) {
    const baseOffset = name.endsWith(Suffix.LOG + Suffix.SWAP) ? offsetFromFilename(name) : undefined;
    if (baseOffset !== undefined) {
      first = Math.min(first, baseOffset);
      // Of an empty one, too, what has its name goes: an index that it does not have would stay.
      end = Math.max(end, baseOffset + 1, await nextOffset(files, join(directory, name), baseOffset));
    }
  }
  for (const name of names) {
    const offset = offsetFromFilename(name);
    if (!name.endsWith(Suffix.SWAP) && offset !== undefined && offset >= first && offset < end) {
      await remove(name, 'its records are in a compacted segment');
    }
  }
  for (const name of names) {
    if (name.endsWith(Suffix.SWAP)) {
      progress(`Finishing a compaction: ${join(directory, name)} takes its place.`);
      await files.rename(join(directory, name), join(directory, name.slice(0, -Suffix.SWAP.length)));
    }
  }
}

async function nextOffset(files: Files, path: string, baseOffset: number): Promise<number> {
  const file = await files.open(path, 'read');
  try {
    let next = baseOffset;
    await scanBatches(file, 0, await file.size(), (bytes, at) => {
      next = lastOffset(bytes, at) + 1;
    });
    return next;
  } finally {
    await file.close();
  }
}
