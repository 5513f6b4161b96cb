import { nodeIo } from '../io/node';
import type { CliContext } from './context';
import { runProgram } from './program';
import { stopSignal } from './stop-signal';
import { streamOutput } from './stream-output';

/**
 * Runs the command line of `odradek` or of one of Kafka's command names, on this process's streams and signals.
 * @param program the name that it was called by: `odradek`, `kafka-topics`, `kafka-topics.sh`
 * @returns the exit code
 */
export async function main(program: string, args: readonly string[]): Promise<number> {
  const stdout = streamOutput(process.stdout);
  const stderr = streamOutput(process.stderr);
  // Clocks' timers let a process end; a command that only waits for one must not.
  const alive = setInterval(() => {}, 0x7fffffff);
  const { stop, release } = stopSignal((message) => stderr.line(message));
  const context: CliContext = { io: nodeIo(), program, env: process.env, stdin: process.stdin, stdout, stderr, stop };
  try {
    return await runProgram(context, args);
  } finally {
    release();
    clearInterval(alive);
    await Promise.all([stdout.flushed(), stderr.flushed()]);
  }
}
