import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError, messageOf } from '../cli-error';
import type { CliContext } from '../context';

/**
 * Starts this same command line again without `flag`, apart from this terminal, and leaves it running. What it prints
 * goes to LOG_DIR (logs/ if that is not set), where Kafka's scripts put it.
 */
export function startInBackground({ env, stdout }: CliContext, flag: string, logName: string): void {
  const directory = env.LOG_DIR ?? 'logs';
  const log = join(directory, logName);
  let file: number;
  try {
    mkdirSync(directory, { recursive: true });
    file = openSync(log, 'a');
  } catch (error) {
    throw new CommandError(`-daemon: ${log} cannot be written: ${messageOf(error)}`);
  }
  const args = process.argv.slice(1).filter((arg) => arg.replace(/^-+/, '-') !== flag);
  const child = spawn(process.execPath, [...process.execArgv, ...args], {
    detached: true,
    stdio: ['ignore', file, file],
  });
  closeSync(file);
  child.unref();
  stdout.line(`Process ${child.pid} is starting in the background; ${log} says how it goes.`);
}
