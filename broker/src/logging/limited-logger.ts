import type { LogFields, Logger } from './logger';

export interface LogLimit {
  /** At most so many lines, of debug not counted, */
  readonly lines: number;
  /** in a window of so many milliseconds. */
  readonly windowMs: number;
  /** Any clock that does not go back. */
  monotonicMs(): number;
}

/**
 * A logger for lines that a stranger can cause, as many as he likes. What is over the limit is left out; the first line
 * of the next window says how many were. Children share the limit.
 */
export function limitedLogger(logger: Logger, limit: LogLimit): Logger {
  const state = { windowStartMs: -Infinity, lines: 0, leftOut: 0 };
  const admits = (): boolean => {
    const now = limit.monotonicMs();
    if (now - state.windowStartMs >= limit.windowMs) {
      if (state.leftOut > 0) {
        logger.warn(
          `${state.leftOut} lines like these were left out: more than ${limit.lines} in ${limit.windowMs} ms.`,
        );
      }
      state.windowStartMs = now;
      state.lines = 0;
      state.leftOut = 0;
    }
    if (state.lines < limit.lines) {
      state.lines++;
      return true;
    }
    state.leftOut++;
    return false;
  };
  return limited(logger, admits);
}

function limited(logger: Logger, admits: () => boolean): Logger {
  const at = (level: 'info' | 'warn' | 'error') => (message: string, fields?: LogFields) => {
    if (admits()) {
      logger[level](message, fields);
    }
  };
  return {
    debug: (message, fields) => logger.debug(message, fields),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (name) => limited(logger.child(name), admits),
  };
}
