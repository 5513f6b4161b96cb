import { CommandError, messageOf } from '../cli-error';
import { defineCommand } from '../command';
import { text } from '../options';
import { findProcesses, serverPatterns } from '../serve/stop-processes';

/** kafka-server-stop and zookeeper-server-stop */
function stopCommand(what: string, pattern: RegExp) {
  return defineCommand({
    summary: `Tell every ${what} of this machine to shut down cleanly.`,
    options: {
      processRole: text('role', 'Without effect.', { hidden: true }),
      nodeId: text('id', 'Without effect.', { hidden: true }),
    },
    examples: ['%'],
    run(_, { stdout }) {
      const processes = findProcesses(pattern);
      if (processes.length === 0) {
        stdout.line(`No ${what} server to stop`);
        return Promise.resolve(1);
      }
      for (const pid of processes) {
        try {
          process.kill(pid, 'SIGTERM');
        } catch (error) {
          throw new CommandError(`Process ${pid} cannot be told to stop: ${messageOf(error)}`);
        }
      }
      return Promise.resolve(0);
    },
  });
}

export const stopBroker = stopCommand('kafka', serverPatterns.broker);
export const stopZooKeeper = stopCommand('zookeeper', serverPatterns.zookeeper);
