import type { Writable } from 'node:stream';
import type { Output } from './context';

// Small writes are collected to this size: a line a system call would be ten times slower.
const collectedBytes = 64 * 1024;

/** An Output on a stream of the process. A reader that goes away (EPIPE) closes it, and is no error. */
export function streamOutput(stream: Writable & { readonly isTTY?: boolean }): Output {
  let closed = false;
  let collected: Uint8Array[] = [];
  let size = 0;
  let scheduled = false;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    closed = true;
    if (error.code !== 'EPIPE') throw error;
  });
  const flush = (): void => {
    scheduled = false;
    if (size === 0) return;
    const bytes = Buffer.concat(collected, size);
    collected = [];
    size = 0;
    if (!closed) stream.write(bytes);
  };
  return {
    get closed() {
      return closed;
    },
    isTerminal: stream.isTTY === true,
    write(data) {
      const bytes = typeof data === 'string' ? Buffer.from(data) : Buffer.from(data);
      collected.push(bytes);
      size += bytes.length;
      if (size >= collectedBytes) {
        flush();
      } else if (!scheduled) {
        scheduled = true;
        setImmediate(flush);
      }
    },
    line(text = '') {
      this.write(`${text}\n`);
    },
    flushed() {
      flush();
      if (closed) return Promise.resolve();
      return new Promise((resolve) => stream.write('', () => resolve()));
    },
  };
}
