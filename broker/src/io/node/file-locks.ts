import { type FileHandle, open } from 'node:fs/promises';
import { constants } from 'node:os';
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

/** What fcntl says where there are no locks. ENOLCK has no name in libuv. */
const noLocks: readonly unknown[] = [
  `Unknown system error -${(constants.errno as Readonly<Record<string, number>>).ENOLCK}`,
  'ENOSYS',
  'ENOTSUP',
  'EOPNOTSUPP',
];

function takeLock(handle: FileHandle): boolean {
  try {
    return tryLock(handle.fd);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // fcntl may say EACCES as well as EAGAIN when somebody else has the lock.
    if (code === 'EACCES') {
      return false;
    }
    throw noLocks.includes(code)
      ? Object.assign(new Error(`no locks available (${message})`), { code: 'ENOLCK' })
      : error;
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
