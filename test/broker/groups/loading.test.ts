import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { offsetRecord, offsetTombstone, readGroupRecordKey } from '../../../broker/src/groups/group-records';
import { partitionForKey } from '../../../broker/src/protocol/java-string-hash';
import { encodeVersioned } from '../../../broker/src/protocol/internal/versioned-record';
import { GroupMetadataKey, GroupMetadataValue } from '../../../broker/src/protocol/internal/group-metadata';
import { ErrorCode, KafkaError } from '../../../broker/src/protocol/errors';
import { buildBatch, type BatchInput, type RecordInput } from '../../../broker/src/records/build-batch';
import { CompressionType } from '../../../broker/src/records/compression-type';
import { buildEndTransactionMarker, ControlRecordType } from '../../../broker/src/records/control-records';
import { readRecordSet } from '../../../broker/src/records/read-records';
import { walkBatches } from '../../../broker/src/records/walk-batches';
import { groupMetadataTopic, transactionStateTopic } from '../../../broker/src/replication/internal-topics';
import { goldenLogs } from '../records/golden-log-directory';
import { rebalanceTimeoutMs, sessionTimeoutMs, startMs, subscription, TestBed } from './support';

function offset(topic: string, value: number | null, group = 'group'): RecordInput {
  if (value === null) return offsetTombstone(group, topic, 0, startMs);
  return offsetRecord(
    group,
    topic,
    0,
    { offset: value, leaderEpoch: -1, metadata: '', commitTimestamp: startMs, expireTimestamp: undefined },
    startMs,
  );
}

const member = {
  memberId: 'member',
  clientId: 'client',
  clientHost: '/10.0.0.7',
  sessionTimeout: sessionTimeoutMs,
  subscription: subscription(['topic']).metadata,
  assignment: Buffer.from('assigned'),
};

function group(
  version: number,
  more: { groupId?: string; members?: readonly object[]; currentStateTimestamp?: number; generation?: number } = {},
): RecordInput {
  const { groupId = 'group', members = [member], ...rest } = more;
  return {
    key: encodeVersioned(GroupMetadataKey, 2, { group: groupId }),
    value: encodeVersioned(GroupMetadataValue, version, {
      protocolType: 'consumer',
      generation: 5,
      protocol: members.length > 0 ? 'range' : null,
      leader: members.length > 0 ? 'member' : null,
      members: members as (typeof member)[],
      ...rest,
    }),
    timestamp: startMs,
  };
}

/** A coordinator that has loaded a log with these batches, as partition of `group`. */
async function loaded(
  batches: readonly (readonly RecordInput[] | Buffer)[],
  batch: Partial<BatchInput> = {},
): Promise<TestBed> {
  const bed = await TestBed.bare();
  bed.coordinator.start();
  const index = bed.partitionOf('group');
  for (const one of batches) {
    bed.replicas.log(index).append(Buffer.isBuffer(one) ? Buffer.from(one) : buildBatch({ ...batch, records: one }));
  }
  bed.replicas.elect(index);
  await bed.settle();
  expect(bed.replicas.log(index).unreleased).toBe(0);
  return bed;
}

describe('loading groups', () => {
  it('takes the last of what the log says', async () => {
    const bed = await loaded([
      [offset('a', 1), offset('b', 2)],
      [offset('a', 3)],
      [offset('b', null), offset('c', 4, 'group2')],
    ]);
    expect(bed.offsets()).toEqual({ 'a-0': 3 });
    expect(bed.offsets('group2')).toEqual({ 'c-0': 4 });
    expect(bed.coordinator.listGroups([], []).groups.map(({ groupId }) => groupId)).toEqual(['group', 'group2']);
  });

  it.each([CompressionType.GZIP, CompressionType.SNAPPY, CompressionType.LZ4, CompressionType.ZSTD])(
    'reads codec %i',
    async (compression) => {
      const bed = await loaded([[offset('a', 1), group(3)]], { compression });
      expect(bed.offsets()).toEqual({ 'a-0': 1 });
      expect(bed.state()).toBe('Stable');
    },
  );

  it.each([0, 1, 2, 3, 4])('reads groups of version %i', async (version) => {
    const bed = await loaded([[group(version, { members: [{ ...member, rebalanceTimeout: 777 }] })]]);
    expect(bed.coordinator.describeGroup('group')).toMatchObject({
      groupState: 'Stable',
      protocolData: 'range',
      members: [{ memberId: 'member', clientHost: '/10.0.0.7', memberAssignment: Buffer.from('assigned') }],
    });
    const rejoin = bed.join({ memberId: 'member', sessionTimeoutMs: 5_000, protocols: [subscription(['topic'])] });
    expect(rejoin.value).toMatchObject({ generationId: 6, leader: 'member' });
  });

  it('gives the members of a loaded group one session to show up', async () => {
    const bed = await loaded([[group(3)]]);
    bed.advance(sessionTimeoutMs - 1);
    expect(bed.heartbeat({ memberId: 'member', generationId: 5 })).toBe(ErrorCode.NONE);
    bed.advance(sessionTimeoutMs - 1);
    expect(bed.state()).toBe('Stable');
    bed.advance(1);
    expect(bed.state()).toBe('Empty');
  });

  it('waits for the slowest member as version 0 had it: the session timeout', async () => {
    const two = [member, { ...member, memberId: 'second', sessionTimeout: 5_000 }];
    const bed = await loaded([[group(0, { members: two })]]);
    const join = bed.join({ sessionTimeoutMs: 60_000 });
    bed.heartbeat({ memberId: 'member', generationId: 5 });
    bed.advance(4_999);
    expect(join.isPending).toBe(true);
    bed.advance(1);
    expect(join.isPending).toBe(false);
  });

  it('drops what was deleted, and keeps offsets of groups that only commit', async () => {
    const tombstone = { key: encodeVersioned(GroupMetadataKey, 2, { group: 'group' }), value: null };
    const bed = await loaded([
      [group(3), offset('a', 1)],
      [offset('a', null), tombstone],
    ]);
    expect(bed.state()).toBe('Dead');
    const again = await loaded([[group(3), offset('a', 1)], [tombstone], [offset('a', 2)]]);
    expect(again.state()).toBe('Empty');
    expect(again.offsets()).toEqual({ 'a-0': 2 });
  });

  it('counts the expiry of an empty group from when the record says', async () => {
    const week = 7 * 24 * 60 * 60 * 1000;
    const since = async (currentStateTimestamp: number): Promise<TestBed> => {
      const bed = await loaded([[group(3, { members: [], currentStateTimestamp }), offset('a', 1)]]);
      await bed.coordinator.cleanupExpiredOffsets();
      return bed;
    };
    expect((await since(startMs - week)).state()).toBe('Dead');
    expect((await since(startMs - week + 1)).offsets()).toEqual({ 'a-0': 1 });
    // A record of before there was such a time: the commit counts.
    expect((await since(-1)).offsets()).toEqual({ 'a-0': 1 });
  });

  it('reads piece by piece, from the start of the log to its end', async () => {
    const bed = await TestBed.bare();
    bed.coordinator.start();
    const index = bed.partitionOf('group');
    const log = bed.replicas.log(index);
    log.logStartOffset = 40;
    const expected: Record<string, number> = {};
    for (let i = 0; i < 300; i++) {
      const records = Array.from({ length: 20 }, (_, at) => offset(`topic${i}.${at}`, i));
      records.forEach((_, at) => (expected[`topic${i}.${at}-0`] = i));
      log.append(buildBatch({ records }));
    }
    bed.replicas.elect(index);
    await bed.settle();
    expect(bed.offsets()).toEqual(expected);
    expect(log.reads).toBeGreaterThan(50);
    expect(log.unreleased).toBe(0);
  });

  it('keeps of what it read no more than the groups', async () => {
    const records = Array.from({ length: 2000 }, (_, i) => offset(`topic${i}`, i));
    const bed = await loaded([[...records, group(3)]]);
    const [{ memberMetadata, memberAssignment }] = bed.coordinator.describeGroup('group').members;
    const [batch] = bed.replicas.log(bed.partitionOf('group')).batches;
    expect(batch.length).toBeGreaterThan(100_000);
    expect(memberMetadata.buffer.byteLength).toBeLessThan(batch.length);
    expect(memberAssignment.buffer.byteLength).toBeLessThan(batch.length);
  });

  it('passes over what it cannot read', async () => {
    const key = offset('x', 1).key as Buffer;
    const foreign = Buffer.from([0, 9, 1, 2, 3]);
    const damaged = buildBatch({ records: [offset('lost', 1)] });
    damaged[61] = 0x7e;
    const bed = await loaded([
      [
        offset('a', 1),
        { key: foreign, value: Buffer.from('of the future') },
        { key, value: Buffer.from([0, 99]) },
        { key, value: Buffer.alloc(1) },
        { key: Buffer.from([0]), value: null },
        { key: null, value: null },
        offset('b', 2),
      ],
      damaged,
      [offset('c', 3)],
    ]);
    expect(bed.offsets()).toEqual({ 'a-0': 1, 'b-0': 2, 'c-0': 3 });
  });

  it('serves what was before the place where a log is damaged', async () => {
    const torn = buildBatch({ records: [offset('b', 2)] });
    const bed = await TestBed.bare();
    bed.coordinator.start();
    const index = bed.partitionOf('group');
    const log = bed.replicas.log(index);
    log.append(buildBatch({ records: [offset('a', 1)] }));
    log.append(torn);
    torn[16] = 77;
    bed.replicas.elect(index);
    await bed.settle();
    expect(bed.offsets()).toEqual({ 'a-0': 1 });
  });
});

describe('transactional commits in the log', () => {
  const transactional = (records: readonly RecordInput[], producerId = 9): Buffer =>
    buildBatch({ records, producerId, producerEpoch: 0, baseSequence: 0, transactional: true });
  const marker = (type: ControlRecordType, producerId = 9): Buffer =>
    buildEndTransactionMarker({ type, producerId, producerEpoch: 0, coordinatorEpoch: 0, timestamp: startMs });

  it('count when a commit marker follows', async () => {
    const bed = await loaded([
      [offset('a', 1)],
      transactional([offset('a', 2), offset('b', 3)]),
      marker(ControlRecordType.COMMIT),
    ]);
    expect(bed.offsets()).toEqual({ 'a-0': 2, 'b-0': 3 });
  });

  it('are dropped when an abort marker follows, and only those of its producer', async () => {
    const bed = await loaded([
      [offset('a', 1)],
      transactional([offset('a', 2)]),
      transactional([offset('b', 3)], 10),
      marker(ControlRecordType.ABORT),
      marker(ControlRecordType.COMMIT, 10),
      marker(ControlRecordType.COMMIT, 11),
    ]);
    expect(bed.offsets()).toEqual({ 'a-0': 1, 'b-0': 3 });
  });

  it('do not undo a later plain commit', async () => {
    const bed = await loaded([transactional([offset('a', 1)]), [offset('a', 2)], marker(ControlRecordType.COMMIT)]);
    expect(bed.offsets()).toEqual({ 'a-0': 2 });
  });

  it('wait for their marker where there is none yet', async () => {
    const bed = await loaded([transactional([offset('a', 1)]), [offset('b', 2)]]);
    expect(bed.offsets()).toEqual({ 'b-0': 2 });
    const unstable = bed.coordinator.fetchOffsets('group', true, [{ name: 'a', partitionIndexes: [0] }]);
    expect(unstable.topics[0].partitions[0].errorCode).toBe(ErrorCode.UNSTABLE_OFFSET_COMMIT);
    bed.coordinator.onTransactionCompleted(9, [bed.partitionOf('group')], true);
    expect(bed.offsets()).toEqual({ 'a-0': 1, 'b-0': 2 });
  });

  it('count when their marker comes in the moment in which the end of the log was read', async () => {
    const bed = await TestBed.bare();
    bed.coordinator.start();
    const index = bed.partitionOf('group');
    const log = bed.replicas.log(index);
    log.append(transactional([offset('a', 1)]));
    const { logEndOffset } = log;
    Object.defineProperty(log, 'logEndOffset', {
      get: () => {
        if (log.reads === 1 && log.batches.length === 1) {
          queueMicrotask(() => {
            log.batches.push(marker(ControlRecordType.COMMIT));
            bed.coordinator.onTransactionCompleted(9, [index], true);
          });
        }
        return logEndOffset;
      },
    });
    bed.replicas.elect(index);
    await bed.settle();
    expect(log.batches).toHaveLength(2);
    expect(bed.offsets()).toEqual({ 'a-0': 1 });
  });

  it('may be taken back within the transaction', async () => {
    const bed = await loaded([
      transactional([offset('a', 1), offset('a', null)]),
      marker(ControlRecordType.COMMIT),
      [offset('b', 2)],
    ]);
    expect(bed.offsets()).toEqual({ 'b-0': 2 });
  });
});

describe('taking over and giving up a partition', () => {
  it('answers as Kafka does while groups are loaded', async () => {
    const bed = await TestBed.bare();
    bed.coordinator.start();
    const index = bed.partitionOf('group');
    bed.replicas.elect(index);
    const somebody = { memberId: 'member', generationId: 5 };
    expect(bed.join().value.errorCode).toBe(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    expect(bed.sync(somebody).value.errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    expect(bed.heartbeat(somebody)).toBe(ErrorCode.NONE);
    expect(bed.leave('member')).toBe(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    expect(bed.commit().value).toEqual([ErrorCode.COORDINATOR_LOAD_IN_PROGRESS]);
    expect(bed.commitTransactional(1).value).toEqual([ErrorCode.COORDINATOR_LOAD_IN_PROGRESS]);
    expect(bed.coordinator.describeGroup('group')).toMatchObject({
      errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
      groupState: '',
    });
    expect(bed.coordinator.deleteGroup('group')).toBe(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    expect(bed.coordinator.deleteOffsets('group', []).errorCode).toBe(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    expect(bed.coordinator.listGroups([], []).errorCode).toBe(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    await bed.settle();
    expect(bed.coordinator.listGroups([], []).errorCode).toBe(ErrorCode.NONE);
  });

  it('answers everybody who waits, and knows nothing afterwards', async () => {
    const bed = await TestBed.start();
    const index = bed.partitionOf('group');
    const elsewhere = ['a', 'b', 'c'].find((id) => bed.partitionOf(id) !== index)!;
    bed.commit({ groupId: elsewhere });
    const joins = [bed.join(), bed.join()];
    bed.advance(100);
    const [, follower] = joins.map(({ value }) => value);
    const sync = bed.sync(follower);
    bed.replicas.resign(index);
    expect(sync.value.errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    expect(bed.heartbeat(follower)).toBe(ErrorCode.NOT_COORDINATOR);
    expect(bed.sync(follower).value.errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    expect(bed.leave(follower.memberId)).toBe(ErrorCode.NOT_COORDINATOR);
    expect(bed.offsets(elsewhere)).toEqual({ 'topic-0': 7 });
    bed.replicas.elect(index, 2);
    await bed.settle();
    const join = bed.join();
    bed.replicas.resign(index, 3);
    expect(join.value.errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    // No timer of a group that is gone does anything.
    bed.advance(60 * 60 * 1000);
  });

  it('has the same groups again after a change of leadership', async () => {
    const bed = await TestBed.start();
    const members = bed.stableGroup(2, { protocols: [subscription(['topic'])] });
    bed.commit({ memberId: members[0].memberId, generationId: 1 }, { 'topic-0': 5 }, { metadata: 'm' });
    const before = bed.coordinator.describeGroup('group');
    const index = bed.partitionOf('group');
    bed.replicas.resign(index);
    bed.replicas.elect(index, 2);
    await bed.settle();
    expect(bed.coordinator.describeGroup('group')).toEqual(before);
    expect(bed.offsets()).toEqual({ 'topic-0': 5 });
    for (const member of members) expect(bed.heartbeat(member)).toBe(ErrorCode.NONE);
    const [leader, follower] = members;
    const rejoin = bed.join({ memberId: leader.memberId, protocols: [subscription(['topic'])] });
    bed.join({ memberId: follower.memberId, protocols: [subscription(['topic'])] });
    expect(rejoin.value).toMatchObject({ generationId: 2, leader: leader.memberId });
  });

  it('stops loading what it has to give up', async () => {
    const bed = await TestBed.bare();
    bed.coordinator.start();
    const index = bed.partitionOf('group');
    bed.replicas.log(index).append(buildBatch({ records: [offset('a', 1)] }));
    bed.replicas.elect(index, 1);
    bed.replicas.resign(index, 2);
    await bed.settle();
    expect(bed.coordinator.fetchOffsets('group', false, null).errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    bed.replicas.elect(index, 3);
    // It came late: another epoch is loading already.
    bed.replicas.resign(index, 2);
    await bed.settle();
    expect(bed.offsets()).toEqual({ 'a-0': 1 });
  });

  it('does nothing with groups whose loading was overtaken', async () => {
    const bed = await TestBed.bare();
    bed.coordinator.start();
    const index = bed.partitionOf('group');
    const log = bed.replicas.log(index);
    log.append(buildBatch({ records: [group(3)] }));
    let open = (): void => undefined;
    log.gate = new Promise((resolve) => (open = resolve));
    bed.replicas.elect(index, 1);
    await bed.settle();
    expect(log.reads).toBe(1);
    bed.replicas.resign(index, 2);
    open();
    await bed.settle();
    // Its members' sessions would end, and the group be written as empty.
    bed.advance(sessionTimeoutMs + rebalanceTimeoutMs);
    expect(bed.replicas.appended).toEqual([]);
    expect(log.unreleased).toBe(0);
    expect(bed.heartbeat({ memberId: 'member', generationId: 5 })).toBe(ErrorCode.NOT_COORDINATOR);
  });

  it('keeps its groups when it is elected again without a break', async () => {
    const bed = await TestBed.start();
    const [member] = bed.stableGroup();
    bed.replicas.elect(bed.partitionOf('group'), 5);
    expect(bed.heartbeat(member)).toBe(ErrorCode.NONE);
    bed.replicas.resign(bed.partitionOf('group'), 4);
    expect(bed.heartbeat(member)).toBe(ErrorCode.NONE);
  });

  it('tries again when the log cannot be read, and lets nobody see half of it', async () => {
    const bed = await TestBed.bare();
    bed.coordinator.start();
    const index = bed.partitionOf('group');
    const log = bed.replicas.log(index);
    log.append(buildBatch({ records: [offset('a', 1)] }));
    log.readError = new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR);
    bed.replicas.elect(index);
    bed.replicas.elect(1 - index);
    await bed.settle();
    // The other partition does not wait for it.
    const other = ['a', 'b', 'c'].find((id) => bed.partitionOf(id) !== index)!;
    expect(bed.coordinator.fetchOffsets(other, false, null).errorCode).toBe(ErrorCode.NONE);
    for (const delay of [1000, 2000, 4000]) {
      expect(bed.coordinator.fetchOffsets('group', false, null).errorCode).toBe(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
      bed.advance(delay);
      await bed.settle();
    }
    log.readError = undefined;
    bed.advance(8000);
    await bed.settle();
    expect(bed.offsets()).toEqual({ 'a-0': 1 });
  });

  it('has nothing to do with other topics', async () => {
    const bed = await TestBed.bare();
    bed.coordinator.start();
    const index = bed.partitionOf('group');
    bed.replicas.elect(index, 0, transactionStateTopic);
    await bed.settle();
    expect(bed.commit().value).toEqual([ErrorCode.NOT_COORDINATOR]);
    bed.replicas.elect(index);
    await bed.settle();
    bed.replicas.resign(index, 9, transactionStateTopic);
    expect(bed.commit().value).toEqual([ErrorCode.NONE]);
  });

  it('waits for a rebalance of a loaded group as long as its members said', async () => {
    const members = [{ ...member, rebalanceTimeout: rebalanceTimeoutMs, sessionTimeout: 60_000 }];
    const bed = await loaded([[group(3, { members })]]);
    const join = bed.join({ protocols: [subscription(['topic'])] });
    bed.advance(rebalanceTimeoutMs - 1);
    expect(join.isPending).toBe(true);
    bed.advance(1);
    expect(join.value).toMatchObject({ generationId: 6 });
  });
});

describe('__consumer_offsets as Apache Kafka 3.9 wrote it', () => {
  /** By log file: what Kafka's own tool says of each record. */
  interface Dumped {
    readonly key: { readonly type: string; readonly data: { group: string; topic: string; partition: number } };
    readonly payload: Record<string, unknown> | undefined;
  }
  const dumped = new Map<string, Dumped[]>();
  const text = readFileSync(join(__dirname, '../../fixtures/logdir-3.9.dump-offsets.txt'), 'utf8');
  let file = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('Dumping ')) dumped.set((file = line.slice('Dumping '.length)), []);
    const record = /^\| offset: .* key: (\{.*\}) payload: (.*)$/.exec(line);
    if (!record) continue;
    const payload = record[2] === '<DELETE>' ? undefined : (JSON.parse(record[2]) as { data: Record<string, unknown> });
    dumped.get(file)!.push({ key: JSON.parse(record[1]) as Dumped['key'], payload: payload?.data });
  }
  const logs = [...goldenLogs('logdir-3.9.tar.gz')].filter(
    ([path, bytes]) => path.includes(groupMetadataTopic) && bytes.length > 0,
  );

  it('is what the dump tells of', () => {
    expect(logs.length).toBeGreaterThan(2);
    expect([...dumped.values()].flat().length).toBeGreaterThan(10);
  });

  it.each(logs.map(([path]) => path))('is loaded from %s', async (path) => {
    const expectedOffsets = new Map<string, Record<string, number>>();
    const expectedGroups = new Map<string, Record<string, unknown>>();
    const groups = new Set<string>();
    for (const { key, payload } of dumped.get([...dumped.keys()].find((name) => path.endsWith(name))!)!) {
      const { group: groupId, topic, partition } = key.data;
      groups.add(groupId);
      if (key.type === '2') {
        if (payload) expectedGroups.set(groupId, payload);
        else expectedGroups.delete(groupId);
        continue;
      }
      const offsets = expectedOffsets.get(groupId) ?? {};
      expectedOffsets.set(groupId, offsets);
      // Its one transaction was committed.
      if (payload) offsets[`${topic}-${partition}`] = payload.offset as number;
      else delete offsets[`${topic}-${partition}`];
    }
    const index = Number(/-(\d+)\/\d+\.log$/.exec(path)![1]);
    const bed = await TestBed.bare();
    bed.forgetTopic();
    bed.setPartitions(partitionsOf(groups, index));
    bed.coordinator.start();
    const bytes = logs.find(([name]) => name === path)![1];
    walkBatches(bytes, (at, size) => bed.replicas.log(index).append(Buffer.from(bytes.subarray(at, at + size))));
    bed.replicas.elect(index);
    await bed.settle();
    for (const groupId of groups) {
      expect(bed.partitionOf(groupId)).toBe(index);
      expect(bed.offsets(groupId)).toEqual(expectedOffsets.get(groupId) ?? {});
      const described = bed.coordinator.describeGroup(groupId);
      const record = expectedGroups.get(groupId);
      if (!record) {
        const hasOffsets = Object.keys(expectedOffsets.get(groupId) ?? {}).length > 0;
        expect(described.groupState).toBe(hasOffsets ? 'Empty' : 'Dead');
        continue;
      }
      const members = record.members as { memberId: string }[];
      expect(described).toMatchObject({
        groupState: members.length > 0 ? 'Stable' : 'Empty',
        protocolType: record.protocolType,
        members: members.map(({ memberId }) => ({ memberId })),
      });
    }
  });

  it('has the bytes that we write', () => {
    let compared = 0;
    for (const [, bytes] of logs) {
      for (const { key, value, timestamp } of readRecordSet(bytes)) {
        // Markers of transactions have a key of 4 bytes.
        if (key === null || key.length === 4) continue;
        const parsed = readGroupRecordKey(key);
        if (parsed.kind !== 'offset') continue;
        const { group: groupId, topic, partition } = parsed;
        if (value === null) {
          expect(offsetTombstone(groupId, topic, partition, timestamp).key).toEqual(key);
          continue;
        }
        const committed = {
          offset: Number(value.readBigInt64BE(2)),
          leaderEpoch: value.readInt32BE(10),
          metadata: value.toString('utf8', 16, 16 + value.readInt16BE(14)),
          commitTimestamp: Number(value.readBigInt64BE(value.length - 8)),
          expireTimestamp: undefined,
        };
        expect(offsetRecord(groupId, topic, partition, committed, timestamp)).toEqual({ key, value, timestamp });
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(5);
  });
});

/** How many partitions the topic had, from where its groups are. */
function partitionsOf(groups: ReadonlySet<string>, index: number): number {
  for (let count = index + 1; count <= 50; count++) {
    if ([...groups].every((group) => partitionForKey(group, count) === index)) return count;
  }
  throw new Error(`no number of partitions puts ${[...groups].join(', ')} into partition ${index}`);
}
