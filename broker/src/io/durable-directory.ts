import type { Files } from './files';

/**
 * Makes a directory and its missing parents such that they outlive a loss of power: a name is durable when the directory
 * that it is in has been synced. What is there already is taken to be durable.
 */
export async function makeDurableDirectory(files: Files, path: string): Promise<void> {
  if ((await files.stat(path)) !== undefined) return;
  const parent = parentOf(path);
  if (parent !== path) await makeDurableDirectory(files, parent);
  await files.makeDirectory(path);
  await files.syncDirectory(parent);
}

function parentOf(path: string): string {
  const end = path.replace(/\/+$/, '').lastIndexOf('/');
  return end < 0 ? '.' : end === 0 ? '/' : path.slice(0, end);
}
