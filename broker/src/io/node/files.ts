import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { dirname } from 'node:path';
import type { FileLock, Files, FileStat, OpenFile, OpenMode, Volume } from '../files';
import { lockFile } from './file-locks';
import { NodeFile } from './open-file';
import { isRemoteFileSystem } from './remote-file-systems';

const openFlags: Readonly<Record<OpenMode, number>> = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR | constants.O_CREAT,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
};

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

async function isDirectory(path: string): Promise<boolean> {
  const found = await fs.stat(path).catch(() => undefined);
  return found?.isDirectory() ?? false;
}

export class NodeFiles implements Files {
  /** Of the thread pool; 4 is libuv's own number. */
  readonly threads = Number(process.env.UV_THREADPOOL_SIZE) || 4;
  /** The last replacement of each path that is under way: two at once would write the same temporary file. */
  readonly #replacing = new Map<string, Promise<void>>();

  async open(path: string, mode: OpenMode): Promise<OpenFile> {
    return new NodeFile(path, await fs.open(path, openFlags[mode]));
  }

  readFile(path: string): Promise<Buffer> {
    return fs.readFile(path);
  }

  async replaceFile(path: string, data: Uint8Array): Promise<void> {
    const before = this.#replacing.get(path);
    const replacing = (before ?? Promise.resolve()).catch(() => {}).then(() => this.#replace(path, data));
    this.#replacing.set(path, replacing);
    try {
      await replacing;
    } finally {
      if (this.#replacing.get(path) === replacing) {
        this.#replacing.delete(path);
      }
    }
  }

  async stat(path: string): Promise<FileStat | undefined> {
    try {
      const stat = await fs.stat(path);
      const kind = stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : 'other';
      return { kind, size: stat.size, mtimeMs: stat.mtimeMs };
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') {
        return undefined;
      }
      throw error;
    }
  }

  async list(path: string): Promise<string[]> {
    return (await fs.readdir(path)).sort();
  }

  async makeDirectory(path: string): Promise<void> {
    // Not mkdir's `recursive`: where a file system refuses with ENOENT (/proc), Node tries again for ever.
    try {
      await fs.mkdir(path);
    } catch (error) {
      const code = codeOf(error);
      const parent = dirname(path);
      if (code === 'ENOENT' && parent !== path && !(await isDirectory(parent))) {
        await this.makeDirectory(parent);
        await this.makeDirectory(path);
      } else if (code !== 'EEXIST' || !(await isDirectory(path))) {
        throw error;
      }
    }
  }

  rename(from: string, to: string): Promise<void> {
    return fs.rename(from, to);
  }

  setModified(path: string, mtimeMs: number): Promise<void> {
    return fs.utimes(path, mtimeMs / 1000, mtimeMs / 1000);
  }

  async remove(path: string): Promise<void> {
    try {
      await fs.unlink(path);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') {
        throw error;
      }
    }
  }

  removeDirectory(path: string): Promise<void> {
    // On NFS a directory says ENOTEMPTY until the server has let go of its removed files.
    return fs.rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  async syncDirectory(path: string): Promise<void> {
    const directory = await fs.open(path, constants.O_RDONLY);
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }

  lock(path: string): Promise<FileLock | undefined> {
    return lockFile(path);
  }

  async volume(path: string): Promise<Volume> {
    const { type, bsize, blocks, bavail } = await fs.statfs(path);
    return { totalBytes: bsize * blocks, freeBytes: bsize * bavail, isRemote: isRemoteFileSystem(type) };
  }

  async #replace(path: string, data: Uint8Array): Promise<void> {
    const temporary = `${path}.tmp`;
    const file = await fs.open(temporary, 'w');
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await fs.rename(temporary, path);
    await this.syncDirectory(dirname(path));
  }
}
