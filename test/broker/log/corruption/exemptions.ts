import { basename } from 'node:path';
import type { Damage } from './damage';
import { kindOfFile } from './damage';

/**
 * What no broker can notice in Kafka's formats: where there is no checksum, and nothing that contradicts the damage.
 * Clients may get something else than was written then, and no line is in the log. These cases are counted by
 * themselves.
 */
export type Unnoticeable =
  | 'where a batch begins'
  | 'a transaction index cut between entries'
  | 'a compacted segment cut between batches'
  | 'another number in a checkpoint'
  | 'another topic id'
  | 'the last time of a time index'
  | 'the same file of another';

/** `undefined`: it has to be noticed. */
export function unnoticeable(
  { path, kind }: Damage,
  before: Buffer,
  after: Buffer | undefined,
): Unnoticeable | undefined {
  const file = kindOfFile(path);
  const isCut = after === undefined || after.equals(before.subarray(0, after.length));
  if (/^\*\.log(\.|$)/.test(file)) {
    if (isCut) return path.includes('compact-') ? 'a compacted segment cut between batches' : undefined;
    return kind !== 'swapped' && changesWhereBatchesBegin(before, after) ? 'where a batch begins' : undefined;
  }
  if (/^\*\.txnindex(\.|$)/.test(file) && isCut && (after?.length ?? 0) % 34 === 0) {
    return 'a transaction index cut between entries';
  }
  if (/^\*\.timeindex(\.|$)/.test(file) && changesLastEntry(before, after)) return 'the last time of a time index';
  if (kind === 'swapped') return 'the same file of another';
  if (file === 'partition.metadata' && /^(version: ?0\s*\ntopic_id: ?[\w-]{22}\s*)?$/.test(after?.toString() ?? '')) {
    return 'another topic id';
  }
  const isText = basename(path).endsWith('checkpoint');
  if (isText && /^\s*0\s*\n\s*\d+\s*(\n\s*(\S+\s+)*-?\d+\s*)*$/.test(after?.toString('latin1') ?? '')) {
    return 'another number in a checkpoint';
  }
  return undefined;
}

/** The base offset and the leader epoch are outside of a batch's checksum, so that a broker can set them. */
function changesWhereBatchesBegin(before: Buffer, after: Buffer): boolean {
  for (let start = 0; start + 17 <= before.length; start += 12 + before.readInt32BE(start + 8)) {
    const isOther = (from: number, to: number) => !before.subarray(from, to).equals(after.subarray(from, to));
    const end = start + 12 + before.readInt32BE(start + 8);
    const hasEpoch = before[start + 16] === 2;
    if (isOther(start, start + 8) && !isOther(start + 16, end)) return true;
    if (hasEpoch && isOther(start + 12, start + 16) && !isOther(start + 16, end)) return true;
  }
  return false;
}

function changesLastEntry(before: Buffer, after: Buffer | undefined): boolean {
  if (after === undefined || after.length % 12 !== 0) return false;
  const last = (bytes: Buffer) => bytes.subarray(Math.max(0, bytes.length - 12));
  return !last(before).equals(last(after));
}
