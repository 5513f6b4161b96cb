import type { IConstruct } from 'constructs';

/** One sentence for every refusal: where, what was given, what would be accepted. */
export function refusal(what: string, value: unknown, accepted: string): string {
  return `${what}: ${JSON.stringify(value) ?? 'nothing'} is refused; accepted: ${accepted}`;
}

/** Throws for a prop that is wrong by itself: `bigdata/kafka: brokers: 0 is refused; accepted: 1 or more`. */
export function reject(construct: IConstruct, what: string, value: unknown, accepted: string): never {
  throw new Error(`${construct.node.path}: ${refusal(what, value, accepted)}`);
}

export function requireInteger(
  construct: IConstruct,
  what: string,
  value: number,
  least: number,
  most: number,
  why = '',
): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    reject(construct, what, value, `a whole number from ${least} to ${most}${why}`);
  }
}
