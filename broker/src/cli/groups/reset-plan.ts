import { partitionName, type TopicPartition } from '../../log/topic-partition';
import { CommandError, UsageError } from '../cli-error';
import type { ClusterClient } from '../client/cluster-client';
import { committedOffsets, listOffsets, OffsetSpec } from '../client/offsets';
import type { NewOffset } from './group-admin';

/** Where `--reset-offsets` goes to. */
export type ResetScenario =
  | { readonly to: 'earliest' | 'latest' | 'current' }
  | { readonly to: 'offset'; readonly offset: number }
  | { readonly to: 'shift'; readonly by: number }
  | { readonly to: 'timestamp'; readonly timestampMs: number }
  | { readonly to: 'plan'; readonly plan: ReadonlyMap<string, readonly NewOffset[]> };

interface Say {
  /** What belongs to the result. */
  readonly out: (line: string) => void;
  readonly warn: (line: string) => void;
}

/** The offsets that a group would have: those that a log does not reach are moved to its nearest end. */
export async function planReset(
  cluster: ClusterClient,
  groupId: string,
  partitions: readonly TopicPartition[],
  scenario: ResetScenario,
  say: Say,
): Promise<NewOffset[]> {
  const moveTo = (offset: (partition: TopicPartition) => number) =>
    inRange(
      cluster,
      partitions.map((each) => ({ ...each, offset: offset(each) })),
      say,
    );
  switch (scenario.to) {
    case 'earliest':
    case 'latest':
      return newOffsets(await listOffsets(cluster, partitions, OffsetSpec[scenario.to]));
    case 'offset':
      return moveTo(() => scenario.offset);
    case 'shift': {
      const committed = await committedOffsets(cluster, groupId);
      return moveTo((each) => {
        const found = committed.get(partitionName(each));
        if (found !== undefined) return found.offset + scenario.by;
        const name = partitionName(each);
        throw new CommandError(`Cannot shift offset for partition ${name} since there is no current committed offset`);
      });
    }
    case 'timestamp':
      return atTimestamp(cluster, partitions, scenario.timestampMs, say);
    case 'plan': {
      const plan = scenario.plan.get(groupId);
      if (plan === undefined) say.out(`\nError: No reset plan for group ${groupId} found`);
      return inRange(cluster, plan ?? [], say);
    }
    case 'current': {
      const committed = await committedOffsets(cluster, groupId);
      const without = partitions.filter((each) => !committed.has(partitionName(each)));
      const ends = newOffsets(await listOffsets(cluster, without, OffsetSpec.latest));
      const byName = new Map(ends.map((each) => [partitionName(each), each.offset]));
      return partitions.map((each) => {
        const name = partitionName(each);
        return { ...each, offset: committed.get(name)?.offset ?? byName.get(name)! };
      });
    }
  }
}

function newOffsets(listed: readonly NewOffset[]): NewOffset[] {
  return listed.map(({ topic, partition, offset }) => ({ topic, partition, offset }));
}

async function atTimestamp(
  cluster: ClusterClient,
  partitions: readonly TopicPartition[],
  timestampMs: number,
  say: Say,
): Promise<NewOffset[]> {
  const listed = await listOffsets(cluster, partitions, BigInt(timestampMs));
  const without = listed.filter(({ offset }) => offset < 0);
  const ends = await listOffsets(cluster, without, OffsetSpec.latest);
  for (const { topic, partition } of without) {
    say.out(`\nWarn: Partition ${partition} from topic ${topic} is empty. Falling back to latest known offset.`);
  }
  const byName = new Map(ends.map((each) => [partitionName(each), each.offset]));
  return newOffsets(listed).map((each) => ({ ...each, offset: byName.get(partitionName(each)) ?? each.offset }));
}

async function inRange(cluster: ClusterClient, wanted: readonly NewOffset[], say: Say): Promise<NewOffset[]> {
  const [starts, ends] = await Promise.all([
    listOffsets(cluster, wanted, OffsetSpec.earliest),
    listOffsets(cluster, wanted, OffsetSpec.latest),
  ]);
  return wanted.map((each, i) => {
    const start = starts[i]!.offset;
    const end = ends[i]!.offset;
    const offset = Math.min(Math.max(each.offset, start), end);
    if (offset !== each.offset) {
      const side = each.offset > end ? 'higher than latest' : 'lower than earliest';
      const name = partitionName(each);
      say.warn(
        `New offset (${each.offset}) is ${side} offset for topic partition ${name}. Value will be set to ${offset}`,
      );
    }
    return { topic: each.topic, partition: each.partition, offset };
  });
}

/** `topic` or `topic:0,1,2`: the partitions are undefined where all are meant. */
export function parseTopicPartitions(text: string): {
  readonly topic: string;
  readonly partitions?: readonly number[];
} {
  if (!text.includes(':')) return { topic: text };
  const [topic = '', numbers = '', ...more] = text.split(':');
  if (topic === '' || numbers === '' || more.length > 0) {
    throw new UsageError(`Invalid topic arg '${text}', expected topic name and partitions`);
  }
  const partitions = numbers.split(',').map((number) => {
    if (!/^\d+$/.test(number)) throw new UsageError(`Invalid partition '${number}' specified in topic arg '${text}'`);
    return Number(number);
  });
  return { topic, partitions };
}

/** `topic,partition,offset` a line, or with the group in front; `group` is for lines without one. */
export function parsePlan(file: string, text: string, group: string | undefined): Map<string, NewOffset[]> {
  const plan = new Map<string, NewOffset[]>();
  text.split(/\r?\n/).forEach((line, i) => {
    if (line.trim() === '') return;
    const cells = line.split(',').map((cell) =>
      cell
        .trim()
        .replace(/^"(.*)"$/, '$1')
        .replaceAll('""', '"'),
    );
    const groupId = cells.length === 4 ? cells.shift() : group;
    const [topic, partition, offset] = cells;
    if (groupId === undefined || cells.length !== 3 || !/^\d+$/.test(partition!) || !/^\d+$/.test(offset!)) {
      throw new CommandError(
        `--from-file ${file}, line ${i + 1}: topic,partition,offset is accepted, with the group in front where --group does not name one`,
      );
    }
    const entry = { topic: topic!, partition: Number(partition), offset: Number(offset) };
    plan.set(groupId, [...(plan.get(groupId) ?? []), entry]);
  });
  return plan;
}

/** `YYYY-MM-DDTHH:mm:SS.sss`, in UTC unless a time zone stands behind it. */
export function parseDatetime(text: string): number {
  const [, date, time, zone = 'Z'] = /^(\d{4}-\d\d-\d\d)T([\d:.]+)(Z|[+-]\d\d(?::?\d\d)?)?$/.exec(text.trim()) ?? [];
  const withColon = zone.replace(/^([+-]\d\d):?(\d\d)?$/, (_, hours: string, minutes = '00') => `${hours}:${minutes}`);
  const timestampMs = date === undefined ? Number.NaN : Date.parse(`${date}T${time}${withColon}`);
  if (Number.isNaN(timestampMs)) {
    throw new UsageError(
      `--to-datetime ${text}: YYYY-MM-DDTHH:mm:SS.sss is accepted, in UTC or with a time zone as +01:00`,
    );
  }
  return timestampMs;
}

/** An ISO-8601 duration of days, hours, minutes and seconds, in milliseconds. */
export function parseDuration(text: string): number {
  const pattern = /^([+-])?P(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/i;
  const found = pattern.exec(text.trim());
  const parts = found?.slice(2) ?? [];
  if (found === null || parts.every((part) => part === undefined)) {
    throw new UsageError(`--by-duration ${text}: PnDTnHnMnS is accepted, PT15M for instance`);
  }
  const [days, hours, minutes, seconds] = parts.map((part) => Number(part ?? 0)) as [number, number, number, number];
  const ms = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000;
  return found[1] === '-' ? -ms : ms;
}
