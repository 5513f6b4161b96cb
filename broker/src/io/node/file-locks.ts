import { type FileHandle, open } from 'node:fs/promises';
import { tryLock, unlock } from 'fs-native-extensions';
import type { FileLock } from '../files';

/** Files locked by this process, as device:inode: where fcntl locks belong to the process, it alone would not refuse. */
const held = new Set<string>();

/** See `Files.lock`. */
export async function lockFile(path: string): Promise<FileLock | undefined> {
  const handle = await open(path, 'a+');
  let identity: string | undefined;
  try {
    const { dev, ino } = await handle.stat({ bigint: true });
    identity = `${dev}:${ino}`;
    if (held.has(identity)) {
      identity = undefined;
    } else {
      held.add(identity);
      if (takeLock(handle)) {
        return heldLock(handle, identity);
      }
      held.delete(identity);
    }
  } catch (error) {
    if (identity !== undefined) {
      held.delete(identity);
    }
    await handle.close();
    throw error;
  }
  await handle.close();
  return undefined;
}

function takeLock(handle: FileHandle): boolean {
  try {
    return tryLock(handle.fd);
  } catch (error) {
    // fcntl may say EACCES as well as EAGAIN when somebody else has the lock.
    if ((error as NodeJS.ErrnoException).code === 'EACCES') {
      return false;
    }
    throw error;
  }
}

function heldLock(handle: FileHandle, identity: string): FileLock {
  let released = false;
  return {
    async release() {
      if (!released) {
        released = true;
        try {
          unlock(handle.fd);
        } finally {
          held.delete(identity);
          await handle.close();
        }
      }
    },
  };
}
