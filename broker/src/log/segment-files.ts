import { join } from 'node:path';
import type { Files } from '../io/files';
import { filenamePrefix, offsetFromFilename, Suffix } from './log-file-names';

/** A segment as it lies on disk. */
export interface SegmentFile {
  readonly baseOffset: number;
  readonly size: number;
  readonly mtimeMs: number;
}

export function segmentPath(directory: string, baseOffset: number, suffix: string): string {
  return join(directory, filenamePrefix(baseOffset) + suffix);
}

/** The `.log` files of a directory, by base offset. */
export async function listSegments(files: Files, directory: string, names: readonly string[]): Promise<SegmentFile[]> {
  const segments: SegmentFile[] = [];
  for (const name of names) {
    const baseOffset = name.endsWith(Suffix.LOG) ? offsetFromFilename(name) : undefined;
    const stat = baseOffset === undefined ? undefined : await files.stat(join(directory, name));
    if (baseOffset !== undefined && stat?.kind === 'file') {
      segments.push({ baseOffset, size: stat.size, mtimeMs: Math.floor(stat.mtimeMs) });
    }
  }
  return segments.sort((a, b) => a.baseOffset - b.baseOffset);
}

/** Offsets of the producer snapshots of a directory, ascending. */
export function listSnapshots(names: readonly string[]): number[] {
  return names
    .filter((name) => name.endsWith(Suffix.PRODUCER_SNAPSHOT))
    .map(offsetFromFilename)
    .filter((offset) => offset !== undefined)
    .sort((a, b) => a - b);
}

/** Gives the files of a segment another suffix behind their own: `.log.cleaned` becomes `.log.swap`. */
export async function renameSegment(
  files: Files,
  directory: string,
  baseOffset: number,
  from: string,
  to: string,
): Promise<void> {
  for (const kind of [Suffix.LOG, Suffix.OFFSET_INDEX, Suffix.TIME_INDEX, Suffix.TXN_INDEX]) {
    const path = segmentPath(directory, baseOffset, kind);
    if ((await files.stat(path + from)) !== undefined) {
      await files.rename(path + from, path + to);
    }
  }
}

/** Replaces a file's content without waiting for the disk: for what is made anew when it is lost. */
export function writePlain(files: Files, path: string, data: Buffer): Promise<void> {
  return write(files, path, data, false);
}

/** Replaces a file's content, which is on stable storage then. A crash meanwhile leaves any part of it. */
export function writeSynced(files: Files, path: string, data: Buffer): Promise<void> {
  return write(files, path, data, true);
}

async function write(files: Files, path: string, data: Buffer, isSynced: boolean): Promise<void> {
  const file = await files.open(path, 'write');
  try {
    await file.write([data], 0);
    await file.truncate(data.length);
    if (isSynced) await file.sync();
  } finally {
    await file.close();
  }
}
