import { join } from 'node:path';
import type { Files } from '../io/files';
import { formatCheckpoint, malformed, parseCheckpoint, readTextIfThere, wholeNumber } from './checkpoint-file';

export const leaderEpochCheckpointName = 'leader-epoch-checkpoint';

/** The first offset that was written in a leader epoch. */
export interface EpochEntry {
  readonly epoch: number;
  readonly startOffset: number;
}

/** Lines `epoch startOffset`. */
export function formatLeaderEpochs(entries: readonly EpochEntry[]): Buffer {
  return formatCheckpoint(entries.map(({ epoch, startOffset }) => `${epoch} ${startOffset}`));
}

/** `undefined` when the partition has no such file, or an empty one. Throws KAFKA_STORAGE_ERROR for a file that is not one. */
export async function readLeaderEpochs(files: Files, directory: string): Promise<EpochEntry[] | undefined> {
  const path = join(directory, leaderEpochCheckpointName);
  const text = await readTextIfThere(files, path);
  if (text === undefined || text === '') return undefined;
  const lines = parseCheckpoint(text, path);
  return lines.map((line, index) => {
    const [epoch, startOffset] = line.trim().split(/\s+/).map(wholeNumber);
    if (epoch === undefined || startOffset === undefined || epoch < 0 || startOffset < 0) {
      throw malformed(path, index + 3, line, 'epoch and start offset');
    }
    return { epoch, startOffset };
  });
}
