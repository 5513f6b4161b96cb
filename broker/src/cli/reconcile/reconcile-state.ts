import type { Io } from '../../io/io';
import { Apis } from '../../protocol/api-keys';
import { ErrorCode, KafkaError } from '../../protocol/errors';
import { buildBatch } from '../../records/build-batch';
import { throwIfError, type ClusterClient } from '../client/cluster-client';
import { listOffsets, OffsetSpec } from '../client/offsets';
import { readFetched } from '../consume/record-reader';
import { ClusterTopicService } from '../topics/cluster-topic-service';

/** What is remembered of a topic between two runs. */
export interface RememberedTopic {
  /** Of the topic that is meant: one of the same name that somebody made later has another. */
  readonly topicId: string;
  /** Whether it was this reconciler that made it. */
  readonly created: boolean;
  readonly deletionPolicy: 'retain' | 'delete';
  /** Configuration keys that the file had: those that are not in it any more are set back. */
  readonly configKeys: readonly string[];
}

/**
 * The compacted topic that remembers. It lies in the cluster that it is about: a reconciler that starts anew, on another
 * machine too, knows what it made, and a cluster that was made anew has forgotten it with its topics.
 * Key: the topic's name. Value: RememberedTopic as JSON; null: forgotten.
 */
export const stateTopic = '__odradek_reconcile';

const fetchBytes = 1024 * 1024;
const newestWithNames = 12;
const zeroUuid = 'AAAAAAAAAAAAAAAAAAAAAA';

export class ReconcileState {
  readonly #io: Io;
  readonly #cluster: ClusterClient;

  constructor(io: Io, cluster: ClusterClient) {
    this.#io = io;
    this.#cluster = cluster;
  }

  /** Nothing, if there is no state topic yet. */
  async read(): Promise<Map<string, RememberedTopic>> {
    const remembered = new Map<string, RememberedTopic>();
    const partition = { topic: stateTopic, partition: 0 };
    if (!(await this.#exists())) return remembered;
    const [[start], [end]] = await Promise.all([
      listOffsets(this.#cluster, [partition], OffsetSpec.earliest),
      listOffsets(this.#cluster, [partition], OffsetSpec.latest),
    ]);
    for (let offset = start!.offset; offset < end!.offset;) {
      const from = offset;
      offset = await this.#readFrom(from, remembered);
      if (offset === from) break;
    }
    return remembered;
  }

  /** Durable, by as many replicas as the cluster wants, when it resolves. */
  async write(changes: ReadonlyMap<string, RememberedTopic | null>): Promise<void> {
    if (changes.size === 0) return;
    await this.#ensureTopic();
    const timestamp = this.#io.clock.wallMs();
    const records = [...changes].map(([name, topic]) => ({
      key: name,
      value: topic === null ? null : JSON.stringify(topic),
      timestamp,
    }));
    const input = {
      acks: -1,
      timeoutMs: 20_000,
      topicData: [{ name: stateTopic, partitionData: [{ index: 0, records: buildBatch({ records }) }] }],
    };
    const target = { leaderOf: { topic: stateTopic, partition: 0 } };
    await this.#cluster.request(target, Apis.Produce, input, ({ responses }) => {
      const written = responses[0]?.partitionResponses[0];
      throwIfError(written?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR, written?.errorMessage);
    });
  }

  async #exists(): Promise<boolean> {
    const { topics } = await this.#cluster.metadata([stateTopic]);
    return topics[0]?.errorCode !== ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  }

  async #ensureTopic(): Promise<void> {
    if (await this.#exists()) return;
    const service = new ClusterTopicService(this.#cluster);
    try {
      // With the cluster's own replication factor: until as many brokers live it is refused, and tried again. Fewer
      // replicas than min.insync.replicas could never be written to.
      await service.create({
        name: stateTopic,
        partitions: 1,
        configs: new Map([['cleanup.policy', 'compact']]),
      });
    } catch (error) {
      if (!(error instanceof KafkaError && error.code === ErrorCode.TOPIC_ALREADY_EXISTS)) throw error;
    }
    await this.#cluster.retrying('Metadata', async () => {
      if (!(await this.#exists()))
        throw new KafkaError(ErrorCode.LEADER_NOT_AVAILABLE, `${stateTopic} is not there yet`);
    });
  }

  /** Returns the offset to go on at. */
  #readFrom(offset: number, remembered: Map<string, RememberedTopic>): Promise<number> {
    return this.#cluster.retrying('Fetch', async () => {
      const connection = await this.#cluster.connectionTo({ leaderOf: { topic: stateTopic, partition: 0 } });
      const partition = {
        partition: 0,
        fetchOffset: offset,
        partitionMaxBytes: fetchBytes,
        replicaDirectoryId: zeroUuid,
      };
      const response = await connection.send(Apis.Fetch, connection.versionOf(Apis.Fetch, newestWithNames), {
        maxWaitMs: 500,
        minBytes: 1,
        maxBytes: fetchBytes,
        isolationLevel: 0,
        topics: [{ topic: stateTopic, topicId: zeroUuid, partitions: [partition] }],
        forgottenTopicsData: [],
      });
      throwIfError(response.errorCode);
      const fetched = response.responses[0]?.partitions[0];
      throwIfError(fetched?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR);
      let next = offset;
      for (const { key, value } of readFetched(stateTopic, fetched!, offset, (to) => (next = to))) {
        if (key === null) continue;
        const topic = value === null ? undefined : parseRemembered(value.toString());
        if (topic === undefined) remembered.delete(key.toString());
        else remembered.set(key.toString(), topic);
      }
      return next;
    });
  }
}

/** Undefined for what this program has not written: then nothing is known, and nothing will be deleted. */
function parseRemembered(text: string): RememberedTopic | undefined {
  try {
    const { topicId, created, deletionPolicy, configKeys } = JSON.parse(text) as Partial<RememberedTopic>;
    if (typeof topicId !== 'string' || typeof created !== 'boolean' || !Array.isArray(configKeys)) return undefined;
    if (deletionPolicy !== 'retain' && deletionPolicy !== 'delete') return undefined;
    return { topicId, created, deletionPolicy, configKeys: configKeys.map(String) };
  } catch {
    return undefined;
  }
}
