import { EventType, type SetWatchesRequest } from './requests';

/** What a watcher is told: the path is inside the chroot. */
export interface WatchedEvent {
  readonly type: EventType;
  readonly path: string;
}

/** Called at most once for each watch that was set with it. */
export type Watcher = (event: WatchedEvent) => void;

export const WatchKind = { data: 'data', exist: 'exist', child: 'child' } as const;
export type WatchKind = (typeof WatchKind)[keyof typeof WatchKind];

// Bytes of paths in one setWatches, as Apache's client has it: well below any jute.maxbuffer.
const setWatchesBytes = 128 * 1024;

/** The watches of a session, by the path that the server knows. */
export class Watches {
  private readonly data = new Map<string, Set<Watcher>>();
  private readonly exist = new Map<string, Set<Watcher>>();
  private readonly child = new Map<string, Set<Watcher>>();

  add(kind: WatchKind, serverPath: string, watcher: Watcher): void {
    const watches = this[kind];
    const there = watches.get(serverPath);
    if (there === undefined) watches.set(serverPath, new Set([watcher]));
    else there.add(watcher);
  }

  /** The watchers that an event is for; their watches are gone with it. Each comes once. */
  take(type: number, serverPath: string): ReadonlySet<Watcher> {
    const all = new Set<Watcher>();
    const takeFrom = (watches: Map<string, Set<Watcher>>): void => {
      for (const watcher of watches.get(serverPath) ?? []) all.add(watcher);
      watches.delete(serverPath);
    };
    switch (type) {
      case EventType.nodeCreated:
      case EventType.nodeDataChanged:
        takeFrom(this.data);
        takeFrom(this.exist);
        break;
      case EventType.nodeChildrenChanged:
        takeFrom(this.child);
        break;
      case EventType.nodeDeleted:
        takeFrom(this.data);
        takeFrom(this.exist);
        takeFrom(this.child);
        break;
    }
    return all;
  }

  /** The requests that set all watches again on another connection. */
  toRestore(lastZxid: bigint): SetWatchesRequest[] {
    const requests: SetWatchesRequest[] = [];
    let dataWatches: string[] = [];
    let existWatches: string[] = [];
    let childWatches: string[] = [];
    let bytes = 0;
    const flush = (): void => {
      if (bytes === 0) return;
      requests.push({ relativeZxid: lastZxid, dataWatches, existWatches, childWatches });
      dataWatches = [];
      existWatches = [];
      childWatches = [];
      bytes = 0;
    };
    const put = (paths: Iterable<string>, into: () => string[]): void => {
      for (const path of paths) {
        into().push(path);
        bytes += Buffer.byteLength(path);
        if (bytes >= setWatchesBytes) flush();
      }
    };
    put(this.data.keys(), () => dataWatches);
    put(this.exist.keys(), () => existWatches);
    put(this.child.keys(), () => childWatches);
    flush();
    return requests;
  }
}
