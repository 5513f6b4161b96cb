import { describe, expect, test } from 'vitest';
import { parseAddedConfigs, parseDeletedConfigs } from '../../../broker/src/cli/configs/config-arguments';
import { parseTopicsFile } from '../../../broker/src/cli/reconcile/topics-file';
import { parseReplicaAssignment, parseTopicConfigs } from '../../../broker/src/cli/topics/topic-arguments';
import { describeLines, type DescribedTopic } from '../../../broker/src/cli/topics/topic-description';
import { selectTopics } from '../../../broker/src/cli/topics/topic-filter';

const topic: DescribedTopic = {
  name: 'a.b',
  topicId: '8siyKpEzSvOw6YuIyDFXiw',
  replicationFactor: 3,
  configs: [
    ['cleanup.policy', 'delete'],
    ['retention.ms', '1000000'],
  ],
  minInsyncReplicas: 2,
  markedForDeletion: false,
  partitions: [
    { partition: 0, leader: 1, replicas: [1, 2, 3], isr: [1, 2, 3] },
    { partition: 1, leader: 2, replicas: [2, 3, 1], isr: [2, 3] },
    { partition: 2, leader: -1, replicas: [3, 1, 2], isr: [3] },
    { partition: 3, leader: 4, replicas: [1, 2, 4], isr: [1, 2, 4], reassignment: { adding: [4], removing: [3] } },
  ],
};
const none = {
  underReplicatedPartitions: false,
  unavailablePartitions: false,
  underMinIsrPartitions: false,
  atMinIsrPartitions: false,
  topicsWithOverrides: false,
};
const live = new Set([1, 2, 3]);

function lines(selection: Partial<typeof none> = {}, eligibleLeaders = true, changed: Partial<DescribedTopic> = {}) {
  return [...describeLines({ ...topic, ...changed }, { ...none, ...selection }, live, { eligibleLeaders })];
}
const partitions = (selection: Partial<typeof none>) =>
  lines(selection).map((line) => Number(/Partition: (\d+)/.exec(line)?.[1]));

describe('--describe', () => {
  test("has Kafka 3.9's lines", () => {
    expect(lines()).toEqual([
      'Topic: a.b\tTopicId: 8siyKpEzSvOw6YuIyDFXiw\tPartitionCount: 4\tReplicationFactor: 3\tConfigs: cleanup.policy=delete,retention.ms=1000000',
      '\tTopic: a.b\tPartition: 0\tLeader: 1\tReplicas: 1,2,3\tIsr: 1,2,3\tElr: N/A\tLastKnownElr: N/A',
      '\tTopic: a.b\tPartition: 1\tLeader: 2\tReplicas: 2,3,1\tIsr: 2,3\tElr: N/A\tLastKnownElr: N/A',
      '\tTopic: a.b\tPartition: 2\tLeader: none\tReplicas: 3,1,2\tIsr: 3\tElr: N/A\tLastKnownElr: N/A',
      '\tTopic: a.b\tPartition: 3\tLeader: 4\tReplicas: 1,2,4\tIsr: 1,2,4\tAdding Replicas: 4\tRemoving Replicas: 3\tElr: N/A\tLastKnownElr: N/A',
    ]);
  });

  test("has Kafka 2.4's with --zookeeper", () => {
    expect(lines({}, false, { topicId: undefined, markedForDeletion: true }).slice(0, 2)).toEqual([
      'Topic: a.b\tPartitionCount: 4\tReplicationFactor: 3\tConfigs: cleanup.policy=delete,retention.ms=1000000\tMarkedForDeletion: true',
      '\tTopic: a.b\tPartition: 0\tLeader: 1\tReplicas: 1,2,3\tIsr: 1,2,3\tMarkedForDeletion: true',
    ]);
  });

  test('selects partitions by their state', () => {
    expect(partitions({ underReplicatedPartitions: true })).toEqual([1, 2]);
    expect(partitions({ unavailablePartitions: true })).toEqual([2, 3]);
    expect(partitions({ underMinIsrPartitions: true })).toEqual([2]);
    expect(partitions({ atMinIsrPartitions: true })).toEqual([1]);
  });

  test('selects topics that have a configuration of their own', () => {
    expect(lines({ topicsWithOverrides: true })).toHaveLength(1);
    expect(lines({ topicsWithOverrides: true }, true, { configs: [] })).toEqual([]);
  });
});

describe('arguments', () => {
  test('--topic is a regular expression for whole names', () => {
    const all = ['b', 'a.b', 'ab', '__consumer_offsets'];
    expect(selectTopics(all, undefined, false)).toEqual(['__consumer_offsets', 'a.b', 'ab', 'b']);
    expect(selectTopics(all, 'a.?b', true)).toEqual(['a.b', 'ab']);
    expect(selectTopics(all, '"b, ab"', true)).toEqual(['ab', 'b']);
    expect(() => selectTopics(all, '(', true)).toThrow('--topic (: it is no regular expression');
  });

  test('--replica-assignment', () => {
    expect(parseReplicaAssignment('1:2, 2:3')).toEqual([
      [1, 2],
      [2, 3],
    ]);
    expect(() => parseReplicaAssignment('1:1')).toThrow('may not contain duplicate entries: 1');
    expect(() => parseReplicaAssignment('1:2,3')).toThrow('Partition 1 has different replication factor: [3]');
    expect(() => parseReplicaAssignment('1,x')).toThrow("'x' is no broker id");
  });

  test('--config', () => {
    expect([...parseTopicConfigs(['a = b=c', 'd=e'])]).toEqual([
      ['a', 'b=c'],
      ['d', 'e'],
    ]);
    expect(() => parseTopicConfigs(['a='])).toThrow('key=val');
  });

  test('--add-config keeps commas inside of brackets, and takes empty values', () => {
    expect([...parseAddedConfigs('a=1,b=[x,y],c=,d = z')]).toEqual([
      ['a', '1'],
      ['b', 'x,y'],
      ['c', ''],
      ['d', 'z'],
    ]);
    expect(() => parseAddedConfigs('a')).toThrow('key=val');
    expect(() => parseAddedConfigs('a b=1')).toThrow('Invalid character found for config key: a b');
    expect(parseDeletedConfigs(['a, b', 'c'])).toEqual(['a', 'b', 'c']);
  });
});

describe('topics.json', () => {
  const parse = (...topics: unknown[]) => parseTopicsFile(JSON.stringify({ topics }));

  test('has defaults for all but the name', () => {
    expect(parse({ name: 'a', config: { 'retention.ms': 5, x: 'y', z: true } })).toEqual([
      {
        name: 'a',
        config: new Map([
          ['retention.ms', '5'],
          ['x', 'y'],
          ['z', 'true'],
        ]),
        deletionPolicy: 'retain',
      },
    ]);
  });

  test('names everything that is wrong', () => {
    expect(() =>
      parse({ name: 'a' }, { name: 'a' }, { name: 'b c', partitions: 0, deletionPolicy: 'drop', color: 1 }, 5),
    ).toThrow(
      /topics\[1\]\.name is "a": .*topics\[2\]\.color.*topics\[2\]\.name.*topics\[2\]\.partitions is 0.*deletionPolicy is "drop".*topics\[3\]: accepted is an object/,
    );
    expect(() => parseTopicsFile('[]')).toThrow('accepted is {"topics":[…]}');
    expect(() => parseTopicsFile('{')).toThrow(/JSON/);
  });
});
