import { keeperCodeName, type KeeperCode } from './requests';

/** An operation on ZooKeeper failed (KeeperException). `code` is a KeeperCode, or a number that is not known here. */
export class KeeperException extends Error {
  override readonly name = 'KeeperException';

  constructor(
    readonly code: KeeperCode | number,
    /** The znode, as the caller named it (inside the chroot). */
    readonly path: string | undefined,
    message?: string,
  ) {
    super(message ?? `${keeperCodeName(code)}${path === undefined ? '' : ` for ${path}`}`);
  }
}

/** Is it a KeeperException with one of these codes? */
export function isKeeperException(error: unknown, ...codes: readonly KeeperCode[]): error is KeeperException {
  return error instanceof KeeperException && (codes as readonly number[]).includes(error.code);
}
