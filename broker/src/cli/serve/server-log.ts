import type { Logger } from '../../logging/logger';
import { logLevels } from '../../logging/log-level';
import { createLogger } from '../../logging/pino-logger';
import { UsageError } from '../cli-error';
import { text } from '../options';

/** Options of every command that runs a server. */
export const logOptions = {
  logLevel: text('level', `What is logged: ${logLevels.join(', ')}.`, { fallback: 'info' }),
  logFormat: text('format', "Lines as Kafka's (text) or an object each (json).", { fallback: 'text' }),
} as const;

/**
 * @param write takes whole lines; standard output if absent
 * @throws UsageError for a level or a format that there is not
 */
export function serverLog(
  options: { readonly logLevel: string; readonly logFormat: string },
  write?: (line: string) => void,
): Logger {
  const level = logLevels.find((known) => known === options.logLevel);
  if (level === undefined) {
    throw new UsageError(`--log-level ${options.logLevel}: accepted are ${logLevels.join(', ')}`);
  }
  const { logFormat } = options;
  if (logFormat !== 'text' && logFormat !== 'json') {
    throw new UsageError(`--log-format ${logFormat}: accepted are text and json`);
  }
  return createLogger({ level, format: logFormat, name: 'odradek', ...(write === undefined ? {} : { write }) });
}
