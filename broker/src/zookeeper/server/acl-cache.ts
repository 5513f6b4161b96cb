import { openAcl, type Acl } from '../requests';

/** An access control list that is kept once for all znodes that have it; `id` is its number in snapshots. */
export interface CachedAcl {
  readonly id: bigint;
  readonly acl: readonly Acl[];
}

// Its id is what ZooKeeper gives world:anyone with all permissions in a snapshot without a table entry.
export const openCachedAcl: CachedAcl = { id: -1n, acl: openAcl };

/** Access control lists by their content, counted (ReferenceCountedACLCache). */
export class AclCache {
  private readonly byKey = new Map<string, { readonly cached: CachedAcl; readonly key: string; uses: number }>();
  private readonly byId = new Map<bigint, { readonly cached: CachedAcl; readonly key: string; uses: number }>();
  private lastId = 0n;

  constructor() {
    const key = keyOf(openAcl);
    const entry = { cached: openCachedAcl, key, uses: 1 };
    this.byKey.set(key, entry);
    this.byId.set(openCachedAcl.id, entry);
  }

  /** The kept list that equals `acl`, with one more use. */
  use(acl: readonly Acl[]): CachedAcl {
    const key = keyOf(acl);
    let entry = this.byKey.get(key);
    if (entry === undefined) entry = this.add(key, ++this.lastId, acl);
    entry.uses++;
    return entry.cached;
  }

  /** One use less: a list without uses is forgotten. */
  release(cached: CachedAcl): void {
    if (cached.id === openCachedAcl.id) return;
    const entry = this.byId.get(cached.id);
    if (entry === undefined || --entry.uses > 0) return;
    this.byId.delete(cached.id);
    this.byKey.delete(entry.key);
  }

  /** Every list in use but world:anyone with all permissions, which every reader of a snapshot knows. */
  list(): CachedAcl[] {
    const all: CachedAcl[] = [];
    for (const { cached } of this.byId.values()) if (cached.id !== openCachedAcl.id) all.push(cached);
    return all;
  }

  get size(): number {
    return this.byId.size;
  }

  private add(key: string, id: bigint, acl: readonly Acl[]) {
    const entry = { cached: { id, acl }, key, uses: 0 };
    this.byKey.set(key, entry);
    this.byId.set(id, entry);
    return entry;
  }
}

function keyOf(acl: readonly Acl[]): string {
  const parts: (string | number)[] = [];
  for (const { perms, id } of acl) parts.push(perms, id.scheme, id.id);
  return JSON.stringify(parts);
}
