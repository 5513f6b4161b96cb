import { topicNameProblem } from '../../server/topic-name';
import { CommandError, messageOf } from '../cli-error';

/** A topic as it is to be. */
export interface WantedTopic {
  readonly name: string;
  /** The cluster's default if absent. */
  readonly partitions?: number | undefined;
  readonly replicationFactor?: number | undefined;
  readonly config: ReadonlyMap<string, string>;
  readonly deletionPolicy: 'retain' | 'delete';
}

const topicFields = ['name', 'partitions', 'replicationFactor', 'config', 'deletionPolicy'];

/**
 * Reads `{"topics":[{"name","partitions","replicationFactor","config":{KEY:VALUE},"deletionPolicy":"retain"|"delete"}]}`.
 * @throws CommandError that names everything that is wrong
 */
export function parseTopicsFile(content: string): WantedTopic[] {
  let document: unknown;
  try {
    document = JSON.parse(content);
  } catch (error) {
    throw new CommandError(messageOf(error));
  }
  const topics = isObject(document) ? document.topics : undefined;
  if (!Array.isArray(topics)) throw new CommandError('accepted is {"topics":[…]}');
  const problems: string[] = [];
  const seen = new Set<string>();
  const wanted = (topics as readonly unknown[]).map((topic, i) => {
    const where = `topics[${i}]`;
    if (!isObject(topic)) {
      problems.push(`${where}: accepted is an object`);
      return undefined;
    }
    const { name, partitions, replicationFactor, config = {}, deletionPolicy = 'retain' } = topic;
    const problem = (field: string, value: unknown, accepted: string) =>
      problems.push(`${where}.${field} is ${JSON.stringify(value)}: accepted is ${accepted}`);
    for (const field of Object.keys(topic)) {
      if (!topicFields.includes(field)) problem(field, topic[field], `no such field, but ${topicFields.join(', ')}`);
    }
    const nameProblem = typeof name === 'string' ? topicNameProblem(name) : 'a text';
    if (nameProblem !== undefined) problem('name', name, `the name of a topic (${nameProblem})`);
    else if (seen.has(name as string)) problem('name', name, 'a name that no other topic of the file has');
    seen.add(String(name));
    if (partitions !== undefined && !isWhole(partitions, 100_000)) {
      problem('partitions', partitions, 'a whole number from 1 to 100000');
    }
    if (replicationFactor !== undefined && !isWhole(replicationFactor, 32767)) {
      problem('replicationFactor', replicationFactor, 'a whole number from 1 to 32767');
    }
    if (deletionPolicy !== 'retain' && deletionPolicy !== 'delete') {
      problem('deletionPolicy', deletionPolicy, '"retain" or "delete"');
    }
    const values = new Map<string, string>();
    if (!isObject(config)) problem('config', config, 'an object');
    else {
      for (const [key, value] of Object.entries(config)) {
        const isPlain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
        if (isPlain) values.set(key, String(value));
        else problem(`config[${JSON.stringify(key)}]`, value, 'a text, a number, true or false');
      }
    }
    return { name, partitions, replicationFactor, config: values, deletionPolicy } as WantedTopic;
  });
  if (problems.length > 0) throw new CommandError(problems.join('; '));
  return wanted.filter((topic) => topic !== undefined);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isWhole(value: unknown, most: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= most;
}
