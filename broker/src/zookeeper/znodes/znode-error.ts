/** A znode holds what Kafka would not have written there. */
export class ZnodeError extends Error {
  override readonly name = 'ZnodeError';

  constructor(
    readonly path: string,
    /** The data as found; the message has its beginning. */
    readonly data: string,
    problem: string,
  ) {
    super(`znode ${path} holds '${data.length > 300 ? `${data.slice(0, 300)}…` : data}': ${problem}`);
  }
}
