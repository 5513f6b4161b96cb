import { sleep } from '../../../broker/src/io/clock';
import type { Io } from '../../../broker/src/io/io';
import { ClientConnection } from '../../../broker/src/network/client-connection';
import { type Api, Apis } from '../../../broker/src/protocol/api-keys';
import type { InputOf, MessageOf } from '../../../broker/src/protocol/schema';

export interface ClientOptions {
  readonly io: Io;
  readonly name: string;
  readonly bootstrap: readonly { readonly host: string; readonly port: number }[];
}

/** A negative id: there is none in this epoch. */
export interface KnownLeader {
  readonly id: number;
  readonly epoch: number;
}

const requestTimeoutMs = 4000;
const metadataVersion = 9;

/** A client of the cluster: a connection to each broker that it needs, and what Metadata told it last. */
export class ClusterClient {
  readonly io: Io;
  readonly #connections = new Map<string, Promise<ClientConnection>>();
  readonly #addresses = new Map<number, { readonly host: string; readonly port: number }>();
  readonly #leaders = new Map<string, KnownLeader>();
  #refreshing: Promise<void> | undefined;
  controllerId = -1;

  constructor(readonly options: ClientOptions) {
    this.io = options.io;
  }

  sleep(ms: number): Promise<void> {
    return sleep(this.io.clock, ms);
  }

  /** Those that Metadata has ever named. */
  get brokers(): number[] {
    return [...this.#addresses.keys()];
  }

  leaderOf(topic: string, partition: number): KnownLeader | undefined {
    const leader = this.#leaders.get(`${topic}-${partition}`);
    return leader === undefined || leader.id < 0 ? undefined : leader;
  }

  /** Sends to a broker that Metadata has named. */
  async send<A extends Api>(
    broker: number,
    api: A,
    version: number,
    input: InputOf<A['request']>,
  ): Promise<MessageOf<A['response']>> {
    const address = this.#addresses.get(broker);
    if (address === undefined) throw new Error(`broker ${broker} is not known`);
    return (await this.#connection(address)).send(api, version, input);
  }

  /** Asks one broker after the other until one answers; those who ask at the same time share the answer. */
  refresh(topics: readonly string[]): Promise<void> {
    this.#refreshing ??= this.#refresh(topics).finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  async #refresh(topics: readonly string[]): Promise<void> {
    for (;;) {
      const known = [...this.options.bootstrap];
      const address = known[this.io.random.below(known.length)];
      try {
        const connection = await this.#connection(address);
        const response = await connection.send(Apis.Metadata, metadataVersion, {
          topics: topics.map((name) => ({ name })),
          allowAutoTopicCreation: false,
        });
        if (response.brokers.length > 0) {
          this.#take(response);
          return;
        }
      } catch {
        // The next one is asked.
      }
      await this.sleep(50 + this.io.random.below(200));
    }
  }

  #take(response: MessageOf<typeof Apis.Metadata.response>): void {
    this.controllerId = response.controllerId;
    for (const { nodeId, host, port } of response.brokers) this.#addresses.set(nodeId, { host, port });
    for (const { name, errorCode, partitions } of response.topics) {
      if (errorCode !== 0) continue;
      for (const { partitionIndex, leaderId, leaderEpoch } of partitions) {
        const key = `${name}-${partitionIndex}`;
        // A broker that is cut off may tell of a leader who is none any more.
        if (leaderEpoch < (this.#leaders.get(key)?.epoch ?? -1)) continue;
        this.#leaders.set(key, { id: leaderId, epoch: leaderEpoch });
      }
    }
  }

  #connection({ host, port }: { readonly host: string; readonly port: number }): Promise<ClientConnection> {
    const key = `${host}:${port}`;
    let connection = this.#connections.get(key);
    if (connection === undefined) {
      connection = ClientConnection.connect(this.io, {
        host,
        port,
        clientId: this.options.name,
        connectTimeoutMs: 2000,
        requestTimeoutMs,
      });
      this.#connections.set(key, connection);
      const forget = (): void => {
        if (this.#connections.get(key) === connection) this.#connections.delete(key);
      };
      connection.then(({ whenClosed }) => whenClosed.then(forget), forget);
    }
    return connection;
  }
}
