import type { Readable } from 'node:stream';
import type { Io } from '../io/io';

/** Where a command writes to: standard output or standard error. */
export interface Output {
  /** Nobody reads any more (a closed pipe): what is written goes nowhere. */
  readonly closed: boolean;
  readonly isTerminal: boolean;
  write(data: string | Uint8Array): void;
  line(text?: string): void;
  /** Resolves when everything written so far has left the process. */
  flushed(): Promise<void>;
}

/** What a command has to do with the world. Tests give their own. */
export interface CliContext {
  readonly io: Io;
  /** The name that the command was called by: "odradek topics", "kafka-topics". */
  readonly program: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Output;
  readonly stderr: Output;
  /** Aborted by the first SIGINT or SIGTERM: the command ends what it does and returns. */
  readonly stop: AbortSignal;
}

/** Resolves when the command is to end. */
export function whenStopped(stop: AbortSignal): Promise<void> {
  if (stop.aborted) return Promise.resolve();
  return new Promise((resolve) => stop.addEventListener('abort', () => resolve(), { once: true }));
}
