import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { CommandError, messageOf } from '../cli-error';

/** Command lines of servers: by Kafka's script names, or as commands of odradek. */
export const serverPatterns = {
  broker: /(^|\/)(kafka-server-start(\.sh)?|odradek(\.js)? (broker|container))( |$)/,
  zookeeper: /(^|\/)(zookeeper-server-start(\.sh)?|odradek(\.js)? zookeeper)( |$)/,
} as const;

/**
 * Processes of this machine whose command line matches: only Node's, and never this one.
 * @param list as `ps -o pid=,args=` prints it
 */
export function findProcesses(pattern: RegExp, list: string = processList()): number[] {
  return list.split('\n').flatMap((line) => {
    const [, pid, command = ''] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? [];
    const [program = '', ...words] = command.split(/\s+/);
    const isNode = /(^|\/)node(js)?$/.test(program);
    return isNode && Number(pid) !== process.pid && pattern.test(words.join(' ')) ? [Number(pid)] : [];
  });
}

/** Small images have no ps; where there is no /proc, ps is part of the system. */
function processList(): string {
  return process.platform === 'linux' ? listOfProc() : listOfPs();
}

function listOfProc(): string {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return `${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0/g, ' ')}`;
      } catch {
        // It has ended.
        return '';
      }
    })
    .join('\n');
}

function listOfPs(): string {
  try {
    return execFileSync('ps', ['-A', '-ww', '-o', 'pid=,args='], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  } catch (error) {
    throw new CommandError(`The processes of this machine cannot be listed with ps: ${messageOf(error)}`);
  }
}
