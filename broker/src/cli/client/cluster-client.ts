import type { Io } from '../../io/io';
import { sleep } from '../../io/clock';
import { ClientConnection, DisconnectedError, negotiateOrClose } from '../../network/client-connection';
import { type Api, Apis } from '../../protocol/api-keys';
import { ErrorCode, errorName, KafkaError } from '../../protocol/errors';
import type { MetadataResponse } from '../../protocol/messages/metadata';
import type { InputOf, MessageOf } from '../../protocol/schema';
import { CommandError, messageOf } from '../cli-error';
import { formatHostAndPort, type HostAndPort } from './bootstrap-servers';

export interface ClusterClientOptions {
  readonly bootstrapServers: readonly HostAndPort[];
  readonly clientId: string;
  /** request.timeout.ms: how long one answer may take. @default 30000 */
  readonly requestTimeoutMs?: number;
  /** default.api.timeout.ms: how long an operation is tried. @default 60000 */
  readonly timeoutMs?: number;
  /** Told once for each new reason why an operation is tried again. */
  readonly warn: (message: string) => void;
}

/** Who a request is for. */
export type Target =
  | 'any'
  | 'controller'
  | { readonly broker: number }
  | { readonly group: string }
  | { readonly leaderOf: { readonly topic: string; readonly partition: number } };

/** An error that the broker gave; the message is the broker's own where it sent one. */
export function throwIfError(errorCode: number, errorMessage?: string | null): void {
  if (errorCode !== ErrorCode.NONE) {
    throw new KafkaError(errorCode as ErrorCode, errorMessage ?? errorName(errorCode));
  }
}

// The broker asked is not, or not yet, the one to ask.
const retriable: ReadonlySet<number> = new Set<number>([
  ErrorCode.LEADER_NOT_AVAILABLE,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.FENCED_LEADER_EPOCH,
  ErrorCode.UNKNOWN_LEADER_EPOCH,
  ErrorCode.OFFSET_NOT_AVAILABLE,
  ErrorCode.BROKER_NOT_AVAILABLE,
  ErrorCode.NETWORK_EXCEPTION,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.NOT_CONTROLLER,
  ErrorCode.KAFKA_STORAGE_ERROR,
]);

const firstBackoffMs = 100;
const longestBackoffMs = 1000;

/**
 * A client of a whole cluster for one-off questions: finds the broker to ask (controller, leader, coordinator), and
 * asks again until the answer is one or the time is over. One connection a broker.
 */
export class ClusterClient {
  readonly #io: Io;
  readonly #options: ClusterClientOptions;
  readonly #connections = new Map<string, ClientConnection>();
  readonly #coordinators = new Map<string, HostAndPort>();
  readonly #warned = new Set<string>();
  #cluster: MetadataResponse | undefined;
  #isClosed = false;

  constructor(io: Io, options: ClusterClientOptions) {
    this.#io = io;
    this.#options = options;
  }

  /** Metadata of topics, in the answer's order; null: of all topics. Errors of single topics are in the answer. */
  metadata(topics: readonly string[] | null, allowAutoTopicCreation = false): Promise<MetadataResponse> {
    return this.retrying('Metadata', () => this.#metadata(topics, allowAutoTopicCreation));
  }

  /**
   * Asks until `accept` does not throw a KafkaError that another try may mend, and gives what it returns.
   * @param atMost the newest version that the caller understands
   */
  request<A extends Api, T>(
    target: Target,
    api: A,
    input: InputOf<A['request']>,
    accept: (response: MessageOf<A['response']>) => T,
    atMost = Infinity,
  ): Promise<T> {
    return this.retrying(api.name, async () => {
      const connection = await this.connectionTo(target);
      return accept(await connection.send(api, connection.versionOf(api, atMost), input));
    });
  }

  /** Does something until it fails in a way that another try will not mend, or the time is over. */
  async retrying<T>(what: string, operation: () => Promise<T>): Promise<T> {
    const { timeoutMs = 60_000 } = this.#options;
    const { clock } = this.#io;
    const deadline = clock.monotonicMs() + timeoutMs;
    for (let backoff = firstBackoffMs; ; backoff = Math.min(backoff * 2, longestBackoffMs)) {
      try {
        return await operation();
      } catch (error) {
        if (this.#isClosed || !isRetriable(error)) throw error;
        this.#forget();
        const left = deadline - clock.monotonicMs();
        if (left <= 0) throw new CommandError(`${what}: given up after ${timeoutMs} ms: ${messageOf(error)}`);
        this.#warnOnce(`${messageOf(error).replace(/\.$/, '')}; trying again.`);
        await sleep(clock, Math.min(backoff, left));
      }
    }
  }

  /** A connection to the broker that is to be asked, with its versions known. */
  async connectionTo(target: Target): Promise<ClientConnection> {
    if (target === 'any') return this.#anyConnection();
    if (target === 'controller') {
      const { controllerId } = await this.#knownCluster();
      return this.#connectionToBroker(controllerId, ErrorCode.NOT_CONTROLLER);
    }
    if ('broker' in target) return this.#connectionToBroker(target.broker, ErrorCode.BROKER_NOT_AVAILABLE);
    if ('group' in target) return this.#connection(await this.#coordinator(target.group));
    const { topic, partition } = target.leaderOf;
    return this.#connectionToBroker(await this.#leader(topic, partition), ErrorCode.LEADER_NOT_AVAILABLE);
  }

  /** Tells the next question that what is known about the cluster may be old. */
  refresh(): void {
    this.#cluster = undefined;
  }

  /** Ends what is under way, too. */
  close(): void {
    this.#isClosed = true;
    for (const connection of this.#connections.values()) connection.close();
    this.#connections.clear();
  }

  async #metadata(topics: readonly string[] | null, allowAutoTopicCreation: boolean): Promise<MetadataResponse> {
    const connection = await this.#anyConnection();
    const version = connection.versionOf(Apis.Metadata);
    // Before version 1 no topics at all stood for every topic.
    const names = topics?.map((name) => ({ name })) ?? (version === 0 ? [] : null);
    this.#cluster = await connection.send(Apis.Metadata, version, { topics: names, allowAutoTopicCreation });
    return this.#cluster;
  }

  async #knownCluster(): Promise<MetadataResponse> {
    return this.#cluster ?? (await this.#metadata([], false));
  }

  async #leader(topic: string, partition: number): Promise<number> {
    let found = this.#cluster?.topics.find(({ name }) => name === topic);
    found ??= (await this.#metadata([topic], false)).topics.find(({ name }) => name === topic);
    throwIfError(found?.errorCode ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    const leader = found?.partitions.find(({ partitionIndex }) => partitionIndex === partition)?.leaderId;
    if (leader === undefined) {
      throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `${topic} has no partition ${partition}`);
    }
    return leader;
  }

  async #coordinator(group: string): Promise<HostAndPort> {
    const known = this.#coordinators.get(group);
    if (known !== undefined) return known;
    const connection = await this.#anyConnection();
    const version = connection.versionOf(Apis.FindCoordinator);
    const keys = version >= 4 ? { coordinatorKeys: [group] } : { key: group };
    const response = await connection.send(Apis.FindCoordinator, version, { keyType: 0, ...keys });
    const found = version >= 4 ? response.coordinators[0]! : response;
    throwIfError(found.errorCode, found.errorMessage);
    this.#coordinators.set(group, found);
    return found;
  }

  async #connectionToBroker(id: number, ifUnknown: ErrorCode): Promise<ClientConnection> {
    const find = ({ brokers }: MetadataResponse) => brokers.find(({ nodeId }) => nodeId === id);
    const broker = find(await this.#knownCluster()) ?? find(await this.#metadata([], false));
    if (broker === undefined) {
      const whom = id < 0 ? `${errorName(ifUnknown)}: the cluster has none at the moment` : `broker ${id} is not there`;
      throw new KafkaError(ifUnknown, whom);
    }
    return this.#connection(broker);
  }

  async #anyConnection(): Promise<ClientConnection> {
    for (const connection of this.#connections.values()) if (!connection.isClosed) return connection;
    const failures: string[] = [];
    for (const server of this.#options.bootstrapServers) {
      try {
        return await this.#connection(server);
      } catch (error) {
        failures.push(messageOf(error));
      }
    }
    throw new ConnectFailure(failures.join('; '));
  }

  async #connection({ host, port }: HostAndPort): Promise<ClientConnection> {
    const address = formatHostAndPort({ host, port });
    const open = this.#connections.get(address);
    if (open !== undefined && !open.isClosed) return open;
    const { clientId, requestTimeoutMs = 30_000 } = this.#options;
    let connection: ClientConnection;
    try {
      const connectTimeoutMs = Math.min(10_000, requestTimeoutMs);
      connection = await ClientConnection.connect(this.#io, {
        host,
        port,
        clientId,
        requestTimeoutMs,
        connectTimeoutMs,
      });
    } catch (error) {
      throw new ConnectFailure(`No connection to ${address} (${messageOf(error)})`);
    }
    this.#connections.set(address, connection);
    return negotiateOrClose(connection);
  }

  #forget(): void {
    this.#cluster = undefined;
    this.#coordinators.clear();
  }

  #warnOnce(message: string): void {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    this.#options.warn(message);
  }
}

class ConnectFailure extends Error {}

export function isRetriable(error: unknown): boolean {
  if (error instanceof KafkaError) return retriable.has(error.code);
  return error instanceof ConnectFailure || error instanceof DisconnectedError;
}
