import type { Clock, Timer } from '../../io/clock';
import { containerOwner } from './ephemeral-type';

interface TrackedSession {
  readonly id: bigint;
  readonly timeout: number;
  /** When it expires, in ticks. */
  expires: number;
}

/**
 * When sessions expire (SessionTrackerImpl): each is in the bucket of the tick at which it does, and is moved on by
 * every message.
 */
export class SessionTracker {
  private readonly sessions = new Map<bigint, TrackedSession>();
  private readonly buckets = new Map<number, Set<TrackedSession>>();
  private nextTick: number;
  private timer: Timer | undefined;
  private nextId: bigint;
  private closed = false;

  /** `expire` is called for a session that nothing was heard of in its timeout; it stays until `remove`. */
  constructor(
    private readonly clock: Clock,
    private readonly tickTime: number,
    serverId: number,
    private readonly expire: (id: bigint) => void,
  ) {
    this.nextTick = this.tickOf(clock.monotonicMs());
    this.nextId = firstSessionId(clock.wallMs(), serverId);
  }

  /** A session of an earlier run: it lives on for its timeout. */
  restore(id: bigint, timeout: number): void {
    this.track(id, timeout);
    // Should the clock have gone back: the ids go on after those that were given out.
    if (id >= this.nextId && id >> 56n === this.nextId >> 56n) this.nextId = id + 1n;
  }

  create(timeout: number): bigint {
    while (this.sessions.has(this.nextId) || this.nextId === containerOwner) this.nextId++;
    const id = this.nextId++;
    this.track(id, timeout);
    return id;
  }

  /** Moves the expiry on, to `timeout` from now (default: the session's own). False: there is no such session. */
  touch(id: bigint, timeout?: number): boolean {
    const session = this.sessions.get(id);
    if (session === undefined) return false;
    const expires = this.tickOf(this.clock.monotonicMs() + (timeout ?? session.timeout));
    if (expires === session.expires) return true;
    this.buckets.get(session.expires)?.delete(session);
    session.expires = expires;
    this.bucket(expires).add(session);
    return true;
  }

  has(id: bigint): boolean {
    return this.sessions.has(id);
  }

  remove(id: bigint): void {
    const session = this.sessions.get(id);
    if (session === undefined) return;
    this.sessions.delete(id);
    this.buckets.get(session.expires)?.delete(session);
  }

  get size(): number {
    return this.sessions.size;
  }

  /** Sessions by when they expire, in milliseconds from now. */
  expiries(): { readonly inMs: number; readonly ids: readonly bigint[] }[] {
    const now = this.clock.monotonicMs();
    return [...this.buckets]
      .filter(([, sessions]) => sessions.size > 0)
      .sort(([a], [b]) => a - b)
      .map(([tick, sessions]) => ({
        inMs: Math.round(tick * this.tickTime - now),
        ids: [...sessions].map(({ id }) => id),
      }));
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
  }

  private track(id: bigint, timeout: number): void {
    const expires = this.tickOf(this.clock.monotonicMs() + timeout);
    const session = { id, timeout, expires };
    this.sessions.set(id, session);
    this.bucket(expires).add(session);
    this.schedule();
  }

  private bucket(tick: number): Set<TrackedSession> {
    let bucket = this.buckets.get(tick);
    if (bucket === undefined) this.buckets.set(tick, (bucket = new Set()));
    return bucket;
  }

  // The first tick after a time.
  private tickOf(monotonicMs: number): number {
    return Math.floor(monotonicMs / this.tickTime) + 1;
  }

  private schedule(): void {
    if (this.timer !== undefined || this.closed || this.sessions.size === 0) return;
    const now = this.clock.monotonicMs();
    // Ticks while there were no sessions have nothing in them.
    this.nextTick = Math.max(this.nextTick, Math.floor(now / this.tickTime));
    this.timer = this.clock.timer(this.nextTick * this.tickTime - now, () => {
      // Messages that have arrived while this process was held up count: they are read first.
      this.clock.defer(() => {
        this.timer = undefined;
        if (!this.closed) this.expireDue();
      });
    });
  }

  private expireDue(): void {
    const now = this.clock.monotonicMs() / this.tickTime;
    for (const tick of [...this.buckets.keys()].sort((a, b) => a - b)) {
      if (tick > now) break;
      const due = this.buckets.get(tick)!;
      this.buckets.delete(tick);
      for (const { id } of due) this.expire(id);
    }
    this.nextTick = Math.floor(now) + 1;
    this.schedule();
  }
}

// The server in the highest byte, then milliseconds, then a count.
function firstSessionId(wallMs: number, serverId: number): bigint {
  return BigInt.asIntN(64, (BigInt(serverId) << 56n) | (BigInt.asUintN(40, BigInt(Math.trunc(wallMs))) << 16n));
}
