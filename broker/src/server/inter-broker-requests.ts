import type { ClientConnection } from '../network/client-connection';
import { DisconnectedError, negotiateOrClose, UnsupportedVersionError } from '../network/client-connection';
import type { Api } from '../protocol/api-keys';
import type { InputOf, MessageOf } from '../protocol/schema';
import type { MetadataCache } from '../replication/metadata-cache';
import type { BrokerRequests } from '../transactions/broker-requests';
import type { BrokerNode, ConnectToBroker } from './broker-connections';

export interface InterBrokerRequestsOptions {
  readonly brokerId: number;
  readonly clientId: string;
  readonly interBrokerListenerName: string;
  readonly requestTimeoutMs: number;
  readonly metadata: Pick<MetadataCache, 'brokers'>;
  readonly connect: ConnectToBroker;
  /** Handles a request of this broker to itself. */
  readonly handleLocally: <A extends Api>(
    api: A,
    version: number,
    input: InputOf<A['request']>,
  ) => Promise<MessageOf<A['response']>>;
}

interface Link {
  readonly node: BrokerNode;
  readonly connection: Promise<ClientConnection>;
}

/** A connection to each broker of the cluster, made when there is something to send, and anew after any failure. */
export class InterBrokerRequests implements BrokerRequests {
  readonly #options: InterBrokerRequestsOptions;
  readonly #links = new Map<number, Link>();
  #isClosed = false;

  constructor(options: InterBrokerRequestsOptions) {
    this.#options = options;
  }

  async send<A extends Api>(
    brokerId: number,
    api: A,
    input: InputOf<A['request']>,
    { atLeast = 0, atMost = Infinity }: { readonly atLeast?: number; readonly atMost?: number } = {},
  ): Promise<MessageOf<A['response']>> {
    if (brokerId === this.#options.brokerId) {
      return this.#options.handleLocally(api, Math.min(api.maxVersion, atMost), input);
    }
    const link = this.#link(brokerId);
    try {
      const connection = await link.connection;
      const version = connection.versionOf(api, atMost);
      if (version < atLeast) {
        throw new UnsupportedVersionError(`Broker ${brokerId} has no version ${atLeast} of ${api.name} or newer.`);
      }
      return await connection.send(api, version, input);
    } catch (error) {
      if (!(error instanceof UnsupportedVersionError)) this.#drop(brokerId, link);
      throw error;
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const [brokerId, link] of this.#links) this.#drop(brokerId, link);
  }

  #link(brokerId: number): Link {
    if (this.#isClosed) throw new DisconnectedError('This broker shuts down.');
    const { metadata, interBrokerListenerName } = this.#options;
    const endpoint = metadata.brokers.get(brokerId)?.endpoints.get(interBrokerListenerName);
    if (!endpoint)
      throw new DisconnectedError(`Broker ${brokerId} is not known to listen on ${interBrokerListenerName}.`);
    const known = this.#links.get(brokerId);
    if (known && known.node.host === endpoint.host && known.node.port === endpoint.port) return known;
    if (known) this.#drop(brokerId, known);
    const node = { id: brokerId, host: endpoint.host, port: endpoint.port };
    const link: Link = { node, connection: this.#connect(node) };
    this.#links.set(brokerId, link);
    void link.connection.then(
      async (connection) => {
        await connection.whenClosed;
        if (this.#links.get(brokerId) === link) this.#links.delete(brokerId);
      },
      () => undefined,
    );
    return link;
  }

  async #connect(node: BrokerNode): Promise<ClientConnection> {
    const { connect, clientId, requestTimeoutMs } = this.#options;
    return negotiateOrClose(await connect(node, clientId, requestTimeoutMs));
  }

  #drop(brokerId: number, link: Link): void {
    if (this.#links.get(brokerId) === link) this.#links.delete(brokerId);
    link.connection.then(
      (connection) => connection.close(),
      () => undefined,
    );
  }
}
