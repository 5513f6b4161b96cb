/** A value now, or later: what is in memory is answered in the same turn. */
export type MaybePromise<T> = T | Promise<T>;

export function chain<A, B>(value: MaybePromise<A>, next: (value: A) => MaybePromise<B>): MaybePromise<B> {
  return value instanceof Promise ? value.then(next) : next(value);
}
