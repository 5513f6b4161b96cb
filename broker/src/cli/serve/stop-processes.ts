import { execFileSync } from 'node:child_process';
import { CommandError, messageOf } from '../cli-error';

/** Command lines of servers, as `ps` shows them: by Kafka's script names, or as commands of odradek. */
export const serverPatterns = {
  broker: /(^|\/)(kafka-server-start(\.sh)?|odradek(\.js)? broker)( |$)/,
  zookeeper: /(^|\/)(zookeeper-server-start(\.sh)?|odradek(\.js)? zookeeper)( |$)/,
} as const;

/** Processes of this machine whose command line matches: only Node's, and never this one. */
export function findProcesses(pattern: RegExp, list: string = processList()): number[] {
  return list.split('\n').flatMap((line) => {
    const [, pid, command = ''] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? [];
    const [program = '', ...words] = command.split(/\s+/);
    const isNode = /(^|\/)node(js)?$/.test(program);
    return isNode && Number(pid) !== process.pid && pattern.test(words.join(' ')) ? [Number(pid)] : [];
  });
}

function processList(): string {
  try {
    return execFileSync('ps', ['-A', '-ww', '-o', 'pid=,args='], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  } catch (error) {
    throw new CommandError(`The processes of this machine cannot be listed with ps: ${messageOf(error)}`);
  }
}
