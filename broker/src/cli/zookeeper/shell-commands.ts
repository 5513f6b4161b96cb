import type { ZooKeeperClient } from '../../zookeeper/client';
import { isKeeperException } from '../../zookeeper/keeper-exception';
import { CreateMode, KeeperCode, OpCode, openAcl } from '../../zookeeper/requests';
import type { Watcher } from '../../zookeeper/watches';
import { byCodeUnit } from '../topics/topic-filter';
import { version } from '../version';
import { aclLines, parseAcls, ShellSyntaxError, statLines } from './shell-text';

/** What a command of the shell works with. */
export interface ShellCall {
  readonly zk: ZooKeeperClient;
  /** Arguments that are no options. */
  readonly args: readonly string[];
  /** Options that were given, with their values. */
  readonly options: ReadonlyMap<string, string>;
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
  readonly watcher: Watcher;
}

export interface ShellCommand {
  readonly usage: string;
  /** Options without a value, by their letters. */
  readonly flags?: string;
  /** Options with one. */
  readonly valued?: string;
  /** Least and most arguments. */
  readonly count: readonly [number, number];
  run(call: ShellCall): Promise<void>;
}

const noData = Buffer.alloc(0);

function versionOf({ options }: ShellCall): number {
  const text = options.get('v') ?? '-1';
  if (!/^-?\d+$/.test(text)) throw new ShellSyntaxError(`-v ${text}: a version is a whole number`);
  return Number(text);
}

function watcherOf({ options, watcher }: ShellCall): Watcher | undefined {
  return options.has('w') ? watcher : undefined;
}

async function list(call: ShellCall): Promise<void> {
  const { zk, args, options, out } = call;
  const path = args[0]!;
  if (options.has('R')) {
    for await (const each of subtree(zk, path)) out(each);
    return;
  }
  const { children, stat } = await zk.getChildren2(path, watcherOf(call));
  out(`[${[...children].sort(byCodeUnit).join(', ')}]`);
  if (options.has('s')) statLines(stat).forEach(out);
}

/** A znode and all below it, level by level. */
async function* subtree(zk: ZooKeeperClient, path: string): AsyncGenerator<string> {
  let level = [path];
  for (let isFirst = true; level.length > 0; isFirst = false) {
    const next: string[] = [];
    for (const each of level) {
      let children: readonly string[];
      try {
        children = await zk.getChildren(each);
      } catch (error) {
        // Somebody deletes while we look.
        if (isFirst || !isKeeperException(error, KeeperCode.NONODE)) throw error;
        continue;
      }
      yield each;
      next.push(...[...children].sort(byCodeUnit).map((child) => (each === '/' ? `/${child}` : `${each}/${child}`)));
    }
    level = next;
  }
}

async function create(call: ShellCall): Promise<void> {
  const { zk, args, options, err } = call;
  const [path = '', data, aclText] = args;
  const acl = aclText === undefined ? openAcl : parseAcls(aclText);
  const bytes = data === undefined ? null : Buffer.from(data);
  const [ephemeral, sequential, container] = ['e', 's', 'c'].map((option) => options.has(option));
  const ttl = options.get('t');
  if (container && (ephemeral || sequential)) {
    throw new ShellSyntaxError('-c cannot be combined with -s or -e. Containers cannot be ephemeral or sequential.');
  }
  if (ttl !== undefined && (ephemeral || container)) {
    throw new ShellSyntaxError('TTLs cannot be used with Ephemeral znodes or Container znodes');
  }
  if (ttl !== undefined && !/^\d{1,18}$/.test(ttl)) throw new ShellSyntaxError(`-t argument must be a long value`);
  // The client has these two kinds of creation as parts of a multi alone.
  if (container) {
    const request = { path, data: bytes, acl: [...acl], flags: CreateMode.container };
    await zk.multi([{ type: OpCode.createContainer, request }]);
    err(`Created ${path}`);
    return;
  }
  if (ttl !== undefined) {
    const flags = sequential ? CreateMode.persistentSequentialWithTTL : CreateMode.persistentWithTTL;
    const request = { path, data: bytes, acl: [...acl], flags, ttl: BigInt(ttl) };
    const [created] = await zk.multi([{ type: OpCode.createTTL, request }]);
    err(`Created ${created.path}`);
    return;
  }
  const mode = sequential
    ? ephemeral
      ? CreateMode.ephemeralSequential
      : CreateMode.persistentSequential
    : ephemeral
      ? CreateMode.ephemeral
      : CreateMode.persistent;
  err(`Created ${await zk.create(path, bytes, { mode, acl })}`);
}

async function get(call: ShellCall): Promise<void> {
  const { data, stat } = await call.zk.getData(call.args[0]!, watcherOf(call));
  call.out(data === null ? 'null' : data.toString());
  if (call.options.has('s')) statLines(stat).forEach(call.out);
}

async function set(call: ShellCall): Promise<void> {
  const [path = '', data = ''] = call.args;
  const stat = await call.zk.setData(path, Buffer.from(data), versionOf(call));
  if (call.options.has('s')) statLines(stat).forEach(call.out);
}

async function deleteAll({ zk, args }: ShellCall): Promise<void> {
  const all: string[] = [];
  for await (const path of subtree(zk, args[0]!)) all.push(path);
  for (const path of all.reverse()) {
    try {
      await zk.delete(path);
    } catch (error) {
      if (!isKeeperException(error, KeeperCode.NONODE)) throw error;
    }
  }
}

async function stat(call: ShellCall): Promise<void> {
  const path = call.args[0]!;
  const found = await call.zk.exists(path, watcherOf(call));
  // Asked for what is not there, ZooKeeper answers with its error.
  if (found === undefined) await call.zk.getChildren(path);
  else statLines(found).forEach(call.out);
}

async function getAcl({ zk, args, options, out }: ShellCall): Promise<void> {
  const { acl, stat } = await zk.getACL(args[0]!);
  aclLines(acl).forEach(out);
  if (options.has('s')) statLines(stat).forEach(out);
}

async function setAcl(call: ShellCall): Promise<void> {
  const { zk, args, options, out, err } = call;
  const [path = '', text = ''] = args;
  let acl;
  try {
    acl = parseAcls(text);
  } catch (error) {
    if (!(error instanceof ShellSyntaxError)) throw error;
    err(error.message);
    throw new ShellSyntaxError('Acl is not valid : null');
  }
  if (!options.has('R')) {
    const stat = await zk.setACL(path, acl, versionOf(call));
    if (options.has('s')) statLines(stat).forEach(out);
    return;
  }
  for await (const each of subtree(zk, path)) await zk.setACL(each, acl, versionOf(call));
}

async function getEphemerals({ zk, args, out }: ShellCall): Promise<void> {
  const own: string[] = [];
  const prefix = args[0] ?? '/';
  for await (const path of subtree(zk, '/')) {
    if (!path.startsWith(prefix)) continue;
    const found = await zk.exists(path);
    if (found?.ephemeralOwner === zk.sessionId) own.push(path);
  }
  out(`[${own.join(', ')}]`);
}

async function countChildren({ zk, args, out }: ShellCall): Promise<void> {
  let count = -1;
  for await (const _ of subtree(zk, args[0]!)) count++;
  out(String(count));
}

/** The commands of zkCli that this shell has, by name. */
export const shellCommands: Readonly<Record<string, ShellCommand>> = {
  addauth: {
    usage: 'addauth scheme auth',
    count: [1, 2],
    run: ({ zk, args }) => zk.addAuth(args[0]!, args[1] ?? noData),
  },
  create: {
    usage: 'create [-s] [-e] [-c] [-t ttl] path [data] [acl]',
    flags: 'sec',
    valued: 't',
    count: [1, 3],
    run: create,
  },
  delete: {
    usage: 'delete [-v version] path',
    valued: 'v',
    count: [1, 1],
    run: (call) => call.zk.delete(call.args[0]!, versionOf(call)),
  },
  deleteall: { usage: 'deleteall path [-b batch size]', valued: 'b', count: [1, 1], run: deleteAll },
  get: { usage: 'get [-s] [-w] path', flags: 'sw', count: [1, 1], run: get },
  getAcl: { usage: 'getAcl [-s] path', flags: 's', count: [1, 1], run: getAcl },
  getAllChildrenNumber: { usage: 'getAllChildrenNumber path', count: [1, 1], run: countChildren },
  getEphemerals: { usage: 'getEphemerals path', count: [0, 1], run: getEphemerals },
  ls: { usage: 'ls [-s] [-w] [-R] path', flags: 'swR', count: [1, 1], run: list },
  set: { usage: 'set [-s] [-v version] path data', flags: 's', valued: 'v', count: [2, 2], run: set },
  setAcl: { usage: 'setAcl [-s] [-v version] [-R] path acl', flags: 'sR', valued: 'v', count: [2, 2], run: setAcl },
  stat: { usage: 'stat [-w] path', flags: 'w', count: [1, 1], run: stat },
  sync: {
    usage: 'sync path',
    count: [1, 1],
    async run({ zk, args, out }) {
      await zk.sync(args[0]!);
      out('Sync is OK');
    },
  },
  version: {
    usage: 'version',
    count: [0, 0],
    run({ out }) {
      out(`ZooKeeper CLI version: ${version()}`);
      return Promise.resolve();
    },
  },
};

/** Older names that tutorials still use. */
export const oldNames: Readonly<Record<string, readonly string[]>> = {
  ls2: ['ls', '-s'],
  rmr: ['deleteall'],
};
