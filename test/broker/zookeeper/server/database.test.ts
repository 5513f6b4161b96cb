import { appendFileSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { Logger } from '../../../../broker/src/logging/logger';
import { CreateMode, KeeperCode, readAcl, OpCode } from '../../../../broker/src/zookeeper/requests';
import { content, Directories, ops, Requests, type Content } from './harness';

const directories = new Directories();
afterAll(() => directories.remove());

function recording(): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  const logger: Logger = {
    debug() {},
    info() {},
    warn: (message) => lines.push(`warn ${message}`),
    error: (message) => lines.push(`error ${message}`),
    child: () => logger,
  };
  return { logger, lines };
}

const logs = (directory: string) => readdirSync(join(directory, 'version-2')).filter((name) => name.startsWith('log.'));
const snapshots = (directory: string) =>
  readdirSync(join(directory, 'version-2')).filter((name) => name.startsWith('snapshot.'));

async function reopened(directory: string, logger?: Logger): Promise<{ content: Content; requests: Requests }> {
  const requests = await Requests.open(directory, {}, logger);
  const found = content(requests.database.tree);
  await requests.database.close();
  return { content: found, requests };
}

// --- the model: what ZooKeeper documents, in its simplest form

interface ModelNode {
  data: string;
  version: number;
  created: number;
  owner: bigint;
}

class Model {
  nodes = new Map<string, ModelNode>([['/', { data: '', version: 0, created: 1, owner: 0n }]]);

  private parent(path: string): string {
    return path.slice(0, path.lastIndexOf('/')) || '/';
  }

  private children(path: string): number {
    return [...this.nodes.keys()].filter((other) => other !== '/' && this.parent(other) === path).length;
  }

  create(asked: string, data: string, flags: number, session: bigint): number {
    const parent = this.nodes.get(this.parent(asked));
    if (parent === undefined) return KeeperCode.NONODE;
    const sequential = flags === CreateMode.persistentSequential || flags === CreateMode.ephemeralSequential;
    // The root has /zookeeper, which was not counted as created.
    const count = this.parent(asked) === '/' ? parent.created - 1 : parent.created;
    const path = sequential ? asked + String(count).padStart(10, '0') : asked;
    if (this.nodes.has(path)) return KeeperCode.NODEEXISTS;
    if (parent.owner !== 0n) return KeeperCode.NOCHILDRENFOREPHEMERALS;
    parent.created++;
    const ephemeral = flags === CreateMode.ephemeral || flags === CreateMode.ephemeralSequential;
    this.nodes.set(path, { data, version: 0, created: 0, owner: ephemeral ? session : 0n });
    return KeeperCode.OK;
  }

  delete(path: string, version: number): number {
    const node = this.nodes.get(path);
    if (node === undefined) return KeeperCode.NONODE;
    if (version !== -1 && version !== node.version) return KeeperCode.BADVERSION;
    if (this.children(path) > 0) return KeeperCode.NOTEMPTY;
    this.nodes.delete(path);
    return KeeperCode.OK;
  }

  set(path: string, data: string, version: number): number {
    const node = this.nodes.get(path);
    if (node === undefined) return KeeperCode.NONODE;
    if (version !== -1 && version !== node.version) return KeeperCode.BADVERSION;
    node.version++;
    node.data = data;
    return KeeperCode.OK;
  }

  closeSession(session: bigint): void {
    for (const [path, node] of this.nodes) if (node.owner === session) this.nodes.delete(path);
  }

  clone(): Model {
    const copy = new Model();
    copy.nodes = new Map([...this.nodes].map(([path, node]) => [path, { ...node }]));
    return copy;
  }

  /** What `essence` gives of a tree. */
  essence(): Record<string, unknown> {
    const all: Record<string, unknown> = {};
    for (const [path, { data, version, owner }] of this.nodes) {
      all[path] = { data, version, owner, children: this.children(path) + (path === '/' ? 1 : 0) };
    }
    return all;
  }
}

function essence(of: Content): Record<string, unknown> {
  const all: Record<string, unknown> = {};
  for (const [path, { data, version, ephemeralOwner: owner, numChildren }] of Object.entries(of)) {
    if (!path.startsWith('/zookeeper')) all[path] = { data, version, owner, children: numChildren };
  }
  return all;
}

const name = fc.constantFrom('a', 'b', 'c');
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => `/${names.join('/')}`);
const session = fc.constantFrom(1n, 2n, 3n);
const change = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('create' as const), path, data: fc.string(), flags: fc.nat(3), session }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('delete' as const), path, version: fc.integer({ min: -1, max: 2 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('set' as const),
      path,
      data: fc.string(),
      version: fc.integer({ min: -1, max: 2 }),
    }),
  },
);
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;
const command = fc.oneof(
  { weight: 10, arbitrary: change },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('multi' as const), changes: fc.array(change, { maxLength: 5 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('closeSession' as const), session }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('crash' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('flush' as const) }) },
);

function toOp(of: Change) {
  if (of.do === 'create') return ops.create(of.path, of.data, of.flags);
  return of.do === 'delete' ? ops.delete(of.path, of.version) : ops.set(of.path, of.data, of.version);
}

function apply(model: Model, of: Change, session: bigint): number {
  if (of.do === 'create') return model.create(of.path, Buffer.from(of.data).toString('latin1'), of.flags, session);
  if (of.do === 'delete') return model.delete(of.path, of.version);
  return model.set(of.path, Buffer.from(of.data).toString('latin1'), of.version);
}

describe('what was flushed is there after a crash', () => {
  it.each([1e9, 7])('for any changes, with a snapshot every %d transactions', async (snapCount) => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 60 }), async (commands) => {
        let directory = directories.next();
        let requests = await Requests.open(directory, { snapCount });
        for (const id of [1n, 2n, 3n]) requests.openSession(id);
        let model = new Model();
        for (const command of commands) {
          if (command.do === 'crash' || command.do === 'flush') {
            await requests.database.flush();
            if (command.do === 'flush') continue;
            const before = content(requests.database.tree);
            directory = directories.copy(directory);
            await requests.database.close();
            requests = await Requests.open(directory, { snapCount });
            expect(content(requests.database.tree)).toEqual(before);
          } else if (command.do === 'closeSession') {
            requests.closeSession(command.session);
            requests.openSession(command.session);
            model.closeSession(command.session);
          } else if (command.do === 'multi') {
            const attempt = model.clone();
            const failed = command.changes.map((one) => apply(attempt, one, 1n)).find((err) => err !== KeeperCode.OK);
            if (failed === undefined) model = attempt;
            expect(requests.multi(command.changes.map(toOp))).toBe(failed ?? KeeperCode.OK);
          } else {
            const session = command.do === 'create' ? command.session : 1n;
            expect(requests.do(toOp(command), session).err).toBe(apply(model, command, session));
          }
          expect(essence(content(requests.database.tree))).toEqual(model.essence());
        }
        await requests.database.close();
      }),
      { numRuns: 60 },
    );
  });
});

describe('a damaged end of the log', () => {
  // Content after each transaction, and where the log ended then.
  async function written(): Promise<{ directory: string; log: string; states: { end: number; content: Content }[] }> {
    const directory = directories.next();
    const requests = await Requests.open(directory);
    const states: { end: number; content: Content }[] = [];
    const log = join(directory, 'version-2', 'log.1');
    const after = async () => {
      await requests.database.flush();
      states.push({ end: readFileSync(log).length, content: content(requests.database.tree) });
    };
    states.push({ end: 16, content: content(requests.database.tree) });
    requests.openSession(1n);
    await after();
    requests.do(ops.create('/a', 'x'));
    await after();
    requests.do(ops.set('/a', 'y'));
    await after();
    requests.multi([ops.create('/a/b'), ops.delete('/a/b'), ops.create('/c', 'z')]);
    await after();
    await requests.database.close();
    return { directory, log, states };
  }

  it('is cut off wherever it was torn, and what follows is written after it', async () => {
    const { directory, log, states } = await written();
    const whole = readFileSync(log);
    for (let length = 0; length < whole.length; length++) {
      const copy = directories.copy(directory);
      truncateSync(join(copy, 'version-2', 'log.1'), length);
      const { logger, lines } = recording();
      const requests = await Requests.open(copy, {}, logger);
      const expected = states.findLast(({ end }) => end <= length) ?? states[0]!;
      expect(content(requests.database.tree), `${length} bytes`).toEqual(expected.content);
      const torn =
        whole.subarray(Math.min(expected.end, length), length).some((byte) => byte !== 0) ||
        (length > 0 && length < 16);
      expect(lines.length, `${length} bytes: ${lines.join()}`).toBe(torn ? 1 : 0);
      requests.do(ops.create('/after'));
      const after = content(requests.database.tree);
      await requests.database.flush();
      await requests.database.close();
      expect((await reopened(copy)).content).toEqual(after);
    }
  });

  it('may be zeros, which ZooKeeper writes ahead', async () => {
    const { directory, states } = await written();
    appendFileSync(join(directory, 'version-2', 'log.1'), Buffer.alloc(5000));
    const { logger, lines } = recording();
    expect((await reopened(directory, logger)).content).toEqual(states.at(-1)!.content);
    expect(lines).toEqual([]);
  });

  it('gives a state that was, or an error that names the file, for any wrong byte', async () => {
    const { directory, states } = await written();
    const whole = readFileSync(join(directory, 'version-2', 'log.1'));
    for (let at = 0; at < whole.length; at++) {
      const copy = directories.copy(directory);
      const damaged = Buffer.from(whole);
      damaged[at] = damaged[at]! ^ 0x55;
      writeFileSync(join(copy, 'version-2', 'log.1'), damaged);
      const { logger, lines } = recording();
      const opened = await reopened(copy, logger).catch((error: Error) => error);
      if (opened instanceof Error) {
        expect(opened.message).toContain('log.1');
        expect(at).toBeLessThan(4);
      } else {
        const index = Math.max(
          0,
          states.findLastIndex(({ end }) => end <= at),
        );
        expect(opened.content, `byte ${at}`).toEqual(at < 16 ? states.at(-1)!.content : states[index]!.content);
        expect(lines.some((line) => line.includes('log.1'))).toBe(at >= 16);
      }
    }
  });

  it('keeps what it cuts off when whole transactions follow', async () => {
    const { directory, log, states } = await written();
    const whole = readFileSync(log);
    const at = states[1]!.end;
    whole[at + 20] = whole[at + 20]! ^ 1;
    writeFileSync(log, whole);
    const { logger, lines } = recording();
    expect((await reopened(directory, logger)).content).toEqual(states[1]!.content);
    expect(lines).toEqual([expect.stringMatching(/^error .*damaged at byte \d+ and has transactions after it/)]);
    expect(readFileSync(join(directory, 'version-2', `cut.log.1.${at}`))).toEqual(whole.subarray(at));
  });

  it('in a file that is not the last is an error', async () => {
    const { directory, log, states } = await written();
    const requests = await Requests.open(directory);
    requests.do(ops.create('/later'));
    await requests.database.flush();
    await requests.database.close();
    expect(logs(directory)).toEqual(['log.1', 'log.5']);
    const bytes = readFileSync(log);
    bytes[states[1]!.end + 20] = 0xff;
    writeFileSync(log, bytes);
    await expect(Requests.open(directory)).rejects.toThrow(/log\.1 is damaged at byte/);
  });
});

describe('snapshots', () => {
  it('are taken every snapCount transactions, with a new log after each; old ones are purged', async () => {
    const directory = directories.next();
    const requests = await Requests.open(directory, { snapCount: 10 });
    requests.openSession(1n);
    for (let i = 0; i < 60; i++) {
      requests.do(ops.create(`/n${i}`, 'x', i % 2));
      await requests.database.flush();
      await requests.database.snapshotWritten();
    }
    const before = content(requests.database.tree);
    await requests.database.close();
    expect(snapshots(directory)).toHaveLength(7);
    expect(logs(directory)).toHaveLength(7);
    const again = await Requests.open(directory);
    await again.database.purge(3);
    expect(snapshots(directory)).toHaveLength(3);
    expect(logs(directory).length).toBeLessThanOrEqual(4);
    await again.database.close();
    expect((await reopened(directory)).content).toEqual(before);
    expect([...(await reopened(directory)).requests.database.sessions]).toEqual([[1n, 10_000]]);
  });

  it('hold the tree as it was, whatever changes while they are read', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { maxLength: 30 }),
        fc.array(fc.array(change, { maxLength: 5 }), { maxLength: 20 }),
        async (before, during) => {
          const requests = await Requests.open(directories.next());
          const { tree } = requests.database;
          for (const one of before) requests.do(toOp(one));
          const expected = Object.entries(content(tree)).map(([path, { data, version }]) => ({ path, data, version }));
          const view = tree.openView();
          const found: unknown[] = [];
          const seen = new Set<string>();
          for (const [path, { data, version }] of view.entries()) {
            expect(path === '/' || seen.has(path.slice(0, path.lastIndexOf('/')) || '/')).toBe(true);
            seen.add(path);
            found.push({ path, data: data === null ? null : data.toString('latin1'), version });
            for (const one of during.shift() ?? []) requests.do(toOp(one));
          }
          view.close();
          const byPath = (list: unknown[]) => (list as { path: string }[]).sort((a, b) => (a.path < b.path ? -1 : 1));
          expect(byPath(found)).toEqual(byPath(expected));
          await requests.database.close();
        },
      ),
      { numRuns: 100 },
    );
  });

  it('that are damaged are passed over for the one before', async () => {
    const directory = directories.next();
    const requests = await Requests.open(directory, { snapCount: 5 });
    for (let i = 0; i < 20; i++) {
      requests.do(ops.create(`/n${i}`));
      await requests.database.flush();
      await requests.database.snapshotWritten();
    }
    const before = content(requests.database.tree);
    await requests.database.close();
    const newest = join(
      directory,
      'version-2',
      snapshots(directory)
        .sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
        .at(-1)!,
    );
    const bytes = readFileSync(newest);
    bytes[bytes.length >> 1] = bytes[bytes.length >> 1]! ^ 1;
    writeFileSync(newest, bytes);
    const { logger, lines } = recording();
    expect((await reopened(directory, logger)).content).toEqual(before);
    expect(lines[0]).toContain(newest);
    for (const name of snapshots(directory)) truncateSync(join(directory, 'version-2', name), 30);
    await expect(Requests.open(directory)).rejects.toThrow(/None of the \d+ snapshots/);
    for (const name of snapshots(directory)) rmSync(join(directory, 'version-2', name));
    await expect(Requests.open(directory)).rejects.toThrow('but no snapshot');
  });

  it('that were not finished leave nothing', async () => {
    const directory = directories.next();
    await reopened(directory);
    renameSync(join(directory, 'version-2', 'snapshot.0'), join(directory, 'version-2', 'unfinished.snapshot.0'));
    await reopened(directory);
    expect(readdirSync(join(directory, 'version-2'))).toEqual(['snapshot.0']);
  });
});

it('keeps access control lists, owners and times to live over a restart', async () => {
  const directory = directories.next();
  const requests = await Requests.open(directory, { snapCount: 6 });
  requests.openSession(7n);
  requests.do(ops.create('/e', 'x', CreateMode.ephemeral), 7n);
  requests.do({ type: OpCode.create, request: { path: '/r', data: null, acl: readAcl, flags: 0 } });
  requests.do({ type: OpCode.createTTL, request: { path: '/t', data: null, acl: readAcl, flags: 5, ttl: 77n } });
  requests.do({ type: OpCode.createContainer, request: { path: '/c', data: null, acl: readAcl, flags: 4 } });
  requests.do({ type: OpCode.setACL, request: { path: '/e', acl: readAcl, version: 0 } });
  for (const at of ['log', 'snapshot']) {
    await requests.database.flush();
    const copy = directories.copy(directory);
    const again = await Requests.open(copy);
    const { tree, sessions } = again.database;
    expect(content(tree), at).toEqual(content(requests.database.tree));
    expect([...tree.ttls, ...tree.containers, ...tree.ephemeralsOf(7n)], at).toEqual(['/t', '/c', '/e']);
    expect(tree.node('/t')!.ttl).toBe(77);
    for (const path of ['/e', '/r', '/t', '/c']) expect(tree.node(path)!.acl.acl, path).toEqual(readAcl);
    expect([...sessions]).toEqual([[7n, 10_000]]);
    await again.database.close();
    requests.do(ops.create('/more'));
  }
  await requests.database.close();
});

it('removes the ephemerals of sessions that nobody knows', async () => {
  const directory = directories.next();
  const requests = await Requests.open(directory);
  requests.do(ops.create('/e', '', CreateMode.ephemeral), 9n);
  await requests.database.flush();
  await requests.database.close();
  const { logger, lines } = recording();
  expect(Object.keys((await reopened(directory, logger)).content)).not.toContain('/e');
  expect(lines).toEqual([expect.stringContaining('Session 0x9 is not known')]);
});

it('lets one server have a directory', async () => {
  const directory = directories.next();
  const requests = await Requests.open(directory);
  await expect(Requests.open(directory)).rejects.toThrow('in use by another');
  await requests.database.close();
  await reopened(directory);
});

it('counts below quotas, also after a restart', async () => {
  const directory = directories.next();
  const requests = await Requests.open(directory);
  requests.do(ops.create('/q', 'four'));
  requests.do(ops.create('/q/x', 'ab'));
  requests.do(ops.create('/zookeeper/quota/q'));
  requests.do(ops.create('/zookeeper/quota/q/zookeeper_limits', 'count=5,bytes=-1'));
  requests.do(ops.create('/zookeeper/quota/q/zookeeper_stats', 'count=0,bytes=0'));
  const stats = ({ database }: Requests) => database.tree.node('/zookeeper/quota/q/zookeeper_stats')!.data!.toString();
  expect(stats(requests)).toBe('count=2,bytes=6');
  requests.do(ops.create('/q/x/y', 'c'));
  requests.do(ops.set('/q', ''));
  requests.do(ops.create('/other', 'many'));
  expect(stats(requests)).toBe('count=3,bytes=3');
  requests.do(ops.delete('/q/x/y'));
  expect(stats(requests)).toBe('count=2,bytes=2');
  await requests.database.flush();
  await requests.database.close();
  const again = await Requests.open(directory);
  expect(stats(again)).toBe('count=2,bytes=2');
  await again.database.close();
});
