import type { LogFields, Logger } from '../../../broker/src/logging/logger';
import { KeeperException } from '../../../broker/src/zookeeper/keeper-exception';
import { ProcessEnded } from '../io/simulated-process';
import type { Scheduler } from '../io/scheduler';

const levels = ['debug', 'info', 'warn', 'error'] as const;
type Level = (typeof levels)[number];

/** What happened, for people: faults and milestones always, the lines of the processes when they are wanted. */
export class Trace {
  readonly lines: string[] = [];

  constructor(
    readonly scheduler: Scheduler,
    /** Also the processes' lines of this level and above. */
    readonly logLevel: Level | undefined,
    /** Hears of errors that a process logs: of those that say that something unexpected has come up. */
    readonly unexpected: (line: string) => void,
  ) {}

  add(line: string): void {
    this.lines.push(`${this.scheduler.nowMs.toFixed(3).padStart(12)} ${line}`);
    this.scheduler.noteText(line);
  }

  logger(who: string, name = ''): Logger {
    const at = (level: Level) => (message: string, fields?: LogFields) => this.#log(who, name, level, message, fields);
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      child: (child) => this.logger(who, child),
    };
  }

  #log(who: string, name: string, level: Level, message: string, fields: LogFields | undefined): void {
    // An ended process is still in its last turn, and its system calls have failed.
    if (fields?.error instanceof ProcessEnded) return;
    // What a request asks of ZooKeeper, a broker that is shutting down cannot find out any more.
    const isClosing = fields?.error instanceof KeeperException && fields.error.message.includes('the client is closed');
    if (level === 'error' && /unexpected/i.test(message) && !isClosing) {
      this.unexpected(`${who} ${message} ${describe(fields)}`);
    }
    if (this.logLevel === undefined || levels.indexOf(level) < levels.indexOf(this.logLevel)) return;
    this.lines.push(
      `${this.scheduler.nowMs.toFixed(3).padStart(12)}   ${who} ${level.toUpperCase()} [${name}] ${message}${describe(fields)}`,
    );
  }
}

function describe(fields: LogFields | undefined): string {
  if (fields === undefined) return '';
  const { error, ...rest } = fields;
  const others = Object.entries(rest).map(([key, value]) => ` ${key}=${String(value)}`);
  return `${others.join('')}${error === undefined ? '' : ` ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`}`;
}
