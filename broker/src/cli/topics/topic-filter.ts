import { isInternalTopic } from '../../replication/internal-topics';
import { UsageError } from '../cli-error';

/**
 * What `--topic` and `--include` select: a regular expression for whole names, of which a comma separates alternatives
 * (Kafka's IncludeList).
 * @throws UsageError
 */
export function topicPattern(option: string, text: string): RegExp {
  const source = text
    .trim()
    .replace(/^["']|["']$/g, '')
    .split(',')
    .map((each) => each.trim())
    .join('|');
  try {
    return new RegExp(`^(?:${source})$`);
  } catch (error) {
    throw new UsageError(`${option} ${text}: it is no regular expression: ${(error as Error).message}`);
  }
}

/** Sorted, as all of Kafka's tools list topics. */
export function selectTopics(all: readonly string[], topic: string | undefined, excludeInternal: boolean): string[] {
  const pattern = topic === undefined ? undefined : topicPattern('--topic', topic);
  return all
    .filter((name) => (pattern === undefined || pattern.test(name)) && !(excludeInternal && isInternalTopic(name)))
    .sort(byCodeUnit);
}

/** The order of Java's strings. */
export function byCodeUnit(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
