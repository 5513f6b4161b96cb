import { destination, type DestinationStream, pino, stdSerializers } from 'pino';
import type { LogLevel } from './log-level';
import type { LogFields, Logger } from './logger';
import { textLine } from './text-line';

/** How the log is written. */
export interface LoggerOptions {
  readonly level: LogLevel;
  /** `text`: as Kafka's logs look; `json`: one object a line, with time, level, name, msg and the fields. */
  readonly format: 'text' | 'json';
  readonly name: string;
  /** Milliseconds since the epoch. @default the machine's clock */
  readonly wallMs?: () => number;
  /** Takes whole lines. @default standard output, synchronously, so that the last words of a process are not lost */
  readonly write?: (line: string) => void;
}

/** The part of pino's logger that is used; levels are pino's names. */
type Sink = Pick<pino.Logger, 'debug' | 'info' | 'warn' | 'error'>;

class PinoLogger implements Logger {
  readonly #root: pino.Logger;
  readonly #sink: Sink;

  constructor(root: pino.Logger, name: string) {
    this.#root = root;
    this.#sink = root.child({ name });
  }

  debug(message: string, fields?: LogFields): void {
    this.#sink.debug(fields ?? {}, message);
  }

  info(message: string, fields?: LogFields): void {
    this.#sink.info(fields ?? {}, message);
  }

  warn(message: string, fields?: LogFields): void {
    this.#sink.warn(fields ?? {}, message);
  }

  error(message: string, fields?: LogFields): void {
    this.#sink.error(fields ?? {}, message);
  }

  child(name: string): Logger {
    return new PinoLogger(this.#root, name);
  }
}

/** Errors in `error` and `err` are written with type, message, code and stack. */
export function createLogger(options: LoggerOptions): Logger {
  const { level, format, name, wallMs } = options;
  const write = options.write ?? standardOutput();
  const stream: DestinationStream = format === 'json' ? { write } : { write: (line) => write(textLine(line)) };
  const root = pino(
    {
      level: level === 'off' ? 'silent' : level,
      base: null,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: stdSerializers.err, err: stdSerializers.err },
      ...(wallMs === undefined ? {} : { timestamp: () => `,"time":${wallMs()}` }),
    },
    stream,
  );
  return new PinoLogger(root, name);
}

function standardOutput(): (line: string) => void {
  const stream = destination({ dest: 1, sync: true });
  return (line) => stream.write(line);
}
