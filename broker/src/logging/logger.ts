/** Extra values of a log line: ids, sizes, errors. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Log lines. A message is a whole sentence that names the thing it is about and says what follows from it; `fields`
 * carries the values for machines.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger for a part, named as Kafka names its loggers ("Log", "ReplicaManager", …). */
  child(name: string): Logger;
}

/** Drops everything. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
