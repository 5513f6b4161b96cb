import { ErrorCode, errorName } from '../../../broker/src/protocol/errors';
import { TransactionalClient } from '../../broker/transactions/transactional-client';
import { pause, until } from '../cluster-zookeeper';
import type { Line } from './book';

/** As long as brokers allow: nothing is to time out here. */
export const transactionTimeoutMs = 900_000;

/** Transactions that are all decided at the moment of a kill. */
export class Storm implements Disposable {
  readonly #clients: TransactionalClient[] = [];
  readonly #written: Line[] = [];

  private constructor(readonly topic: string) {}

  static async begin(bootstrap: string, topic: string): Promise<Storm> {
    const storm = new Storm(topic);
    for (let i = 0; i < 8; i++) {
      const client = new TransactionalClient(() => bootstrap, `${topic}-${i}`);
      storm.#clients.push(client);
      await client.init(transactionTimeoutMs);
      await client.addPartitions(topic, 0, 1, 2);
      for (let partition = 0; partition < 3; partition++) {
        const value = client.transactionalId;
        const bytes = client.batch(topic, partition, value);
        const { errorCode, baseOffset: offset } = await client.writeOnce(topic, partition, bytes);
        if (errorCode !== ErrorCode.NONE) throw new Error(`${value}: ${errorName(errorCode)}`);
        const timestamp = 1_700_000_000_000;
        storm.#written.push({ topic, partition, offset, timestamp, key: '-', value, headers: '' });
      }
    }
    return storm;
  }

  /** All of them are to be decided; resolves after `ms`, wherever that has come to by then. */
  async decide(ms: number): Promise<void> {
    for (const client of this.#clients) client.end(true).catch(() => undefined);
    await pause(ms);
  }

  /** Those that were not decided yet are, too. Resolves with the records of all when they are committed. */
  async settle(): Promise<readonly Line[]> {
    for (const client of this.#clients) {
      await until(`${client.transactionalId} decided`, async () => (await client.end(true)) === 'NONE');
      await client.becomes('CompleteCommit');
    }
    return this.#written;
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients) client[Symbol.dispose]();
  }
}
