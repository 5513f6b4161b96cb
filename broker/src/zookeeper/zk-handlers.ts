import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import type { ZooKeeperClient } from './client';
import { EventType } from './requests';
import type { WatchedEvent, Watcher } from './watches';

/** Told of a znode, present or not. */
export interface ZNodeChangeHandler {
  readonly path: string;
  handleCreation?(): void;
  handleDeletion?(): void;
  handleDataChange?(): void;
}

/** Told that children have come or gone. */
export interface ZNodeChildChangeHandler {
  readonly path: string;
  handleChildChange(): void;
}

/** Told of the session's fate. */
export interface StateChangeHandler {
  /** One handler a name. */
  readonly name: string;
  /** The session has expired; a new one is about to begin. */
  beforeInitializingSession?(): void;
  /** The new session has begun (it may not be connected yet: operations wait for it). */
  afterInitializingSession?(): void;
  onAuthFailure?(): void;
  /** Nobody has answered for the session's timeout: it may be gone, and its ephemeral nodes another's. */
  onSessionDeadline?(): void;
}

// Between a refusal of the credentials and the next try: they may have been set up meanwhile.
const authRetryMs = 1000;

/**
 * Handlers that stay registered, over the one-shot watches and the sessions of a client (kafka.zookeeper's
 * ZooKeeperClient). Registering is local: the watch is set by the next read of the path.
 */
export class ZkHandlers {
  private readonly nodes = new Map<string, ZNodeChangeHandler>();
  private readonly children = new Map<string, ZNodeChildChangeHandler>();
  private readonly states = new Map<string, StateChangeHandler>();
  private wasConnected = false;

  constructor(
    io: Io,
    private readonly logger: Logger,
    private readonly client: ZooKeeperClient,
  ) {
    client.onState((state) => {
      if (state === 'connected') this.wasConnected = true;
      if (state === 'expired') this.reinitialize('The ZooKeeper session has expired: a new one is begun.');
      if (state === 'authFailed') {
        this.tellStates((handler) => handler.onAuthFailure?.());
        // At the start it is an error to stop for; later it is waited out, as in Kafka.
        if (this.wasConnected) {
          io.clock.timer(authRetryMs, () => this.reinitialize('ZooKeeper has refused the credentials: once more.'));
        }
      }
    });
    client.onSessionDeadline(() => this.tellStates((handler) => handler.onSessionDeadline?.()));
  }

  registerNode(handler: ZNodeChangeHandler): void {
    this.nodes.set(handler.path, handler);
  }

  unregisterNode(path: string): void {
    this.nodes.delete(path);
  }

  registerChildren(handler: ZNodeChildChangeHandler): void {
    this.children.set(handler.path, handler);
  }

  unregisterChildren(path: string): void {
    this.children.delete(path);
  }

  registerState(handler: StateChangeHandler): void {
    this.states.set(handler.name, handler);
  }

  unregisterState(name: string): void {
    this.states.delete(name);
  }

  clear(): void {
    this.nodes.clear();
    this.children.clear();
    this.states.clear();
  }

  /** The watcher for a read of the znode: undefined when nobody wants to know. */
  nodeWatcher(path: string): Watcher | undefined {
    return this.nodes.has(path) ? this.dispatch : undefined;
  }

  childWatcher(path: string): Watcher | undefined {
    return this.children.has(path) ? this.dispatch : undefined;
  }

  // One function for all, so that reading twice does not mean being told twice.
  private readonly dispatch = ({ type, path }: WatchedEvent): void => {
    switch (type) {
      case EventType.nodeCreated:
        return this.nodes.get(path)?.handleCreation?.();
      case EventType.nodeDeleted:
        return this.nodes.get(path)?.handleDeletion?.();
      case EventType.nodeDataChanged:
        return this.nodes.get(path)?.handleDataChange?.();
      case EventType.nodeChildrenChanged:
        return this.children.get(path)?.handleChildChange();
    }
  };

  private reinitialize(why: string): void {
    if (this.client.state !== 'expired' && this.client.state !== 'authFailed') return;
    this.logger.info(why);
    this.tellStates((handler) => handler.beforeInitializingSession?.());
    this.client.reconnectAsNewSession();
    this.tellStates((handler) => handler.afterInitializingSession?.());
  }

  private tellStates(tell: (handler: StateChangeHandler) => void): void {
    for (const handler of [...this.states.values()]) {
      try {
        tell(handler);
      } catch (error) {
        this.logger.error(`The handler ${handler.name} has failed on a change of the ZooKeeper session.`, { error });
      }
    }
  }
}
