import type { Logger } from '../../../broker/src/logging/logger';

export type Level = 'debug' | 'info' | 'warn' | 'error';

/** Keeps the lines of these levels, an error with its stack behind its line. */
export function recordingLogger(...levels: readonly Level[]): Logger & { readonly lines: string[] } {
  const lines: string[] = [];
  const at = (level: Level) => (message: string, fields?: { readonly error?: unknown }) => {
    if (!levels.includes(level)) return;
    const error = fields?.error;
    lines.push(error === undefined ? message : `${message} ${error instanceof Error ? error.stack : String(error)}`);
  };
  const logger = {
    lines,
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => logger,
  };
  return logger;
}
