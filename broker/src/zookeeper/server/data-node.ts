import type { Stat } from '../requests';
import type { CachedAcl } from './acl-cache';
import { ephemeralType, ttlOf } from './ephemeral-type';

const noChildren: ReadonlySet<string> = new Set<string>();

/** A znode in the tree. `cversion` counts the children ever created; clients see another number (see `stat`). */
export class DataNode {
  data: Buffer | null;
  acl: CachedAcl;
  czxid = 0n;
  mzxid = 0n;
  pzxid = 0n;
  /** Milliseconds since the epoch, as `mtime`. */
  ctime = 0;
  mtime = 0;
  version = 0;
  cversion = 0;
  aversion = 0;
  ephemeralOwner = 0n;
  private names: Set<string> | undefined;

  constructor(data: Buffer | null, acl: CachedAcl) {
    this.data = data;
    this.acl = acl;
  }

  /** Names, in the order of creation. */
  get children(): ReadonlySet<string> {
    return this.names ?? noChildren;
  }

  get childCount(): number {
    return this.names === undefined ? 0 : this.names.size;
  }

  /** Milliseconds to live after the last change without children; of znodes with a time to live alone. */
  get ttl(): number {
    return ttlOf(this.ephemeralOwner);
  }

  addChild(name: string): void {
    (this.names ??= new Set()).add(name);
  }

  removeChild(name: string): void {
    this.names?.delete(name);
    if (this.names?.size === 0) this.names = undefined;
  }

  /**
   * What clients see: changes of the children instead of creations (for every creation there was a deletion, but for
   * the children that are there), and no owner for containers and znodes with a time to live.
   */
  stat(): Stat {
    const numChildren = this.childCount;
    return {
      czxid: this.czxid,
      mzxid: this.mzxid,
      ctime: this.ctime,
      mtime: this.mtime,
      version: this.version,
      cversion: (Math.imul(this.cversion, 2) - numChildren) | 0,
      aversion: this.aversion,
      ephemeralOwner: ephemeralType(this.ephemeralOwner) === 'session' ? this.ephemeralOwner : 0n,
      dataLength: this.data === null ? 0 : this.data.length,
      numChildren,
      pzxid: this.pzxid,
    };
  }
}

/** The bytes in memory of their own, so that a small znode does not keep the buffer in which it arrived. */
export function ownData(data: Buffer | null): Buffer | null {
  if (data === null || data.length === 0) return data === null ? null : empty;
  const copy = Buffer.allocUnsafeSlow(data.length);
  data.copy(copy);
  return copy;
}

const empty = Buffer.alloc(0);
