import type { DataNode } from './data-node';
import { childPath } from '../znode-path';

export const quotaRoot = '/zookeeper/quota';
const limitName = 'zookeeper_limits';
const statName = 'zookeeper_stats';

/** What a tree gives to its quotas. */
export interface QuotaTree {
  node(path: string): DataNode | undefined;
  /** Replaces the data alone, without a version or an event: the counters are not transactions. */
  setQuietly(path: string, data: Buffer): void;
}

/**
 * Counts the znodes and bytes below the paths that have a quota (`zookeeper_limits` under /zookeeper/quota) in their
 * `zookeeper_stats`, as zkCli's listquota shows them. Limits are kept and not enforced, which is ZooKeeper's default.
 */
export class Quotas {
  private readonly limited = new Set<string>();

  constructor(private readonly tree: QuotaTree) {}

  created(path: string, bytes: number): void {
    if (path.startsWith(quotaRoot)) {
      const of = ruled(path);
      if (of !== undefined && path.endsWith(`/${limitName}`)) this.limited.add(of);
      if (of !== undefined && path.endsWith(`/${statName}`)) this.count(of);
    }
    this.changed(path, bytes, 1);
  }

  deleted(path: string, bytes: number): void {
    const of = ruled(path);
    if (of !== undefined && path.endsWith(`/${limitName}`)) this.limited.delete(of);
    this.changed(path, -bytes, -1);
  }

  /** Adds to the counters of the nearest quota at or above the path. */
  changed(path: string, bytes: number, znodes: number): void {
    if (this.limited.size === 0) return;
    for (let at = path; at.length > 1; at = at.slice(0, Math.max(1, at.lastIndexOf('/')))) {
      if (!this.limited.has(at)) continue;
      const stats = statPath(at);
      const node = this.tree.node(stats);
      if (node === undefined) return;
      const now = parse(node.data);
      this.tree.setQuietly(stats, format(now.count + znodes, now.bytes + bytes));
      return;
    }
  }

  /** After a tree was loaded: finds the quotas and counts anew. */
  reload(): void {
    this.limited.clear();
    const visit = (path: string): void => {
      for (const name of this.tree.node(path)?.children ?? []) {
        const child = childPath(path, name);
        const of = name === limitName ? ruled(child) : undefined;
        if (of === undefined) visit(child);
        else {
          this.limited.add(of);
          this.count(of);
        }
      }
    };
    visit(quotaRoot);
  }

  private count(path: string): void {
    if (this.tree.node(statPath(path)) === undefined) return;
    let znodes = 0;
    let bytes = 0;
    const pending = [path];
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      const node = this.tree.node(at);
      if (node === undefined) continue;
      znodes++;
      bytes += node.data === null ? 0 : node.data.length;
      for (const name of node.children) pending.push(childPath(at, name));
    }
    this.tree.setQuietly(statPath(path), format(znodes, bytes));
  }
}

// The path that a znode under /zookeeper/quota is about.
function ruled(path: string): string | undefined {
  const end = path.lastIndexOf('/');
  return path.startsWith(`${quotaRoot}/`) && end > quotaRoot.length ? path.slice(quotaRoot.length, end) : undefined;
}

function statPath(path: string): string {
  return `${quotaRoot}${path}/${statName}`;
}

// StatsTrack: count=N,bytes=M, and from 3.7 on =;byteHardLimit=… after it.
function parse(data: Buffer | null): { count: number; bytes: number } {
  const text = data === null ? '' : data.toString('latin1');
  const value = (name: string) => Number(new RegExp(`(?:^|[,;])${name}=(-?\\d+)`).exec(text)?.[1] ?? -1);
  return { count: value('count'), bytes: value('bytes') };
}

function format(count: number, bytes: number): Buffer {
  return Buffer.from(`count=${count},bytes=${bytes}`, 'latin1');
}
