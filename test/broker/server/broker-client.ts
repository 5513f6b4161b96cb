import { equal } from 'node:assert/strict';
import { nodeIo } from '../../../broker/src/io/node';
import { ClientConnection } from '../../../broker/src/network/client-connection';
import { Apis, type Api } from '../../../broker/src/protocol/api-keys';
import { type ErrorCode, errorName } from '../../../broker/src/protocol/errors';
import type { InputOf, MessageOf } from '../../../broker/src/protocol/schema';
import { zeroUuid } from '../../../broker/src/protocol/uuid';
import { buildBatch, type BatchInput } from '../../../broker/src/records/build-batch';
import { readRecords } from '../../../broker/src/records/read-records';
import { walkBatches } from '../../../broker/src/records/walk-batches';

const io = nodeIo();

/** A client of one broker, with what most tests send. */
export class BrokerClient implements Disposable {
  private constructor(readonly connection: ClientConnection) {}

  static async connect(bootstrapServers: string, clientId: string | null = 'test'): Promise<BrokerClient> {
    const [host, port] = bootstrapServers.split(':');
    return new BrokerClient(await ClientConnection.connect(io, { host, port: Number(port), clientId }));
  }

  [Symbol.dispose](): void {
    this.connection.close();
  }

  send<A extends Api>(api: A, version: number, input: InputOf<A['request']>): Promise<MessageOf<A['response']>> {
    return this.connection.send(api, version, input);
  }

  /** Returns the topic's id. */
  async createTopic(
    name: string,
    partitions = 1,
    configs: Readonly<Record<string, string | number | boolean>> = {},
    replicationFactor = 1,
  ): Promise<string> {
    const { topics } = await this.send(Apis.CreateTopics, 7, {
      topics: [
        {
          name,
          numPartitions: partitions,
          replicationFactor,
          assignments: [],
          configs: Object.entries(configs).map(([key, value]) => ({ name: key, value: String(value) })),
        },
      ],
      timeoutMs: 30_000,
      validateOnly: false,
    });
    const { errorCode, errorMessage } = topics[0];
    equal(errorName(errorCode), 'NONE', errorMessage ?? undefined);
    return topics[0].topicId;
  }

  async deleteTopic(name: string): Promise<void> {
    const { responses } = await this.send(Apis.DeleteTopics, 6, {
      topics: [{ name, topicId: zeroUuid }],
      timeoutMs: 30_000,
    });
    equal(errorName(responses[0].errorCode), 'NONE');
  }

  /** Resolves when __consumer_offsets is there and led. */
  async groupCoordinatorIsThere(): Promise<void> {
    for (;;) {
      const { coordinators } = await this.send(Apis.FindCoordinator, 4, { keyType: 0, coordinatorKeys: ['g'] });
      if (nameOf(coordinators[0]) === 'NONE') return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Produces to one partition; the answer for it. */
  async produce(
    name: string,
    records: Buffer | null,
    { index = 0, version = 9, acks = -1, timeoutMs = 10_000 }: ProduceOptions = {},
  ): Promise<MessageOf<typeof Apis.Produce.response>['responses'][number]['partitionResponses'][number]> {
    const { responses } = await this.send(Apis.Produce, version, {
      acks,
      timeoutMs,
      topicData: [{ name, partitionData: [{ index, records }] }],
    });
    return responses[0].partitionResponses[0];
  }

  /** Produces values; returns the first offset. */
  async produceValues(name: string, ...values: readonly string[]): Promise<number> {
    const { errorCode, baseOffset } = await this.produce(name, batchOf(...values));
    equal(errorName(errorCode), 'NONE');
    return baseOffset;
  }

  /** Fetches without a session; the answer for the first partition. */
  async fetch(topic: string, fetchOffset: number, options: FetchOptions = {}): Promise<FetchedPartition> {
    const { responses } = await this.send(Apis.Fetch, options.version ?? 11, fetchRequest(topic, fetchOffset, options));
    return responses[0].partitions[0];
  }

  async listOffset(name: string, timestamp: bigint | number, version = 7): Promise<number> {
    const { topics } = await this.send(Apis.ListOffsets, version, {
      replicaId: -1,
      topics: [{ name, partitions: [{ partitionIndex: 0, timestamp: BigInt(timestamp) }] }],
    });
    equal(errorName(topics[0].partitions[0].errorCode), 'NONE');
    return topics[0].partitions[0].offset;
  }
}

export interface ProduceOptions {
  readonly index?: number;
  readonly version?: number;
  readonly acks?: number;
  readonly timeoutMs?: number;
}

export type FetchedPartition = MessageOf<typeof Apis.Fetch.response>['responses'][number]['partitions'][number];

export interface FetchOptions {
  readonly version?: number;
  readonly maxWaitMs?: number;
  readonly minBytes?: number;
  readonly maxBytes?: number;
  readonly partitionMaxBytes?: number;
  readonly isolationLevel?: number;
}

export function fetchRequest(
  topic: string,
  fetchOffset: number,
  { maxWaitMs = 0, minBytes = 0, maxBytes = 1 << 20, partitionMaxBytes = 1 << 20, isolationLevel = 0 }: FetchOptions,
): InputOf<typeof Apis.Fetch.request> {
  return {
    maxWaitMs,
    minBytes,
    maxBytes,
    isolationLevel,
    topics: [{ topic, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes }] }],
    forgottenTopicsData: [],
  };
}

export function batchOf(...values: readonly string[]): Buffer {
  return buildBatch({ records: values.map((value) => ({ value, timestamp: 1_700_000_000_000 })) });
}

/** A batch of one record of at least that many bytes, which no codec would shrink much. */
export function batchOfBytes(bytes: number, input: Partial<BatchInput> = {}): Buffer {
  const value = Buffer.alloc(bytes);
  for (let i = 0; i < bytes; i++) value[i] = (i * 7919 + (i >> 8) * 31) & 0xff;
  return buildBatch({ records: [{ value }], ...input });
}

/** Values of all records of format 2 in what a fetch gave. */
export function valuesOf({ records }: { readonly records: Buffer | null }): string[] {
  const values: string[] = [];
  if (records === null) return values;
  walkBatches(records, (at) => {
    for (const { value } of readRecords(records, at)) values.push(String(value));
  });
  return values;
}

export function nameOf({ errorCode }: { readonly errorCode: number }): string {
  return errorName(errorCode as ErrorCode);
}
