import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ToolError } from './tool-error';

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Makes a directory this process' own, so that a second start does not write over the files of the first. What a killed
 * process has left is taken over: the servers hold locks of their own.
 * @returns what gives it back
 * @throws ToolError when another process has it
 */
export function lockDirectory(directory: string): () => void {
  const file = join(directory, 'up.pid');
  const take = (): void => writeFileSync(file, String(process.pid), { flag: 'wx' });
  try {
    take();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const owner = Number(readFileSync(file, 'utf8'));
    if (Number.isInteger(owner) && owner > 0 && isAlive(owner)) {
      throw new ToolError(
        `${directory} is in use by process ${owner}: stop it, or give another directory with --data-dir.` +
          ` (If that process is something else, remove ${file}.)`,
      );
    }
    rmSync(file);
    take();
  }
  return () => rmSync(file, { force: true });
}
