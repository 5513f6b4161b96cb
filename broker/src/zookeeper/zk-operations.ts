import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import type { DataAndStat, ZooKeeperClient } from './client';
import { isKeeperException } from './keeper-exception';
import type { MultiOp } from './multi';
import { checkOp, createOp, deleteOp, MultiException, setDataOp, type MultiResult } from './multi-ops';
import { anyVersion, CreateMode, KeeperCode, type Acl, type Stat } from './requests';
import { ZkHandlers } from './zk-handlers';
import { ControllerEpochZNode } from './znodes/controller';
import { defaultAcls } from './znodes/kafka-paths';

/** Another broker has become the controller: /controller_epoch is not at the version that this one knows. */
export class ControllerMovedException extends Error {
  override readonly name = 'ControllerMovedException';
}

/** What Kafka's operations on ZooKeeper are made of. Each is retried until there is a connection. */
export class ZkOperations {
  readonly handlers: ZkHandlers;

  constructor(
    protected readonly io: Io,
    protected readonly logger: Logger,
    readonly client: ZooKeeperClient,
    /** zookeeper.set.acl */
    protected readonly secure: boolean,
  ) {
    this.handlers = new ZkHandlers(io, logger, client);
  }

  acl(path: string): readonly Acl[] {
    return defaultAcls(this.secure, path);
  }

  /** Data and Stat, or undefined; sets the watch when a handler is registered for the path. */
  async get(path: string): Promise<DataAndStat | undefined> {
    try {
      return await this.retry(() => this.client.getData(path, this.handlers.nodeWatcher(path)));
    } catch (error) {
      if (isKeeperException(error, KeeperCode.NONODE)) return undefined;
      throw error;
    }
  }

  /** The names of the children, none when the path is not there; sets the watch when a handler is registered. */
  async children(path: string): Promise<readonly string[]> {
    try {
      return await this.retry(() => this.client.getChildren(path, this.handlers.childWatcher(path)));
    } catch (error) {
      if (isKeeperException(error, KeeperCode.NONODE)) return [];
      throw error;
    }
  }

  /** Sets the watch when a handler is registered for the path, whether it is there or not. */
  async pathExists(path: string): Promise<boolean> {
    return (await this.retry(() => this.client.exists(path, this.handlers.nodeWatcher(path)))) !== undefined;
  }

  /** Creates a path and what is missing above it. Rejects with NODEEXISTS when it is there. */
  async createRecursive(path: string, data: Buffer | null = null): Promise<void> {
    const create = () => this.retry(() => this.client.create(path, data, { acl: this.acl(path) }));
    try {
      await create();
    } catch (error) {
      if (!isKeeperException(error, KeeperCode.NONODE)) throw error;
      await this.makeSurePersistentPathExists(path.slice(0, path.lastIndexOf('/')));
      await create();
    }
  }

  async makeSurePersistentPathExists(path: string): Promise<void> {
    try {
      await this.createRecursive(path);
    } catch (error) {
      if (!isKeeperException(error, KeeperCode.NODEEXISTS)) throw error;
    }
  }

  /** Returns the whole path. */
  async createSequentialPersistentPath(path: string, data: Buffer): Promise<string> {
    const options = { mode: CreateMode.persistentSequential, acl: this.acl(path) };
    return await this.retry(() => this.client.create(path, data, options));
  }

  /**
   * One operation, and only if /controller_epoch is at `controllerEpochZkVersion` (-1: whatever it is). Rejects with
   * ControllerMovedException when it is not, with the operation's own KeeperException when that fails.
   */
  async checked<const Op extends MultiOp>(op: Op, controllerEpochZkVersion: number): Promise<MultiResult<Op>> {
    return (await this.checkedAll([op], controllerEpochZkVersion))[0] as MultiResult<Op>;
  }

  /** The same for several operations, of which all or none are done. */
  async checkedAll(ops: readonly MultiOp[], controllerEpochZkVersion: number): Promise<readonly unknown[]> {
    if (controllerEpochZkVersion === anyVersion) return await this.retry(() => this.client.multi(ops));
    const check = checkOp(ControllerEpochZNode.path, controllerEpochZkVersion);
    try {
      const [, ...results] = await this.retry(() => this.client.multi([check, ...ops]));
      return results;
    } catch (error) {
      if (error instanceof MultiException && error.index === 0 && error.code === KeeperCode.BADVERSION) {
        throw new ControllerMovedException(
          `${ControllerEpochZNode.path} is not at version ${controllerEpochZkVersion} any more: another broker has ` +
            `become the controller, and ${ops[0]?.request.path} is left as it was`,
        );
      }
      throw error;
    }
  }

  create(path: string, data: Buffer | null, controllerEpochZkVersion: number = anyVersion): Promise<unknown> {
    return this.checked(createOp(path, data, { acl: this.acl(path) }), controllerEpochZkVersion);
  }

  async set(
    path: string,
    data: Buffer | null,
    version: number = anyVersion,
    controllerEpochZkVersion: number = anyVersion,
  ): Promise<Stat> {
    return (await this.checked(setDataOp(path, data, version), controllerEpochZkVersion)).stat;
  }

  /** Returns whether it was there. */
  async delete(
    path: string,
    controllerEpochZkVersion: number = anyVersion,
    version: number = anyVersion,
  ): Promise<boolean> {
    try {
      await this.checked(deleteOp(path, version), controllerEpochZkVersion);
      return true;
    } catch (error) {
      if (isKeeperException(error, KeeperCode.NONODE) && error.path === path) return false;
      throw error;
    }
  }

  /** Deletes a path and everything below it. Returns whether it was there. */
  async deleteRecursive(path: string, controllerEpochZkVersion: number = anyVersion): Promise<boolean> {
    const children = await this.children(path);
    await Promise.all(children.map((child) => this.deleteRecursive(`${path}/${child}`, controllerEpochZkVersion)));
    return await this.delete(path, controllerEpochZkVersion);
  }

  protected retry<T>(operation: () => Promise<T>): Promise<T> {
    return this.client.retryUntilConnected(operation);
  }
}
