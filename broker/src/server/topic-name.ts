import { ErrorCode, KafkaError } from '../protocol/errors';

const maxLength = 249;

/** The topic of KRaft's own log: it is never created. */
export const clusterMetadataTopic = '__cluster_metadata';

/** What is wrong with a topic's name, or undefined (Kafka's Topic.validate). */
export function topicNameProblem(name: string): string | undefined {
  if (name === '') return 'the empty string is not allowed';
  if (name === '.' || name === '..') return `'${name}' is not allowed`;
  if (name.length > maxLength) return `the length of '${name}' is longer than the max allowed length ${maxLength}`;
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) {
    return `'${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`;
  }
  return undefined;
}

/** @throws KafkaError INVALID_TOPIC_EXCEPTION */
export function validateTopicName(name: string): void {
  const problem = topicNameProblem(name);
  if (problem !== undefined) {
    throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, `Topic name is invalid: ${problem}`);
  }
}

/** Whether the name has a character that metrics write as another one. */
export function hasCollisionChars(name: string): boolean {
  return name.includes('_') || name.includes('.');
}

/** Metrics write '.' as '_': two topics whose names differ in that alone cannot be told apart there. */
export function topicNamesCollide(a: string, b: string): boolean {
  return a.replaceAll('.', '_') === b.replaceAll('.', '_');
}
