/** What a person is told when the tool cannot do what was asked: one message, no stack trace, exit code 1. */
export class ToolError extends Error {
  override readonly name = 'ToolError';
}

/** The text of whatever was thrown, for a person. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
