import { readSync, writeSync, writevSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { OpenFile } from '../files';

/** What one writev(2) takes (IOV_MAX on Linux and macOS). */
const mostBuffersAWrite = 1024;

/** The buffers without their first `count` bytes. */
function withoutFirst(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  let index = 0;
  while (index < buffers.length && count >= buffers[index].byteLength) {
    count -= buffers[index].byteLength;
    index++;
  }
  const rest = buffers.slice(index);
  if (count > 0 && rest.length > 0) {
    rest[0] = rest[0].subarray(count);
  }
  return rest;
}

function lengthOf(buffers: readonly Uint8Array[]): number {
  let length = 0;
  for (const buffer of buffers) {
    length += buffer.byteLength;
  }
  return length;
}

function noProgress(path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`EIO: write of ${path} took no bytes`), { code: 'EIO', path, syscall: 'write' });
}

export class NodeFile implements OpenFile {
  readonly path: string;
  readonly isPrompt = true;
  readonly hangs = false;
  readonly #handle: FileHandle;
  readonly #fd: number;
  #closed = false;

  constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
    this.#fd = handle.fd;
  }

  writeSync(buffers: readonly Uint8Array[], position: number): void {
    this.#checkOpen('write');
    let rest = buffers;
    let left = lengthOf(buffers);
    while (left > 0) {
      const written =
        rest.length === 1
          ? writeSync(this.#fd, rest[0], 0, rest[0].byteLength, position)
          : writevSync(this.#fd, rest.length > mostBuffersAWrite ? rest.slice(0, mostBuffersAWrite) : rest, position);
      left -= written;
      if (left === 0) {
        return;
      }
      if (written === 0) {
        throw noProgress(this.path);
      }
      position += written;
      rest = withoutFirst(rest, written);
    }
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    this.#checkOpen('write');
    let rest = buffers;
    let left = lengthOf(buffers);
    while (left > 0) {
      const part = rest.length > mostBuffersAWrite ? rest.slice(0, mostBuffersAWrite) : rest;
      const { bytesWritten } = await this.#handle.writev(part, position);
      left -= bytesWritten;
      if (left === 0) {
        return;
      }
      if (bytesWritten === 0) {
        throw noProgress(this.path);
      }
      position += bytesWritten;
      rest = withoutFirst(rest, bytesWritten);
    }
  }

  readSync(target: Uint8Array, offset: number, length: number, position: number): number {
    this.#checkOpen('read');
    return readSync(this.#fd, target, offset, length, position);
  }

  async read(target: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    this.#checkOpen('read');
    return (await this.#handle.read(target, offset, length, position)).bytesRead;
  }

  async size(): Promise<number> {
    this.#checkOpen('fstat');
    return (await this.#handle.stat()).size;
  }

  async truncate(length: number): Promise<void> {
    this.#checkOpen('ftruncate');
    await this.#handle.truncate(length);
  }

  async sync(): Promise<void> {
    this.#checkOpen('fdatasync');
    await this.#handle.datasync();
  }

  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      // It waits for asynchronous reads and writes that are under way.
      await this.#handle.close();
    }
  }

  #checkOpen(syscall: string): void {
    if (this.#closed) {
      const message = `EBADF: file is closed, ${syscall} '${this.path}'`;
      throw Object.assign(new Error(message), { code: 'EBADF', path: this.path, syscall });
    }
  }
}
