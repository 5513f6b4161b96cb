import type { Producer } from '@platformatic/kafka';

/** What is of use in the library's errors, which wrap each other. */
interface WrappedError {
  readonly message?: string;
  /** Kafka's name of an error that a broker gave. */
  readonly apiId?: string;
  readonly errors?: readonly unknown[];
  readonly cause?: unknown;
}

/** Kafka's name of the error that a broker gave, where it was one. */
export function brokerErrorName(error: unknown): string | undefined {
  for (const each of innermostFirst(error)) if (typeof each.apiId === 'string') return each.apiId;
  return undefined;
}

/** One line for a person: the broker's error, or else what went wrong first. */
export function libraryErrorText(error: unknown): string {
  const inner = [...innermostFirst(error)];
  const given = inner.find((each) => typeof each.apiId === 'string') ?? inner.find((each) => each.message);
  if (given === undefined) return String(error);
  return given.apiId === undefined ? given.message! : `${given.apiId}: ${given.message}`;
}

function* innermostFirst(error: unknown, depth = 0): Generator<WrappedError> {
  if (typeof error !== 'object' || error === null || depth > 10) return;
  const wrapped = error as WrappedError;
  for (const inner of [...(wrapped.errors ?? []), wrapped.cause]) yield* innermostFirst(inner, depth + 1);
  yield wrapped;
}

/** The library's producer of bare bytes. */
export type BytesProducer = Producer<Buffer, Buffer, Buffer, Buffer>;
