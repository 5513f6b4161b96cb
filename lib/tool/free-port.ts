import { createServer } from 'node:net';
import { ToolError } from './tool-error';

const tries = 100;

function isFree(host: string, port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(undefined);
      else reject(error);
    });
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : undefined));
    });
  });
}

/** Hands out ports that nobody listens on, each once. */
export class FreePorts {
  readonly #taken = new Set<number>();

  constructor(private readonly host: string) {}

  /** This port, or any for 0. @throws ToolError when it is taken */
  async exactly(port: number): Promise<number> {
    const found = this.#taken.has(port) ? undefined : await isFree(this.host, port);
    if (found === undefined) {
      throw new ToolError(
        `Port ${port} of ${this.host} is taken. Give another one with --port, or --port 0 for any that is free.`,
      );
    }
    this.#taken.add(found);
    return found;
  }

  /** This port, or the next one that is free. */
  async from(wanted: number): Promise<number> {
    for (let port = wanted; port < wanted + tries && port <= 65535; port++) {
      if (this.#taken.has(port) || (await isFree(this.host, port)) === undefined) continue;
      this.#taken.add(port);
      return port;
    }
    throw new ToolError(`No port from ${wanted} to ${wanted + tries - 1} is free on ${this.host}.`);
  }
}
