/** What a person is told when a command cannot do what was asked: one message, no stack trace, exit code 1. */
export class CommandError extends Error {
  override readonly name: string = 'CommandError';
}

/** The command line itself is wrong: the message is followed by where the help is. */
export class UsageError extends CommandError {
  override readonly name = 'UsageError';
}

/** The text of whatever was thrown, for a person. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ');
  return error.message === '' ? error.name : error.message;
}
