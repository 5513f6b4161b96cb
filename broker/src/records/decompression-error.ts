/**
 * Why compressed bytes could not be unpacked. `tooLarge`: they hold more than the limit that the caller gave (a bomb,
 * or a limit to raise); otherwise they are not what the codec writes.
 */
export class DecompressionError extends Error {
  override readonly name = 'DecompressionError';

  constructor(
    message: string,
    readonly tooLarge = false,
  ) {
    super(message);
  }
}

export function tooLarge(codec: string, limit: number): DecompressionError {
  return new DecompressionError(`${codec}: unpacks to more than the ${limit} bytes allowed`, true);
}
