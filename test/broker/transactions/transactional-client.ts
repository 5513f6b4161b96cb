import { equal, ok } from 'node:assert/strict';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { ErrorCode, errorName } from '../../../broker/src/protocol/errors';
import { buildBatch } from '../../../broker/src/records/build-batch';
import { isControlBatch, isTransactional, lastOffset } from '../../../broker/src/records/batch-header';
import { readRecords } from '../../../broker/src/records/read-records';
import { BrokerClient } from '../server/broker-client';

const retriable: readonly number[] = [
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.CONCURRENT_TRANSACTIONS,
  ErrorCode.NOT_ENOUGH_REPLICAS,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
];

/** Asks again as a client does, until the answer is one. */
export async function persist<T extends { readonly errorCode: number }>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (!retriable.includes(answer.errorCode)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A transactional producer and read-committed consumer that asks any broker where to go. */
export class TransactionalClient implements Disposable {
  producerId = -1;
  producerEpoch = -1;
  readonly #connections = new Map<string, BrokerClient>();
  readonly #sequences = new Map<string, number>();

  constructor(
    private readonly bootstrapServers: () => string,
    readonly transactionalId: string,
  ) {}

  [Symbol.dispose](): void {
    for (const connection of this.#connections.values()) connection[Symbol.dispose]();
  }

  get who() {
    const { transactionalId, producerId, producerEpoch } = this;
    return { transactionalId, producerId, producerEpoch };
  }

  async #connect(hostAndPort: string): Promise<BrokerClient> {
    const known = this.#connections.get(hostAndPort);
    if (known && !known.connection.isClosed) return known;
    const connection = await BrokerClient.connect(hostAndPort);
    this.#connections.set(hostAndPort, connection);
    return connection;
  }

  async any(): Promise<BrokerClient> {
    const servers = this.bootstrapServers().split(',');
    for (const server of servers.slice(0, -1)) {
      try {
        return await this.#connect(server);
      } catch {
        // The next one.
      }
    }
    return this.#connect(servers[servers.length - 1]);
  }

  async controller(): Promise<BrokerClient> {
    const { brokers, controllerId } = await (await this.any()).send(Apis.Metadata, 9, { topics: [] });
    const node = brokers.find(({ nodeId }) => nodeId === controllerId);
    ok(node);
    return this.#connect(`${node.host}:${node.port}`);
  }

  async coordinator(keyType: 0 | 1 = 1, key = this.transactionalId): Promise<BrokerClient> {
    const found = await persist(async () => {
      const { coordinators } = await (
        await this.any()
      ).send(Apis.FindCoordinator, 4, { keyType, coordinatorKeys: [key] });
      return coordinators[0];
    });
    equal(errorName(found.errorCode), 'NONE');
    return this.#connect(`${found.host}:${found.port}`);
  }

  async leader(topic: string, index = 0): Promise<BrokerClient> {
    for (;;) {
      const { topics, brokers } = await (
        await this.any()
      ).send(Apis.Metadata, 9, { topics: [{ name: topic }], allowAutoTopicCreation: false });
      const id = topics[0]?.partitions.find(({ partitionIndex }) => partitionIndex === index)?.leaderId ?? -1;
      const node = brokers.find(({ nodeId }) => nodeId === id);
      if (node) return this.#connect(`${node.host}:${node.port}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async init(transactionTimeoutMs = 60_000): Promise<void> {
    const { transactionalId } = this;
    const answer = await persist(async () =>
      (await this.coordinator()).send(Apis.InitProducerId, 5, { transactionalId, transactionTimeoutMs }),
    );
    equal(errorName(answer.errorCode), 'NONE');
    this.producerId = answer.producerId;
    this.producerEpoch = answer.producerEpoch;
    this.#sequences.clear();
  }

  async addPartitions(topic: string, ...partitions: readonly number[]): Promise<string> {
    const answer = await persist(async () => {
      const response = await (
        await this.coordinator()
      ).send(Apis.AddPartitionsToTxn, 3, {
        v3AndBelowTransactionalId: this.transactionalId,
        v3AndBelowProducerId: this.producerId,
        v3AndBelowProducerEpoch: this.producerEpoch,
        v3AndBelowTopics: [{ name: topic, partitions: [...partitions] }],
      });
      return { errorCode: response.resultsByTopicV3AndBelow[0].resultsByPartition[0].partitionErrorCode };
    });
    return errorName(answer.errorCode);
  }

  batch(topic: string, index: number, ...values: readonly string[]): Buffer {
    const key = `${topic}-${index}`;
    const baseSequence = this.#sequences.get(key) ?? 0;
    this.#sequences.set(key, baseSequence + values.length);
    const { producerId, producerEpoch } = this;
    const records = values.map((value) => ({ value, timestamp: 1_700_000_000_000 }));
    return buildBatch({ records, producerId, producerEpoch, baseSequence, transactional: true });
  }

  /** Produces without having added the partition; tried again where a client does. */
  async write(topic: string, index: number, ...values: readonly string[]): Promise<string> {
    const batch = this.batch(topic, index, ...values);
    const answer = await persist(() => this.writeOnce(topic, index, batch));
    return errorName(answer.errorCode);
  }

  async writeOnce(topic: string, index: number, batch: Buffer, version = 11) {
    const { responses } = await (
      await this.leader(topic, index)
    ).send(Apis.Produce, version, {
      transactionalId: this.transactionalId,
      acks: -1,
      timeoutMs: 10_000,
      // An append writes the offset into it.
      topicData: [{ name: topic, partitionData: [{ index, records: Buffer.from(batch) }] }],
    });
    return responses[0].partitionResponses[0];
  }

  async produce(topic: string, index: number, ...values: readonly string[]): Promise<void> {
    equal(await this.addPartitions(topic, index), 'NONE');
    equal(await this.write(topic, index, ...values), 'NONE');
  }

  async end(committed: boolean): Promise<string> {
    const answer = await persist(async () =>
      (await this.coordinator()).send(Apis.EndTxn, 3, { ...this.who, committed }),
    );
    return errorName(answer.errorCode);
  }

  async commitOffset(groupId: string, topic: string, index: number, offset: number): Promise<string> {
    const added = await persist(async () =>
      (await this.coordinator()).send(Apis.AddOffsetsToTxn, 3, { ...this.who, groupId }),
    );
    equal(errorName(added.errorCode), 'NONE');
    const partition = { partitionIndex: index, committedOffset: offset, committedMetadata: '' };
    const answer = await persist(async () => {
      const { topics } = await (
        await this.coordinator(0, groupId)
      ).send(Apis.TxnOffsetCommit, 3, { ...this.who, groupId, topics: [{ name: topic, partitions: [partition] }] });
      return topics[0].partitions[0];
    });
    return errorName(answer.errorCode);
  }

  async fetchOffset(groupId: string, topic: string, index: number, requireStable = true) {
    const { groups } = await (
      await this.coordinator(0, groupId)
    ).send(Apis.OffsetFetch, 8, {
      groups: [{ groupId, topics: [{ name: topic, partitionIndexes: [index] }] }],
      requireStable,
    });
    const { errorCode, committedOffset } = groups[0].topics[0].partitions[0];
    return { error: errorName(errorCode), offset: committedOffset };
  }

  async describe() {
    const { transactionStates } = await (
      await this.coordinator()
    ).send(Apis.DescribeTransactions, 0, { transactionalIds: [this.transactionalId] });
    return transactionStates[0];
  }

  /** Resolves when the transactional id is in that state. */
  async becomes(state: string): Promise<void> {
    while ((await this.describe()).transactionState !== state) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** What a consumer finds, fetch after fetch: aborted records are left out when it is read committed. */
  async read(topic: string, index = 0, isolationLevel: 0 | 1 = 1): Promise<string[]> {
    const values: string[] = [];
    for (let next = 0; ;) {
      const { responses } = await (
        await this.leader(topic, index)
      ).send(Apis.Fetch, 11, {
        maxWaitMs: 0,
        minBytes: 0,
        maxBytes: 1 << 20,
        isolationLevel,
        topics: [{ topic, partitions: [{ partition: index, fetchOffset: next, partitionMaxBytes: 1 << 20 }] }],
        forgottenTopicsData: [],
      });
      const { errorCode, records, abortedTransactions } = responses[0].partitions[0];
      equal(errorName(errorCode), 'NONE');
      const bytes = records as Buffer | null;
      if (!bytes || bytes.length === 0) return values;
      const aborted = [...(abortedTransactions ?? [])].sort((a, b) => a.firstOffset - b.firstOffset);
      const abortedNow = new Set<number>();
      for (const { at, producerId, offset } of batchesOf(bytes)) {
        next = lastOffset(bytes, at) + 1;
        while (aborted.length > 0 && aborted[0].firstOffset <= offset) abortedNow.add(aborted.shift()!.producerId);
        if (isControlBatch(bytes, at)) abortedNow.delete(producerId);
        else if (!isTransactional(bytes, at) || !abortedNow.has(producerId)) {
          for (const { value } of readRecords(bytes, at)) values.push(value?.toString() ?? '');
        }
      }
    }
  }
}

function* batchesOf(bytes: Buffer): Generator<{ at: number; producerId: number; offset: number }> {
  for (let at = 0; at + 61 <= bytes.length;) {
    const size = 12 + bytes.readInt32BE(at + 8);
    if (at + size > bytes.length) return;
    yield { at, offset: Number(bytes.readBigInt64BE(at)), producerId: Number(bytes.readBigInt64BE(at + 43)) };
    at += size;
  }
}
