import { EventType, type Acl } from '../requests';

/** Who is told of events: a connection. `acl` is the znode's: an event is for those alone that may read it. */
export interface Watcher {
  readonly sessionId: bigint;
  process(type: EventType, path: string, acl: readonly Acl[]): void;
}

/** How a watch was set; a watcher may have all three on a path. */
export const WatcherMode = { standard: 1, persistent: 2, persistentRecursive: 4 } as const;
export type WatcherMode = (typeof WatcherMode)[keyof typeof WatcherMode];

/** Watches by path and by watcher (WatchManager). A tree has one for data and existence, one for children. */
export class WatchManager {
  private readonly byPath = new Map<string, Map<Watcher, number>>();
  private readonly byWatcher = new Map<Watcher, Set<string>>();
  private recursive = 0;

  add(path: string, watcher: Watcher, mode: WatcherMode): void {
    let watchers = this.byPath.get(path);
    if (watchers === undefined) this.byPath.set(path, (watchers = new Map()));
    const modes = watchers.get(watcher) ?? 0;
    if (mode === WatcherMode.persistentRecursive && (modes & mode) === 0) this.recursive++;
    watchers.set(watcher, modes | mode);
    let paths = this.byWatcher.get(watcher);
    if (paths === undefined) this.byWatcher.set(watcher, (paths = new Set()));
    paths.add(path);
  }

  /**
   * Tells everyone who watches the path (recursive watches above it too, but not of children), in the order in which
   * they were set; one-shot watches are gone then. Those in `told` are left out. Returns who was told.
   */
  trigger(type: EventType, path: string, acl: readonly Acl[], told?: ReadonlySet<Watcher>): ReadonlySet<Watcher> {
    const watchers = new Set<Watcher>();
    const here = this.byPath.get(path);
    if (here !== undefined) {
      for (const [watcher, modes] of here) {
        if (modes !== WatcherMode.persistentRecursive || type !== EventType.nodeChildrenChanged) watchers.add(watcher);
        if ((modes & WatcherMode.standard) !== 0) this.clear(path, here, watcher, WatcherMode.standard);
      }
    }
    if (this.recursive > 0 && type !== EventType.nodeChildrenChanged) {
      for (let above = path; above.length > 1;) {
        above = above.slice(0, Math.max(1, above.lastIndexOf('/')));
        for (const [watcher, modes] of this.byPath.get(above) ?? []) {
          if ((modes & WatcherMode.persistentRecursive) !== 0) watchers.add(watcher);
        }
      }
    }
    for (const watcher of watchers) if (told === undefined || !told.has(watcher)) watcher.process(type, path, acl);
    return watchers;
  }

  /** Whether the watcher has a watch on this very path. */
  contains(path: string, watcher: Watcher, modes: number): boolean {
    return ((this.byPath.get(path)?.get(watcher) ?? 0) & modes) !== 0;
  }

  /** Returns whether there was one. */
  remove(path: string, watcher: Watcher, modes: number): boolean {
    const watchers = this.byPath.get(path);
    if (watchers === undefined || ((watchers.get(watcher) ?? 0) & modes) === 0) return false;
    this.clear(path, watchers, watcher, modes);
    return true;
  }

  removeWatcher(watcher: Watcher): void {
    for (const path of this.byWatcher.get(watcher) ?? []) {
      const watchers = this.byPath.get(path)!;
      if ((watchers.get(watcher)! & WatcherMode.persistentRecursive) !== 0) this.recursive--;
      watchers.delete(watcher);
      if (watchers.size === 0) this.byPath.delete(path);
    }
    this.byWatcher.delete(watcher);
  }

  /** Watches: one for each path and watcher. */
  get size(): number {
    let size = 0;
    for (const paths of this.byWatcher.values()) size += paths.size;
    return size;
  }

  get watcherCount(): number {
    return this.byWatcher.size;
  }

  get pathCount(): number {
    return this.byPath.size;
  }

  *paths(): Iterable<readonly [path: string, watchers: Iterable<Watcher>]> {
    for (const [path, watchers] of this.byPath) yield [path, watchers.keys()];
  }

  *watchers(): Iterable<readonly [watcher: Watcher, paths: Iterable<string>]> {
    yield* this.byWatcher;
  }

  private clear(path: string, watchers: Map<Watcher, number>, watcher: Watcher, modes: number): void {
    const had = watchers.get(watcher)!;
    const left = had & ~modes;
    if ((had & ~left & WatcherMode.persistentRecursive) !== 0) this.recursive--;
    if (left !== 0) {
      watchers.set(watcher, left);
      return;
    }
    watchers.delete(watcher);
    if (watchers.size === 0) this.byPath.delete(path);
    const paths = this.byWatcher.get(watcher)!;
    paths.delete(path);
    if (paths.size === 0) this.byWatcher.delete(watcher);
  }
}
