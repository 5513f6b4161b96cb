import { makeDurableDirectory } from '../io/durable-directory';
import type { FileLock, Files } from '../io/files';
import { isSystemError, type LogDirectory } from './log-directory';
import {
  formatMetaProperties,
  metaPropertiesName,
  MetaPropertiesError,
  readMetaProperties,
  type MetaProperties,
} from './meta-properties';

export const lockName = '.lock';

/** A log directory that cannot be started with. The message says what to do. */
export class LogDirError extends Error {
  override readonly name = 'LogDirError';
}

/**
 * Makes the directory if need be and takes its lock; `undefined` where the file system has no locks. Throws LogDirError
 * when another process has it.
 */
export async function lockDirectory(files: Files, path: string): Promise<FileLock | undefined> {
  await makeDurableDirectory(files, path);
  const lockPath = `${path}/${lockName}`;
  let lock: FileLock | undefined;
  try {
    lock = await files.lock(lockPath);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOLCK') return undefined;
    throw error;
  }
  if (lock === undefined) {
    throw new LogDirError(
      `${lockPath} is locked: another broker is using log directory ${path}. Stop it, or give this one another log.dirs.`,
    );
  }
  return lock;
}

/** meta.properties of all directories; they must agree. */
export class MetaPropertiesOfDirs {
  readonly #found = new Map<LogDirectory, MetaProperties>();

  /** Reads them. A directory that fails goes offline. */
  static async read(directories: readonly LogDirectory[]): Promise<MetaPropertiesOfDirs> {
    const all = new MetaPropertiesOfDirs();
    for (const directory of directories) {
      try {
        const found = await readMetaProperties(directory.files, directory.path);
        if (found !== undefined) {
          all.#found.set(directory, found);
        }
      } catch (error) {
        if (!isSystemError(error)) {
          throw error;
        }
        directory.failed(error, `reading ${metaPropertiesName}`);
      }
    }
    all.#only('brokerId', 'broker.id');
    all.#only('clusterId', 'cluster.id');
    return all;
  }

  get brokerId(): number | undefined {
    return this.#only('brokerId', 'broker.id');
  }

  get clusterId(): string | undefined {
    return this.#only('clusterId', 'cluster.id');
  }

  /** Writes what is missing. Throws MetaPropertiesError when a directory belongs to another broker or cluster. */
  async write(
    directories: readonly LogDirectory[],
    brokerId: number,
    clusterId: string,
    wallMs: number,
  ): Promise<void> {
    this.#check('broker.id', this.brokerId, brokerId, 'broker.id of the configuration');
    this.#check('cluster.id', this.clusterId, clusterId, 'cluster id in ZooKeeper');
    for (const directory of directories) {
      const found = this.#found.get(directory);
      if (found?.brokerId === brokerId && found.clusterId === clusterId) {
        continue;
      }
      const properties = { brokerId, clusterId, others: found?.others ?? new Map<string, string>() };
      try {
        await directory.files.replaceFile(directory.join(metaPropertiesName), formatMetaProperties(properties, wallMs));
        this.#found.set(directory, properties);
      } catch (error) {
        directory.failed(error, `writing ${metaPropertiesName}`);
      }
    }
  }

  #check(key: string, found: number | string | undefined, wanted: number | string, what: string): void {
    if (found !== undefined && found !== wanted) {
      const dirs = [...this.#found.keys()].map(({ path }) => path).join(', ');
      throw new MetaPropertiesError(
        `${metaPropertiesName} in ${dirs} has ${key} ${found}, and the ${what} is ${wanted}. ` +
          'If the data is not needed, start with empty log directories.',
      );
    }
  }

  #only<K extends 'brokerId' | 'clusterId'>(key: K, name: string): MetaProperties[K] {
    let first: readonly [LogDirectory, MetaProperties[K]] | undefined;
    for (const [directory, { [key]: value }] of this.#found) {
      if (first !== undefined && value !== undefined && value !== first[1]) {
        throw new MetaPropertiesError(
          `log directories belong to different brokers or clusters: ${name} is ${first[1]} in ${first[0].path} ` +
            `and ${value} in ${directory.path}`,
        );
      }
      first ??= value === undefined ? undefined : [directory, value];
    }
    return first?.[1] as MetaProperties[K];
  }
}
