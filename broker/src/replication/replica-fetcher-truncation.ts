import type { Log } from '../log/log';

/** Where a follower cuts its log (Kafka's OffsetTruncationState). */
export interface TruncationOffset {
  readonly offset: number;
  /** The history up to `offset` is the leader's; otherwise the leader has to be asked again, for the epoch that is last then. */
  readonly completed: boolean;
  /** Why it is this offset, for the log. */
  readonly why: string;
}

/**
 * Where to cut, after the leader has said where the follower's last epoch, or the largest one below it that the leader
 * knows, ends in its log (Kafka's getOffsetTruncationState; KIP-101, KIP-279). `fallback` is where it is cut when the
 * leader knows nothing.
 */
export function truncationOffset(
  log: Log,
  leader: { readonly leaderEpoch: number; readonly offset: number },
  fallback: number,
): TruncationOffset {
  const { logEndOffset } = log;
  if (leader.offset === -1) {
    return { offset: fallback, completed: true, why: 'the leader knows none of its epochs' };
  }
  if (leader.leaderEpoch === -1) {
    const offset = Math.min(leader.offset, logEndOffset);
    return { offset, completed: true, why: `the leader, which is too old to say more, has its epoch until ${offset}` };
  }
  const own = log.endOffsetForEpoch(leader.leaderEpoch);
  const has = `the leader's epoch ${leader.leaderEpoch} ends at ${leader.offset}`;
  if (own === undefined) {
    return {
      offset: Math.min(leader.offset, logEndOffset),
      completed: true,
      why: `${has}, and here no epoch is known`,
    };
  }
  if (own.leaderEpoch !== leader.leaderEpoch) {
    const why = `${has}, and here epoch ${own.leaderEpoch} below it ends at ${own.endOffset}`;
    return { offset: Math.min(own.endOffset, logEndOffset), completed: false, why };
  }
  const offset = Math.min(own.endOffset, leader.offset, logEndOffset);
  return { offset, completed: true, why: `${has}, and here at ${own.endOffset}` };
}
