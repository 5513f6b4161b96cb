import type { TopicPartition } from '../../log/topic-partition';
import { byCodeUnit } from '../topics/topic-filter';
import type { GroupDescription, GroupListing, NewOffset } from './group-admin';

const missing = '-';

/** A row of `--describe` or `--describe --offsets`; undefined is shown as a dash. */
export interface OffsetRow {
  readonly partition: TopicPartition | undefined;
  readonly committed: number | undefined;
  readonly end: number | undefined;
  readonly member: { readonly memberId: string; readonly host: string; readonly clientId: string } | undefined;
}

function longest(least: number, texts: readonly string[]): number {
  return texts.reduce((most, text) => Math.max(most, text.length), least);
}

function columns(widths: readonly number[], cells: readonly (string | number | undefined)[]): string {
  return cells.map((cell, i) => String(cell ?? missing).padEnd(widths[i] ?? 0)).join(' ');
}

/** The order of Kafka's tools, where they have one, is that of a hash table: here it is topic and partition. */
export function byPartition(left: TopicPartition, right: TopicPartition): number {
  return byCodeUnit(left.topic, right.topic) || left.partition - right.partition;
}

export function* offsetLines(groupId: string, rows: readonly OffsetRow[]): Generator<string> {
  const widths = [
    longest(15, [groupId]),
    longest(
      15,
      rows.map(({ partition }) => partition?.topic ?? missing),
    ),
    10,
    15,
    15,
    15,
    longest(
      15,
      rows.map(({ member }) => member?.memberId ?? missing),
    ),
    longest(
      15,
      rows.map(({ member }) => member?.host ?? missing),
    ),
  ];
  const titles = ['GROUP', 'TOPIC', 'PARTITION', 'CURRENT-OFFSET', 'LOG-END-OFFSET', 'LAG', 'CONSUMER-ID', 'HOST'];
  yield columns(widths, [...titles, 'CLIENT-ID']);
  for (const { partition, committed, end, member } of rows) {
    const lag = committed === undefined || end === undefined ? undefined : end - committed;
    const where = [groupId, partition?.topic, partition?.partition];
    yield columns(widths, [...where, committed, end, lag, member?.memberId, member?.host, member?.clientId]);
  }
}

export function* memberLines({ groupId, members }: GroupDescription, verbose: boolean): Generator<string> {
  const withInstances = members.some(({ groupInstanceId }) => groupInstanceId !== '');
  const width = (least: number, cell: (member: GroupDescription['members'][number]) => string) =>
    longest(least, members.map(cell));
  const widths = [
    longest(15, [groupId]),
    width(15, ({ memberId }) => memberId),
    ...(withInstances ? [width(17, ({ groupInstanceId }) => groupInstanceId)] : []),
    width(15, ({ host }) => host),
    width(15, ({ clientId }) => clientId),
    15,
  ];
  const titles = ['GROUP', 'CONSUMER-ID', ...(withInstances ? ['GROUP-INSTANCE-ID'] : []), 'HOST', 'CLIENT-ID'];
  yield `${columns(widths, [...titles, '#PARTITIONS'])} ${verbose ? 'ASSIGNMENT' : ''}`;
  for (const { memberId, groupInstanceId, host, clientId, assignment } of members) {
    const instance = withInstances ? [groupInstanceId] : [];
    const cells = [groupId, memberId, ...instance, host, clientId, assignment.length];
    yield `${columns(widths, cells)} ${verbose ? assignmentText(assignment) : ''}`;
  }
}

/** Partition numbers of each topic: `(0,1), (0)`. */
function assignmentText(assignment: readonly TopicPartition[]): string {
  if (assignment.length === 0) return missing;
  const topics = new Map<string, string[]>();
  for (const { topic, partition } of assignment) {
    topics.set(topic, [...(topics.get(topic) ?? []), String(partition)]);
  }
  return [...topics.values()]
    .map((partitions) => `(${partitions.sort(byCodeUnit).join(',')})`)
    .sort(byCodeUnit)
    .join(', ');
}

export function* stateLines(group: GroupDescription): Generator<string> {
  const { id, host, port } = group.coordinator;
  const coordinator = `${host}:${port}  (${id})`;
  // The first column has the width of the second one: that is how Kafka does it.
  const widths = [longest(25, [coordinator]), 25, 20, 15];
  yield columns(widths, ['GROUP', 'COORDINATOR (ID)', 'ASSIGNMENT-STRATEGY', 'STATE', '#MEMBERS']);
  yield columns(widths, [group.groupId, coordinator, group.assignor, group.state, group.members.length]);
}

export function* listingLines(
  groups: readonly GroupListing[],
  withType: boolean,
  withState: boolean,
): Generator<string> {
  const widths = [
    longest(
      15,
      groups.map(({ groupId }) => groupId),
    ) + 10,
    20,
    20,
  ];
  yield columns(widths, ['GROUP', ...(withType ? ['TYPE'] : []), ...(withState ? ['STATE'] : [])]);
  for (const { groupId, type, state } of groups) {
    const shownType = type === '' ? 'Unknown' : type[0]!.toUpperCase() + type.slice(1);
    yield columns(widths, [
      groupId,
      ...(withType ? [shownType] : []),
      ...(withState ? [state === '' ? 'Unknown' : state] : []),
    ]);
  }
}

const resetWidths = [30, 30, 10, 15];

export function* resetLines(offsets: ReadonlyMap<string, readonly NewOffset[]>): Generator<string> {
  yield columns(resetWidths, ['GROUP', 'TOPIC', 'PARTITION', 'NEW-OFFSET']);
  for (const [groupId, partitions] of offsets) {
    for (const { topic, partition, offset } of partitions) {
      yield columns(resetWidths, [groupId, topic, partition, offset]);
    }
  }
}

/** `topic,partition,offset`, with the group in front where there are several. */
export function* csvLines(offsets: ReadonlyMap<string, readonly NewOffset[]>, withGroup: boolean): Generator<string> {
  for (const [groupId, partitions] of offsets) {
    for (const { topic, partition, offset } of partitions) {
      yield [...(withGroup ? [groupId] : []), topic, partition, offset].map(csvCell).join(',');
    }
  }
}

function csvCell(value: string | number): string {
  const text = String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const deletionWidths = [30, 15, 15];

export function* deletedOffsetLines(outcomes: readonly (readonly [TopicPartition, string])[]): Generator<string> {
  yield columns(deletionWidths, ['TOPIC', 'PARTITION', 'STATUS']);
  for (const [{ topic, partition }, status] of outcomes) {
    yield columns(deletionWidths, [topic, partition >= 0 ? partition : 'Not Provided', status]);
  }
}
