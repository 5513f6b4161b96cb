import { KeeperException } from '../keeper-exception';
import { KeeperCode, type Acl } from '../requests';
import type { DataNode } from './data-node';
import type { DataTree } from './data-tree';

/** What checks of a request look at. */
export type NodeState = Pick<DataNode, 'version' | 'cversion' | 'aversion' | 'ephemeralOwner' | 'childCount' | 'acl'>;

/** The tree as it will be after the operations of a multi that were checked so far; nothing is applied yet. */
export class PendingChanges {
  // undefined: deleted.
  private readonly changed = new Map<string, NodeState | undefined>();

  constructor(private readonly tree: DataTree) {}

  find(path: string): NodeState | undefined {
    return this.changed.has(path) ? this.changed.get(path) : this.tree.node(path);
  }

  get(path: string): NodeState {
    const state = this.find(path);
    if (state === undefined) throw new KeeperException(KeeperCode.NONODE, path);
    return state;
  }

  change(path: string, changes: Partial<NodeState>): void {
    const { version, cversion, aversion, ephemeralOwner, childCount, acl } = this.get(path);
    this.changed.set(path, { version, cversion, aversion, ephemeralOwner, childCount, acl, ...changes });
  }

  create(path: string, ephemeralOwner: bigint, acl: readonly Acl[]): void {
    this.changed.set(path, {
      version: 0,
      cversion: 0,
      aversion: 0,
      ephemeralOwner,
      childCount: 0,
      acl: { id: 0n, acl },
    });
  }

  delete(path: string): void {
    this.changed.set(path, undefined);
  }
}
