import { partitionName, type TopicPartition } from '../../log/topic-partition';
import { ErrorCode, errorName, KafkaError } from '../../protocol/errors';
import { CommandError, messageOf, UsageError } from '../cli-error';
import { throwIfError, type ClusterClient } from '../client/cluster-client';
import { withCluster } from '../client/connect';
import { committedOffsets, listOffsets, OffsetSpec } from '../client/offsets';
import { defineCommand } from '../command';
import type { CliContext } from '../context';
import {
  alterOffsets,
  deleteGroups,
  deleteOffsets,
  describeGroup,
  listGroups,
  type GroupDescription,
  type NewOffset,
} from '../groups/group-admin';
import {
  byPartition,
  csvLines,
  deletedOffsetLines,
  listingLines,
  memberLines,
  offsetLines,
  resetLines,
  stateLines,
  type OffsetRow,
} from '../groups/group-tables';
import {
  parseDatetime,
  parseDuration,
  parsePlan,
  parseTopicPartitions,
  planReset,
  type ResetScenario,
} from '../groups/reset-plan';
import { flag, int, required, text, texts, type OptionValues } from '../options';

const options = {
  bootstrapServer: text('server', 'Brokers to ask first: host:port,host:port.'),
  commandConfig: text('file', "Properties of the client that asks, in Kafka's names."),
  list: flag('List the groups.'),
  describe: flag('Show how far groups have read, their members or their state.'),
  delete: flag('Delete groups without members.'),
  resetOffsets: flag('Move the offsets of groups without members.'),
  deleteOffsets: flag("Forget a group's offsets of topics."),
  group: texts('group', 'The group; may be given several times.'),
  allGroups: flag('All groups.'),
  topic: texts('topic', 'A topic, or partitions of it: orders:0,1. May be given several times.'),
  allTopics: flag('Reset: all topics that the group has offsets of.'),
  members: flag('Describe: the members.'),
  offsets: flag('Describe: offsets and lag, which is also what it does by itself.'),
  verbose: flag('Describe: also the partitions of each member.'),
  state: { ...text('[states]', 'Describe: the state. List: also the states, or only groups in these.'), preset: '' },
  type: { ...text('[types]', 'List: also the types, or only groups of these.'), preset: '' },
  toEarliest: flag('Reset to the first record.'),
  toLatest: flag('Reset to the end.'),
  toCurrent: flag('Reset to the offsets that are committed.'),
  toOffset: int('offset', 'Reset to an offset.'),
  shiftBy: int('count', 'Reset forwards or, if negative, backwards.'),
  toDatetime: text('time', 'Reset to the first record from this time on: YYYY-MM-DDTHH:mm:SS.sss.'),
  byDuration: text('duration', 'Reset to so long ago: PnDTnHnMnS.'),
  fromFile: text('file', 'Reset to the offsets of a CSV file.'),
  dryRun: flag('Reset: only show what would be.'),
  execute: flag('Reset: do it.'),
  export: { ...text('[csv]', 'Reset: show it as CSV, for --from-file.'), preset: 'csv' },
  timeout: int('ms', 'How long to try.', { fallback: 30_000 }),
  zookeeper: text('hosts', 'Not any more: use --bootstrap-server.', { hidden: true }),
  newConsumer: flag('Without effect.', { hidden: true }),
};
type Options = OptionValues<typeof options>;

/** kafka-consumer-groups */
export const groups = defineCommand({
  summary: 'List, describe and delete consumer groups, and move their offsets (kafka-consumer-groups).',
  options,
  helpWithoutArguments: true,
  examples: [
    '% --bootstrap-server localhost:9092 --list',
    '% --bootstrap-server localhost:9092 --describe --group readers',
    '% --bootstrap-server localhost:9092 --group readers --topic orders --reset-offsets --to-earliest --execute',
  ],
  async run({ options: given }, context) {
    const asked = (['list', 'describe', 'delete', 'resetOffsets', 'deleteOffsets'] as const).filter(
      (each) => given[each],
    );
    if (asked.length !== 1) {
      throw new UsageError(
        'Command must include exactly one action: --list, --describe, --delete, --reset-offsets, --delete-offsets',
      );
    }
    if (given.zookeeper !== undefined) {
      throw new UsageError('--zookeeper: groups are not in ZooKeeper any more; use --bootstrap-server host:port');
    }
    required('bootstrap-server', given.bootstrapServer);
    checkGroups(given);
    return withCluster(context, given, async (cluster) => {
      try {
        return await actions[asked[0]!](cluster, given, context);
      } catch (error) {
        if (error instanceof UsageError) throw error;
        context.stdout.line(`\nError: Executing consumer group command failed due to ${messageOf(error)}`);
        return 1;
      }
    });
  },
});

const actions = { list, describe, delete: deleteThem, resetOffsets, deleteOffsets: forgetOffsets };

function checkGroups(given: Options): void {
  if (given.list) return;
  if (given.group.length > 0 && given.allGroups)
    throw new UsageError('Only one of --group and --all-groups is accepted');
  if (given.group.length === 0 && !given.allGroups) throw new UsageError('--group or --all-groups is missing');
  if (given.deleteOffsets && (given.topic.length === 0 || given.group.length !== 1)) {
    throw new UsageError('--delete-offsets takes one --group, and --topic');
  }
  if (given.describe) {
    if ([given.members, given.offsets, given.state !== undefined].filter((each) => each).length > 1) {
      throw new UsageError('--describe takes at most one of --members, --offsets and --state');
    }
    if (given.state) throw new UsageError('--describe does not take a value for --state');
  }
}

async function groupIds(cluster: ClusterClient, given: Options): Promise<readonly string[]> {
  if (!given.allGroups) return [...new Set(given.group)].sort();
  return (await listGroups(cluster)).map(({ groupId }) => groupId);
}

const knownStates = [
  'Empty',
  'Stable',
  'PreparingRebalance',
  'CompletingRebalance',
  'Dead',
  'Assigning',
  'Reconciling',
];
const knownTypes = ['Classic', 'Consumer'];

function parseNames(what: string, given: string | undefined, known: readonly string[]): string[] {
  return (given ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
    .map((each) => {
      const found = known.find((name) => name.toLowerCase() === each.toLowerCase());
      if (found !== undefined) return found;
      throw new UsageError(`Invalid ${what} list '${given}'. Valid ${what}s are: ${known.join(', ')}`);
    });
}

async function list(cluster: ClusterClient, given: Options, { stdout }: CliContext): Promise<number> {
  const states = parseNames('state', given.state, knownStates);
  const types = parseNames('type', given.type, knownTypes);
  const found = await listGroups(cluster, states, types);
  if (given.state === undefined && given.type === undefined) {
    for (const { groupId } of found) stdout.line(groupId);
  } else {
    for (const line of listingLines(found, given.type !== undefined, given.state !== undefined)) stdout.line(line);
  }
  return 0;
}

async function describe(cluster: ClusterClient, given: Options, context: CliContext): Promise<number> {
  let code = 0;
  for (const groupId of await groupIds(cluster, given)) {
    const group = await describeGroup(cluster, groupId);
    const rows = given.members || given.state !== undefined ? [] : await offsetRows(cluster, group);
    const count = given.state !== undefined ? 1 : given.members ? group.members.length : rows.length;
    if (group.state === 'Dead') code = 1;
    if (!sayState(group, context) || count === 0) continue;
    const lines = given.members
      ? memberLines(group, given.verbose)
      : given.state !== undefined
        ? stateLines(group)
        : offsetLines(groupId, rows);
    context.stdout.line();
    for (const line of lines) context.stdout.line(line);
  }
  return code;
}

/** Says what is unusual about the group's state; false when there is no such group. */
function sayState({ groupId, state }: GroupDescription, { stdout, stderr }: CliContext): boolean {
  switch (state) {
    case 'Dead':
      stdout.line(`\nError: Consumer group '${groupId}' does not exist.`);
      return false;
    case 'Empty':
      stderr.line(`\nConsumer group '${groupId}' has no active members.`);
      return true;
    case 'Stable':
      return true;
    default:
      stderr.line(`\nWarning: Consumer group '${groupId}' is rebalancing.`);
      return true;
  }
}

async function offsetRows(cluster: ClusterClient, group: GroupDescription): Promise<OffsetRow[]> {
  if (group.state === 'Dead') return [];
  const committed = await committedOffsets(cluster, group.groupId);
  const members = group.members
    .filter(({ assignment }) => assignment.length > 0)
    .sort((left, right) => right.assignment.length - left.assignment.length);
  const assigned = new Set(members.flatMap(({ assignment }) => assignment.map(partitionName)));
  const owned = members.flatMap((member) =>
    [...member.assignment].sort(byPartition).map((partition) => ({ partition, member })),
  );
  const others = [...committed.values()]
    .filter((each) => !assigned.has(partitionName(each)))
    .sort(byPartition)
    .map((partition) => ({ partition, member: undefined }));
  const rows = [...owned, ...others];
  const ends = await endOffsets(
    cluster,
    rows.map(({ partition }) => partition),
  );
  return rows.map(({ partition, member }) => {
    const name = partitionName(partition);
    return { partition, member, committed: committed.get(name)?.offset, end: ends.get(name) };
  });
}

/** Without those of topics that are not there any more. */
async function endOffsets(cluster: ClusterClient, partitions: readonly TopicPartition[]): Promise<Map<string, number>> {
  const { topics } = await cluster.metadata([...new Set(partitions.map(({ topic }) => topic))]);
  const gone = new Set(
    topics.filter(({ errorCode }) => errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION).map(({ name }) => name),
  );
  const listed = await listOffsets(
    cluster,
    partitions.filter(({ topic }) => !gone.has(topic)),
    OffsetSpec.latest,
  );
  return new Map(listed.map((each) => [partitionName(each), each.offset]));
}

async function deleteThem(cluster: ClusterClient, given: Options, { stdout }: CliContext): Promise<number> {
  const outcomes = [...(await deleteGroups(cluster, await groupIds(cluster, given)))];
  const deleted = outcomes.filter(([, error]) => error === undefined).map(([groupId]) => groupId);
  const failed = outcomes.filter(([, error]) => error !== undefined);
  if (failed.length === 0) {
    stdout.line(`Deletion of requested consumer groups ('${deleted.join(', ')}') was successful.`);
    return 0;
  }
  stdout.line('\nError: Deletion of some consumer groups failed:');
  for (const [groupId, error] of failed) {
    stdout.line(`* Group '${groupId}' could not be deleted due to: ${messageOf(error)}`);
  }
  if (deleted.length > 0) {
    stdout.line(`\nThese consumer groups were deleted successfully: ${deleted.map((each) => `'${each}'`).join(', ')}`);
  }
  return 1;
}

async function resetOffsets(cluster: ClusterClient, given: Options, context: CliContext): Promise<number> {
  const { stdout, stderr } = context;
  if (given.dryRun && given.execute)
    throw new UsageError('--reset-offsets only accepts one of --execute and --dry-run');
  const scenario = await scenarioOf(given, context);
  if (scenario.to !== 'plan' && !given.allTopics && given.topic.length === 0) {
    throw new UsageError('One of the reset scopes should be defined: --all-topics, --topic.');
  }
  if (!given.dryRun && !given.execute) {
    stderr.line(
      'WARN: No action will be performed as the --execute option is missing; --dry-run says that it is meant so.',
    );
  }
  const planned = new Map<string, readonly NewOffset[]>();
  let code = 0;
  for (const groupId of await groupIds(cluster, given)) {
    const { state } = await describeGroup(cluster, groupId);
    if (state !== 'Empty' && state !== 'Dead') {
      stdout.line(
        `\nError: Assignments can only be reset if the group '${groupId}' is inactive, but the current state is ${state}.`,
      );
      code = 1;
      planned.set(groupId, []);
      continue;
    }
    const partitions = given.allTopics
      ? [...(await committedOffsets(cluster, groupId)).values()]
      : await namedPartitions(cluster, given.topic);
    const say = { out: (line: string) => stdout.line(line), warn: (line: string) => stderr.line(`WARN ${line}`) };
    const offsets = (await planReset(cluster, groupId, partitions, scenario, say)).sort(byPartition);
    if (given.execute) await alterOffsets(cluster, groupId, offsets);
    planned.set(groupId, offsets);
  }
  if (given.export !== undefined) {
    for (const line of csvLines(planned, given.group.length !== 1)) stdout.line(line);
  } else if (planned.size > 0) {
    stdout.line();
    for (const line of resetLines(planned)) stdout.line(line);
  }
  return code;
}

async function scenarioOf(given: Options, { io }: CliContext): Promise<ResetScenario> {
  const scenarios: (() => ResetScenario | Promise<ResetScenario>)[] = [];
  const { toOffset, shiftBy, toDatetime, byDuration, fromFile } = given;
  if (given.toEarliest) scenarios.push(() => ({ to: 'earliest' }));
  if (given.toLatest) scenarios.push(() => ({ to: 'latest' }));
  if (given.toCurrent) scenarios.push(() => ({ to: 'current' }));
  if (toOffset !== undefined) scenarios.push(() => ({ to: 'offset', offset: toOffset }));
  if (shiftBy !== undefined) scenarios.push(() => ({ to: 'shift', by: shiftBy }));
  if (toDatetime !== undefined) {
    scenarios.push(() => ({ to: 'timestamp', timestampMs: parseDatetime(toDatetime) }));
  }
  if (byDuration !== undefined) {
    scenarios.push(() => ({ to: 'timestamp', timestampMs: io.clock.wallMs() - parseDuration(byDuration) }));
  }
  if (fromFile !== undefined) {
    scenarios.push(async () => {
      const group = given.group.length === 1 ? given.group[0] : undefined;
      return { to: 'plan', plan: parsePlan(fromFile, await readText(io.files, fromFile), group) };
    });
  }
  if (scenarios.length !== 1) {
    throw new UsageError(
      '--reset-offsets requires one of: --to-earliest, --to-latest, --to-current, --to-offset, --shift-by, --to-datetime, --by-duration, --from-file',
    );
  }
  return scenarios[0]!();
}

async function readText(files: CliContext['io']['files'], path: string): Promise<string> {
  try {
    return (await files.readFile(path)).toString();
  } catch (error) {
    throw new CommandError(`--from-file ${path}: ${messageOf(error)}`);
  }
}

async function namedPartitions(cluster: ClusterClient, topics: readonly string[]): Promise<TopicPartition[]> {
  const named = topics.map(parseTopicPartitions);
  const whole = named.filter(({ partitions }) => partitions === undefined).map(({ topic }) => topic);
  const metadata = whole.length === 0 ? [] : (await cluster.metadata(whole)).topics;
  const all = metadata.flatMap(({ name, errorCode, partitions }) => {
    throwIfError(errorCode, `${name}: ${errorName(errorCode)}`);
    return partitions.map(({ partitionIndex }) => ({ topic: name ?? '', partition: partitionIndex }));
  });
  return [
    ...named.flatMap(({ topic, partitions = [] }) => partitions.map((partition) => ({ topic, partition }))),
    ...all,
  ];
}

async function forgetOffsets(cluster: ClusterClient, given: Options, { stdout }: CliContext): Promise<number> {
  const groupId = given.group[0]!;
  const partitions = (await namedPartitions(cluster, given.topic)).sort(byPartition);
  let statuses: (readonly [TopicPartition, string])[];
  let code = 0;
  try {
    const outcomes = await deleteOffsets(cluster, groupId, partitions);
    statuses = partitions.map((each) => {
      const outcome = outcomes.get(partitionName(each)) ?? ErrorCode.NONE;
      return [each, outcome === ErrorCode.NONE ? 'Successful' : `Error: :${errorName(outcome)}`];
    });
    if (statuses.some(([, status]) => status !== 'Successful')) {
      stdout.line('\nError: Encounter some partition level error, see the follow-up details:');
      code = 1;
    } else {
      stdout.line(`Request succeed for deleting offsets with topic ${given.topic.join(', ')} group ${groupId}`);
    }
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    code = 1;
    stdout.line(`\nError: ${whyNotDeleted(groupId, error)}`);
    statuses = partitions.map((each) => [each, `Error: :${error.message}`]);
  }
  stdout.line();
  for (const line of deletedOffsetLines(statuses)) stdout.line(line);
  return code;
}

function whyNotDeleted(groupId: string, { code, message }: KafkaError): string {
  switch (code) {
    case ErrorCode.INVALID_GROUP_ID:
      return `'${groupId}' is not valid.`;
    case ErrorCode.GROUP_ID_NOT_FOUND:
      return `'${groupId}' does not exist.`;
    case ErrorCode.GROUP_AUTHORIZATION_FAILED:
      return `Access to '${groupId}' is not authorized.`;
    case ErrorCode.NON_EMPTY_GROUP:
      return `Deleting offsets of a consumer group '${groupId}' is forbidden if the group is not empty.`;
    default:
      return `Encounter some unknown error: ${message}`;
  }
}
