import type { GroupCoordinatorOptions } from '../../../broker/src/groups/group-coordinator-options';
import {
  GroupCoordinator,
  type CommitOffsetsInput,
  type JoinGroupInput,
  type SyncGroupInput,
} from '../../../broker/src/groups/group-coordinator';
import { readGroupRecordKey, readGroupValue, readOffsetValue } from '../../../broker/src/groups/group-records';
import type {
  CoordinatorLeadership,
  CoordinatorPartition,
  CoordinatorReplicas,
} from '../../../broker/src/replication/coordinator-replicas';
import type { JoinGroupResult, SyncGroupResult } from '../../../broker/src/groups/group-results';
import type { FileRange, OpenFile } from '../../../broker/src/io/files';
import { nodeIo } from '../../../broker/src/io/node';
import type { FetchData } from '../../../broker/src/log/fetch-data';
import { silentLogger } from '../../../broker/src/logging/logger';
import { encodeVersioned } from '../../../broker/src/protocol/internal/versioned-record';
import { ConsumerProtocolSubscription } from '../../../broker/src/protocol/internal/consumer-protocol';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import { lastOffset, setBaseOffset } from '../../../broker/src/records/batch-header';
import { CompressionType } from '../../../broker/src/records/compression-type';
import { readRecords } from '../../../broker/src/records/read-records';
import {
  failedAppend,
  type AppendDone,
  type AppendParams,
  type PartitionAppend,
} from '../../../broker/src/replication/append';
import { InternalTopic } from '../../../broker/src/replication/internal-topic';
import { groupMetadataTopic } from '../../../broker/src/replication/internal-topics';
import { FakeClock } from '../network/fake-io';

/** A partition's log in memory. */
export class FakeLog {
  logDir = '/logs';
  readonly config = { maxMessageBytes: 1024 * 1024 };
  logStartOffset = 0;
  readonly batches: Buffer[] = [];
  /** Reads fail with this. */
  readError: Error | undefined;
  /** Reads wait for this. */
  gate: Promise<void> = Promise.resolve();
  /** Ranges that a reader has not released. */
  unreleased = 0;
  reads = 0;

  get logEndOffset(): number {
    const last = this.batches.at(-1);
    return last ? lastOffset(last, 0) + 1 : this.logStartOffset;
  }

  /** Up to where the replicas have it; `undefined`: to its end. */
  committed: number | undefined;

  get highWatermark(): number {
    return this.committed ?? this.logEndOffset;
  }

  append(batch: Buffer): number {
    const offset = this.logEndOffset;
    setBaseOffset(batch, 0, offset);
    this.batches.push(batch);
    return offset;
  }

  async read(offset: number, maxBytes: number): Promise<FetchData> {
    this.reads++;
    await this.gate;
    if (this.readError) throw this.readError;
    const bytes = Buffer.concat(this.batches.filter((batch) => lastOffset(batch, 0) >= offset));
    const first = this.batches.find((batch) => lastOffset(batch, 0) >= offset);
    const part = bytes.subarray(0, Math.max(maxBytes, first?.length ?? 0));
    this.unreleased++;
    const range: FileRange = {
      file: memoryFile(part),
      position: 0,
      length: part.length,
      hot: false,
      release: () => this.unreleased--,
    };
    return {
      fetchOffset: { messageOffset: offset, segmentBaseOffset: 0, relativePositionInSegment: 0 },
      ranges: [range],
      sizeInBytes: part.length,
      firstEntryIncomplete: false,
      abortedTransactions: undefined,
    };
  }
}

/** Gives at most 1000 bytes a read, as a file may. */
function memoryFile(bytes: Buffer): OpenFile {
  const refuse = (): never => {
    throw new Error('not for reading');
  };
  const readSync: OpenFile['readSync'] = (target, offset, length, position) => {
    const part = bytes.subarray(position, position + Math.min(length, 1000));
    target.set(part, offset);
    return part.length;
  };
  return {
    path: '00000000000000000000.log',
    isPrompt: true,
    hangs: false,
    readSync,
    read: (target, offset, length, position) => Promise.resolve(readSync(target, offset, length, position)),
    size: () => Promise.resolve(bytes.length),
    writeSync: refuse,
    write: refuse,
    truncate: refuse,
    sync: refuse,
    close: () => Promise.resolve(),
  };
}

/** The log side of a coordinator: partitions of __consumer_offsets in memory, whose appends may fail or wait. */
export class FakeReplicas implements CoordinatorReplicas {
  readonly logs = new Map<number, FakeLog>();
  readonly listeners: CoordinatorLeadership[] = [];
  readonly appended: AppendParams[] = [];
  /** Appends are refused with this. */
  refusal: ErrorCode | undefined;
  /** Appends wait in the log for their replicas until `replicate`. */
  isSlow = false;
  #waiting: ((errorCode: ErrorCode) => void)[] = [];

  log(index: number): FakeLog {
    let log = this.logs.get(index);
    if (!log) this.logs.set(index, (log = new FakeLog()));
    return log;
  }

  append(params: AppendParams, appends: readonly PartitionAppend[], done: AppendDone): void {
    this.appended.push(params);
    const results = appends.map(({ topic, partition, records }) => {
      if (topic !== groupMetadataTopic) throw new Error(`an append to ${topic}`);
      if (this.refusal !== undefined) return failedAppend(this.refusal);
      const baseOffset = this.log(partition).append(records);
      return {
        ...failedAppend(ErrorCode.NONE),
        baseOffset,
        lastOffset: this.log(partition).logEndOffset - 1,
      };
    });
    if (this.isSlow && params.requiredAcks === -1) {
      this.#waiting.push((errorCode) => done(results.map((result) => ({ ...result, errorCode }))));
    } else done(results);
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** The replicas have what waited, or it failed after all. */
  replicate(errorCode: ErrorCode = ErrorCode.NONE): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const done of waiting) done(errorCode);
  }

  onLeadership(listener: CoordinatorLeadership): void {
    this.listeners.push(listener);
  }

  elect(index: number, leaderEpoch = 0, topic = groupMetadataTopic): void {
    const partition: CoordinatorPartition = { topic, partition: index, leaderEpoch, log: this.log(index) };
    for (const listener of this.listeners) listener.becameLeader(partition);
  }

  resign(index: number, leaderEpoch = 1, topic = groupMetadataTopic): void {
    for (const listener of this.listeners) listener.resigned({ topic, partition: index }, leaderEpoch);
  }

  /** What a partition's log says, record by record. */
  records(index: number): unknown[] {
    const records: unknown[] = [];
    for (const batch of this.log(index).batches) {
      for (const { key, value } of readRecords(batch)) {
        const parsed = readGroupRecordKey(key!);
        const body = value === null ? null : parsed.kind === 'offset' ? readOffsetValue(value) : readGroupValue(value);
        records.push({ key: parsed, value: body });
      }
    }
    return records;
  }
}

export const defaultOptions: GroupCoordinatorOptions = {
  minSessionTimeoutMs: 10,
  maxSessionTimeoutMs: 10 * 60 * 1000,
  maxSize: 4,
  initialRebalanceDelayMs: 50,
  offsetMetadataMaxBytes: 16,
  offsetsLoadBufferSize: 4096,
  offsetsTopicCompression: CompressionType.NONE,
  offsetsRetentionMs: 7 * 24 * 60 * 60 * 1000,
  offsetsRetentionCheckIntervalMs: 10 * 60 * 1000,
  offsetsCommitTimeoutMs: 5000,
};

export const sessionTimeoutMs = 500;
export const rebalanceTimeoutMs = 250;
export const newMemberTimeoutMs = 5 * 60 * 1000;
/** When the tests begin, wall and monotonic time. */
export const startMs = 1_700_000_000_000;

/** What a call came to; it must not be answered twice. */
export class Answer<T> {
  #value: { readonly is: T } | undefined;

  readonly set = (value: T): void => {
    if (this.#value) throw new Error('answered twice');
    this.#value = { is: value };
  };

  get isPending(): boolean {
    return this.#value === undefined;
  }

  get value(): T {
    if (!this.#value) throw new Error('not answered yet');
    return this.#value.is;
  }
}

/** A coordinator over fakes, with the groups of both its partitions loaded. */
export class TestBed {
  readonly clock = new FakeClock();
  readonly replicas = new FakeReplicas();
  readonly options: GroupCoordinatorOptions;
  readonly coordinator: GroupCoordinator;
  /** By topic: what the metadata cache knows. */
  readonly topics = new Map<string, { partitions: ReadonlyMap<number, unknown> }>();
  /** How many partitions __consumer_offsets has; `undefined`: as many as the metadata cache knows. */
  partitionCount: number | undefined;

  private constructor(options: Partial<GroupCoordinatorOptions>) {
    this.clock.now = startMs;
    this.setPartitions(2);
    this.options = { ...defaultOptions, ...options };
    this.coordinator = this.newCoordinator();
  }

  static async start(options: Partial<GroupCoordinatorOptions> = {}): Promise<TestBed> {
    const bed = await TestBed.bare(options);
    bed.coordinator.start();
    bed.replicas.elect(0);
    bed.replicas.elect(1);
    await bed.settle();
    return bed;
  }

  /** How many partitions __consumer_offsets has, for all that the coordinator knows. */
  setPartitions(count: number): void {
    const partitions = new Map(Array.from({ length: count }, (_, index) => [index, {}]));
    this.topics.set(groupMetadataTopic, { partitions });
  }

  /** Nobody has told of __consumer_offsets yet. */
  forgetTopic(): void {
    this.topics.delete(groupMetadataTopic);
    this.coordinator.partitionFor('');
  }

  partitionOf(groupId: string): number {
    const index = this.coordinator.partitionFor(groupId);
    if (index === undefined) throw new Error('the topic is not known');
    return index;
  }

  /** Not started, leading nothing. */
  static async bare(options: Partial<GroupCoordinatorOptions> = {}): Promise<TestBed> {
    const bed = new TestBed(options);
    bed.coordinator.partitionFor('');
    await bed.settle();
    return bed;
  }

  newCoordinator(): GroupCoordinator {
    const io = { ...nodeIo(), clock: this.clock };
    const told = { topic: (name: string) => this.topics.get(name) };
    const topics = {
      partitionCount: (name: string) => Promise.resolve(this.partitionCount ?? this.topics.get(name)?.partitions.size),
    };
    const topic = new InternalTopic(groupMetadataTopic, silentLogger, told, topics);
    return new GroupCoordinator(io, silentLogger, this.replicas, topic, this.options);
  }

  /** Lets loads and clean-ups run to their end. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 20; quiet++) {
      await Promise.resolve();
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (this.clock.turn()) quiet = 0;
    }
  }

  advance(ms: number): void {
    this.clock.advance(ms);
  }

  join(input: Partial<JoinGroupInput> = {}): Answer<JoinGroupResult> {
    const answer = new Answer<JoinGroupResult>();
    this.coordinator.joinGroup(
      {
        groupId: 'group',
        memberId: '',
        groupInstanceId: null,
        requireKnownMemberId: false,
        supportsSkippingAssignment: true,
        clientId: 'client',
        clientHost: '/127.0.0.1',
        rebalanceTimeoutMs,
        sessionTimeoutMs,
        protocolType: 'consumer',
        protocols: [protocol('range')],
        reason: null,
        ...input,
      },
      answer.set,
    );
    return answer;
  }

  sync(
    member: { readonly memberId: string; readonly generationId: number; readonly groupInstanceId?: string },
    assignments: Readonly<Record<string, string>> = {},
    input: Partial<SyncGroupInput> = {},
  ): Answer<SyncGroupResult> {
    const answer = new Answer<SyncGroupResult>();
    this.coordinator.syncGroup(
      {
        groupId: 'group',
        generationId: member.generationId,
        memberId: member.memberId,
        groupInstanceId: member.groupInstanceId ?? null,
        protocolType: null,
        protocolName: null,
        assignments: Object.entries(assignments).map(([memberId, assignment]) => ({
          memberId,
          assignment: Buffer.from(assignment),
        })),
        ...input,
      },
      answer.set,
    );
    return answer;
  }

  heartbeat(
    member: { readonly memberId: string; readonly generationId: number },
    groupInstanceId: string | null = null,
    groupId = 'group',
  ): ErrorCode {
    return this.coordinator.heartbeat(groupId, member.memberId, groupInstanceId, member.generationId);
  }

  leave(memberId: string, groupInstanceId: string | null = null, groupId = 'group'): ErrorCode {
    const { errorCode, members } = this.coordinator.leaveGroup(groupId, [{ memberId, groupInstanceId, reason: null }]);
    return errorCode === ErrorCode.NONE ? members[0].errorCode : errorCode;
  }

  commit(
    input: Partial<CommitOffsetsInput> = {},
    offsets: Readonly<Record<string, number>> = { 'topic-0': 7 },
    more: { readonly metadata?: string; readonly expireTimestamp?: number; readonly commitTimestamp?: number } = {},
  ): Answer<readonly ErrorCode[]> {
    const answer = new Answer<readonly ErrorCode[]>();
    this.coordinator.commitOffsets(
      {
        groupId: 'group',
        memberId: '',
        groupInstanceId: null,
        generationId: -1,
        offsets: toCommit(this, offsets, more),
        ...input,
      },
      answer.set,
    );
    return answer;
  }

  commitTransactional(
    producerId: number,
    offsets: Readonly<Record<string, number>> = { 'topic-0': 7 },
    input: Partial<CommitOffsetsInput> = {},
  ): Answer<readonly ErrorCode[]> {
    const answer = new Answer<readonly ErrorCode[]>();
    this.coordinator.commitTransactionalOffsets(
      {
        groupId: 'group',
        memberId: '',
        groupInstanceId: null,
        generationId: -1,
        producerId,
        producerEpoch: 0,
        offsets: toCommit(this, offsets, {}),
        ...input,
      },
      answer.set,
    );
    return answer;
  }

  /** Committed offsets by `topic-partition`. */
  offsets(groupId = 'group', coordinator = this.coordinator): Record<string, number> {
    const { errorCode, topics } = coordinator.fetchOffsets(groupId, false, null);
    if (errorCode !== ErrorCode.NONE) throw new Error(`fetching offsets failed: ${errorCode}`);
    const offsets: Record<string, number> = {};
    for (const { name, partitions } of topics) {
      for (const { partitionIndex, committedOffset } of partitions)
        offsets[`${name}-${partitionIndex}`] = committedOffset;
    }
    return offsets;
  }

  state(groupId = 'group'): string {
    return this.coordinator.describeGroup(groupId).groupState;
  }

  /** A stable group of new dynamic members; the first of them leads. */
  stableGroup(count = 1, input: Partial<JoinGroupInput> = {}): JoinGroupResult[] {
    const joins = Array.from({ length: count }, () => this.join(input));
    this.advance(this.options.initialRebalanceDelayMs * 2);
    return this.stabilize(joins.map(({ value }) => value));
  }

  /** Every member syncs, the leader last, each getting its member id as assignment. */
  stabilize(members: readonly JoinGroupResult[]): JoinGroupResult[] {
    const assignments = Object.fromEntries(members.map(({ memberId }) => [memberId, `of ${memberId}`]));
    const leader = members.find(({ memberId, leader }) => memberId === leader);
    if (!leader) throw new Error('nobody leads');
    const syncs = members.filter((member) => member !== leader).map((member) => this.sync(member));
    syncs.push(this.sync(leader, assignments));
    for (const { value } of syncs)
      if (value.errorCode !== ErrorCode.NONE) throw new Error(`sync failed: ${value.errorCode}`);
    return [...members];
  }
}

function toCommit(
  bed: TestBed,
  offsets: Readonly<Record<string, number>>,
  more: { readonly metadata?: string; readonly expireTimestamp?: number; readonly commitTimestamp?: number },
): CommitOffsetsInput['offsets'] {
  return Object.entries(offsets).map(([key, offset]) => {
    const dash = key.lastIndexOf('-');
    return {
      topic: key.slice(0, dash),
      partition: Number(key.slice(dash + 1)),
      offset: {
        offset,
        leaderEpoch: -1,
        metadata: more.metadata ?? '',
        commitTimestamp: more.commitTimestamp ?? bed.clock.wallMs(),
        expireTimestamp: more.expireTimestamp,
      },
    };
  });
}

/** A protocol with bytes that are not looked into. */
export function protocol(name: string, metadata = name): { name: string; metadata: Buffer } {
  return { name, metadata: Buffer.from(metadata) };
}

/** A consumer's protocol, subscribing to topics. */
export function subscription(topics: readonly string[], name = 'range'): { name: string; metadata: Buffer } {
  return {
    name,
    metadata: encodeVersioned(ConsumerProtocolSubscription, 1, {
      topics: [...topics],
      userData: null,
      ownedPartitions: [],
    }),
  };
}
