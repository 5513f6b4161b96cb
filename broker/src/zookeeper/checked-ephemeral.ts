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

export interface CheckedEphemeralOptions {
  readonly path: string;
  readonly data: Buffer;
  readonly acl: readonly Acl[];
  /** A session of this process's past, whose node is removed at once (KAFKA-7165). */
  readonly previousSessionId: bigint | undefined;
  /** How long another session's node is waited for to go. */
  readonly waitMs: number;
  /** What the node is, for people: "broker 3". */
  readonly what: string;
  /** What to do when the node stays. */
  readonly advice: string;
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
  const { path, data, acl, what } = options;
  let giveUpMs: number | undefined;
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

    const gone = new Deletion();
    const held = await client.retryUntilConnected(() => client.exists(path, gone.watcher));
    if (held === undefined) continue;
    const owner = held.ephemeralOwner;
    // A create whose reply was lost with its connection.
    if (owner === client.sessionId) return held;
    if (owner === options.previousSessionId) {
      logger.info(`The znode ${path} is still that of the expired session ${hex(owner)}: it is created anew.`);
      await deleteIfThere(client, path);
      continue;
    }
    const nowMs = io.clock.monotonicMs();
    if (giveUpMs === undefined) {
      giveUpMs = nowMs + options.waitMs;
      logger.warn(
        `The znode ${path} of ${what} is held by another ZooKeeper session (${hex(owner)}), perhaps of this process ` +
          `before it was started again: waiting up to ${Math.round(options.waitMs)} ms for that session to end.`,
      );
    }
    if (nowMs >= giveUpMs) {
      throw new EphemeralHeldException(
        `the znode ${path} of ${what} is still held by another ZooKeeper session (${hex(owner)}) after ` +
          `${Math.round(options.waitMs)} ms: ${options.advice}`,
      );
    }
    // It is tried once more when the time is over: the watch goes when this client's own session ends meanwhile.
    await gone.within(io, giveUpMs - nowMs);
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
