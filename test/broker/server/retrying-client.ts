import { expect } from 'vitest';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { ErrorCode, errorName } from '../../../broker/src/protocol/errors';
import { zeroUuid } from '../../../broker/src/protocol/uuid';
import type { TestCluster } from '../../../broker/src/testing';
import { BrokerClient, nameOf, valuesOf } from './broker-client';

/**
 * What a client with default retries does: asks who leads, tries, and asks again when that was somebody else. Brokers
 * that do not answer are passed over.
 */
export class RetryingClient {
  constructor(private readonly cluster: TestCluster) {}

  async metadata(topic: string) {
    for (;;) {
      for (const { bootstrapServers } of this.cluster.brokers) {
        const client = await BrokerClient.connect(bootstrapServers).catch(() => undefined);
        if (!client) continue;
        using open = client;
        const answer = await open
          .send(Apis.Metadata, 12, { topics: [{ topicId: zeroUuid, name: topic }], allowAutoTopicCreation: false })
          .catch(() => undefined);
        if (answer) return answer;
      }
      await pause();
    }
  }

  async partition(topic: string, index = 0) {
    const { topics } = await this.metadata(topic);
    return topics[0].partitions.find(({ partitionIndex }) => partitionIndex === index);
  }

  async leader(topic: string, index = 0): Promise<number> {
    for (;;) {
      const partition = await this.partition(topic, index);
      if (partition && partition.leaderId >= 0 && partition.errorCode === ErrorCode.NONE) return partition.leaderId;
      await pause();
    }
  }

  async withBroker<T>(id: number, run: (client: BrokerClient) => Promise<T>): Promise<T> {
    using client = await BrokerClient.connect(this.cluster.brokers[id].bootstrapServers);
    return await run(client);
  }

  /** Returns the base offset, and the errors on the way. */
  async produce(topic: string, batch: () => Buffer): Promise<{ offset: number; errors: string[] }> {
    const errors: string[] = [];
    for (;;) {
      const leader = await this.leader(topic);
      try {
        const answer = await this.withBroker(leader, (client) => client.produce(topic, batch()));
        if (answer.errorCode === ErrorCode.NONE) return { offset: answer.baseOffset, errors };
        errors.push(errorName(answer.errorCode));
      } catch {
        errors.push('disconnected');
      }
      await pause();
    }
  }

  /** Three replicas a partition. */
  async createTopic(
    name: string,
    partitions: number,
    configs: Readonly<Record<string, string | number | boolean>> = {},
  ): Promise<void> {
    const { controllerId } = await this.metadata('none');
    await this.withBroker(controllerId, (open) => open.createTopic(name, partitions, configs, 3));
  }

  async allInSync(topic: string): Promise<void> {
    await soon(async () =>
      (await this.metadata(topic)).topics[0].partitions.map(({ isrNodes }) => isrNodes.length),
    ).toSatisfy((sizes: number[]) => sizes.length > 0 && sizes.every((size) => size === 3));
  }

  /** The values of all records of a partition that is led. */
  async read(topic: string): Promise<string[]> {
    return this.withBroker(await this.leader(topic), async (open) => {
      const end = await this.#endOffset(open, topic);
      const values: string[] = [];
      while (values.length < end) {
        const fetched = await open.fetch(topic, values.length);
        expect(nameOf(fetched)).toBe('NONE');
        values.push(...valuesOf(fetched));
      }
      return values;
    });
  }

  async #endOffset(open: BrokerClient, name: string): Promise<number> {
    for (;;) {
      const { topics } = await open.send(Apis.ListOffsets, 7, {
        replicaId: -1,
        topics: [{ name, partitions: [{ partitionIndex: 0, timestamp: -1n }] }],
      });
      const { errorCode, offset } = topics[0].partitions[0];
      if (errorCode === ErrorCode.NONE) return offset;
      // A new leader does not know yet what is committed.
      expect(errorName(errorCode as ErrorCode)).toBe('OFFSET_NOT_AVAILABLE');
      await pause();
    }
  }
}

/** What is waited for comes soon; on a machine that does other things too, it may take its time. */
export const soon = <T>(look: () => Promise<T>) => expect.poll(look, { timeout: 20_000 });

export function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 10));
}
