declare module 'fs-native-extensions' {
  /** Takes an exclusive lock (fcntl) of `length` bytes from `offset`, or, by default, of the whole file. */
  export function tryLock(fd: number, offset?: number, length?: number): boolean;
  export function unlock(fd: number, offset?: number, length?: number): void;
}
