import { Readable } from 'node:stream';
import type { Output } from '../../../broker/src/cli/context';
import { runProgram } from '../../../broker/src/cli/program';
import { nodeIo } from '../../../broker/src/io/node';

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

class Collected implements Output {
  readonly closed = false;
  readonly isTerminal = false;
  readonly #chunks: Buffer[] = [];

  write(data: string | Uint8Array): void {
    this.#chunks.push(Buffer.from(data));
  }

  line(text = ''): void {
    this.write(`${text}\n`);
  }

  flushed(): Promise<void> {
    return Promise.resolve();
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString();
  }
}

/** A command that runs: what it has printed so far, and how it is told to stop. */
export interface RunningCommand {
  readonly ended: Promise<Ran>;
  readonly stdout: { readonly text: string };
  readonly stderr: { readonly text: string };
  stop(): void;
}

/** Starts a command line in this process: `startCommand('kafka-topics', ['--list', …])`. */
export function startCommand(program: string, args: readonly string[], input: string | Buffer = ''): RunningCommand {
  const stdout = new Collected();
  const stderr = new Collected();
  const controller = new AbortController();
  const stdin = Object.assign(Readable.from(input.length === 0 ? [] : [Buffer.from(input)]), { isTTY: false });
  const context = { io: nodeIo(), program, env: {}, stdin, stdout, stderr, stop: controller.signal };
  const ended = runProgram(context, args).then((code) => ({ code, stdout: stdout.text, stderr: stderr.text }));
  return { ended, stdout, stderr, stop: () => controller.abort() };
}

/** Runs a command line in this process to its end. */
export function runCommand(program: string, args: readonly string[], input?: string | Buffer): Promise<Ran> {
  return startCommand(program, args, input).ended;
}

/** Runs a command line that has to succeed; gives what it printed. */
export async function outputOf(program: string, args: readonly string[], input?: string | Buffer): Promise<string> {
  const { code, stdout, stderr } = await runCommand(program, args, input);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}\n${stdout}\n${stderr}`);
  return stdout;
}
