import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import type { ZooKeeperClient } from './client';
import { isKeeperException } from './keeper-exception';
import { createOp, setDataOp } from './multi-ops';
import { CreateMode, EventType, KeeperCode, type Acl, type Stat } from './requests';

/** The path is held by another session, which lives. */
export class EphemeralHeldException extends Error {
  override readonly name = 'EphemeralHeldException';
}

/** What is waited for, and how long. */
export interface EphemeralWait {
  readonly path: string;
  /** How long another session's node is waited for to go. */
  readonly waitMs: number;
  /** What the node is, for people: "broker 3". */
  readonly what: string;
  /** What to do when the node stays. */
  readonly advice: string;
}

export interface CheckedEphemeralOptions extends EphemeralWait {
  readonly data: Buffer;
  readonly acl: readonly Acl[];
  /** A session of this process's past, whose node is removed at once (KAFKA-7165). */
  readonly previousSessionId: bigint | undefined;
}

/**
 * Creates an ephemeral node of this session (KafkaZkClient.CheckedEphemeral), waiting for that of a session that has
 * not ended yet: a process that is started again after a kill finds its own. Returns its Stat; rejects with
 * EphemeralHeldException when the other session's node stays.
 */
export async function createCheckedEphemeral(
  io: Io,
  logger: Logger,
  client: ZooKeeperClient,
  options: CheckedEphemeralOptions,
): Promise<Stat> {
  const { path, data, acl, previousSessionId } = options;
  const holder = new Holder(io, logger, client, options);
  for (;;) {
    try {
      // Kafka writes the data apart from the creation, so that the version begins at 1.
      const [, set] = await client.retryUntilConnected(() =>
        client.multi([createOp(path, null, { mode: CreateMode.ephemeral, acl }), setDataOp(path, data, 0)]),
      );
      return set.stat;
    } catch (error) {
      if (!isKeeperException(error, KeeperCode.NODEEXISTS)) throw error;
    }

    const held = await holder.look();
    if (held === undefined) continue;
    const owner = held.ephemeralOwner;
    // A create whose reply was lost with its connection.
    if (owner === client.sessionId) return held;
    if (owner === previousSessionId) {
      logger.info(`The znode ${path} is still that of the expired session ${hex(owner)}: it is created anew.`);
      await deleteIfThere(client, path);
      continue;
    }
    await holder.wait(owner);
  }
}

/** Waits until no other session has the node; rejects with EphemeralHeldException when it stays. */
export async function awaitEphemeralGone(
  io: Io,
  logger: Logger,
  client: ZooKeeperClient,
  wait: EphemeralWait,
): Promise<void> {
  const holder = new Holder(io, logger, client, wait);
  for (;;) {
    const held = await holder.look();
    if (held === undefined || held.ephemeralOwner === client.sessionId) return;
    await holder.wait(held.ephemeralOwner);
  }
}

/** The session that has a node, while it is waited for to end. */
class Holder {
  private giveUpMs: number | undefined;
  private gone = new Deletion();

  constructor(
    readonly io: Io,
    readonly logger: Logger,
    readonly client: ZooKeeperClient,
    readonly options: EphemeralWait,
  ) {}

  look(): Promise<Stat | undefined> {
    const gone = new Deletion();
    this.gone = gone;
    return this.client.retryUntilConnected(() => this.client.exists(this.options.path, gone.watcher));
  }

  async wait(owner: bigint): Promise<void> {
    const { io, logger } = this;
    const { path, what, waitMs, advice } = this.options;
    const nowMs = io.clock.monotonicMs();
    if (this.giveUpMs === undefined) {
      this.giveUpMs = nowMs + waitMs;
      logger.warn(
        `The znode ${path} of ${what} is held by another ZooKeeper session (${hex(owner)}), perhaps of this process ` +
          `before it was started again: waiting up to ${Math.round(waitMs)} ms for that session to end.`,
      );
    }
    if (nowMs >= this.giveUpMs) {
      throw new EphemeralHeldException(
        `the znode ${path} of ${what} is still held by another ZooKeeper session (${hex(owner)}) after ` +
          `${Math.round(waitMs)} ms: ${advice}`,
      );
    }
    // It is tried once more when the time is over: the watch goes when this client's own session ends meanwhile.
    await this.gone.within(io, this.giveUpMs - nowMs);
  }
}

/** Something that is waited for: the deletion of a watched node. */
class Deletion {
  private told = false;
  private resolve: (() => void) | undefined;

  readonly watcher = ({ type }: { readonly type: EventType }): void => {
    if (type !== EventType.nodeDeleted && type !== EventType.nodeDataChanged) return;
    this.told = true;
    this.resolve?.();
  };

  /** Resolves when anything has become of it, or after this time. */
  within(io: Io, timeoutMs: number): Promise<void> {
    if (this.told) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = io.clock.timer(timeoutMs, resolve);
      this.resolve = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}

async function deleteIfThere(client: ZooKeeperClient, path: string): Promise<void> {
  try {
    await client.retryUntilConnected(() => client.delete(path));
  } catch (error) {
    if (!isKeeperException(error, KeeperCode.NONODE)) throw error;
  }
}

function hex(sessionId: bigint): string {
  return `0x${BigInt.asUintN(64, sessionId).toString(16)}`;
}
