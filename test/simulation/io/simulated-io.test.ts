import { describe, expect, test } from 'vitest';
import { sleep } from '../../../broker/src/io/clock';
import type { Socket, SocketHandler } from '../../../broker/src/io/network';
import { Scheduler } from './scheduler';
import { SimulatedHost } from './simulated-host';
import { SimulatedNetwork } from './simulated-network';

function simulation(seed = 1) {
  const scheduler = new Scheduler(seed);
  const network = new SimulatedNetwork(scheduler);
  const hosts = ['10.0.0.1', '10.0.0.2'].map((address) => new SimulatedHost(scheduler, network, address));
  /** Runs until the work is done; fails when nothing can happen any more and it is not. */
  const run = async <T>(work: Promise<T>, limitMs = 1_000_000): Promise<T> => {
    let isDone = false;
    const settled = work.finally(() => (isDone = true));
    settled.catch(() => {});
    if (!(await scheduler.run(scheduler.nowMs + limitMs, () => isDone))) throw new Error('it never came to its end');
    return settled;
  };
  return { scheduler, network, hosts, run };
}

async function settles(promise: Promise<unknown>, scheduler: Scheduler, withinMs: number): Promise<boolean> {
  let has = false;
  promise.then(
    () => (has = true),
    () => (has = true),
  );
  await scheduler.run(scheduler.nowMs + withinMs);
  return has;
}

class Recorder implements SocketHandler {
  text = '';
  readonly events: string[] = [];

  data(bytes: Buffer): void {
    this.text += bytes.toString('latin1');
  }
  drained(): void {
    this.events.push('drained');
  }
  ended(): void {
    this.events.push('ended');
  }
  closed(error?: Error): void {
    this.events.push(error === undefined ? 'closed' : `closed: ${(error as NodeJS.ErrnoException).code}`);
  }
}

describe('time', () => {
  test('timers fire in the order of their times, promises settle in between, and no timer is early', async () => {
    const { scheduler, hosts } = simulation();
    const { clock } = hosts[0].start('p');
    const seen: string[] = [];
    const start = clock.monotonicMs();
    clock.timer(20, () => seen.push('late'));
    clock.timer(10, () => void Promise.resolve().then(() => seen.push('early, then')));
    clock.timer(10, () => seen.push('early, too'));
    clock.timer(5, () => seen.push('cancelled')).cancel();
    void sleep(clock, 30).then(() => expect(clock.monotonicMs() - start).toBeGreaterThanOrEqual(30));
    await scheduler.run(100);
    expect(seen).toEqual(['early, then', 'early, too', 'late']);
    expect(clock.pending.size).toBe(0);
  });

  test('a paused process gets nothing until it wakes up, and finds that time has passed', async () => {
    const { scheduler, hosts } = simulation();
    const process = hosts[0].start('p');
    let firedAt = -1;
    const start = process.clock.monotonicMs();
    process.clock.timer(10, () => (firedAt = process.clock.monotonicMs() - start));
    process.pause();
    await scheduler.run(5000);
    expect(firedAt).toBe(-1);
    process.resume();
    await scheduler.run(6000);
    expect(firedAt).toBeGreaterThanOrEqual(5000);
  });

  test('nothing of a killed process happens any more', async () => {
    const { scheduler, hosts } = simulation();
    const process = hosts[0].start('p');
    let fired = false;
    process.clock.timer(10, () => (fired = true));
    const opening = process.files.open('/file', 'write');
    process.kill();
    expect(await settles(opening, scheduler, 1000)).toBe(false);
    expect(await settles(process.files.list('/'), scheduler, 1000)).toBe(false);
    expect(fired).toBe(false);
  });

  test('the same seed gives the same trace, another one another', async () => {
    const trace = async (seed: number) => {
      const { scheduler, hosts, run } = simulation(seed);
      const { files } = hosts[0].start('p');
      await run(files.replaceFile('/x', Buffer.from('x')));
      return scheduler.traceHash;
    };
    expect(await trace(7)).toBe(await trace(7));
    expect(await trace(7)).not.toBe(await trace(8));
  });
});

describe('files', () => {
  async function written(text: string, prepare: { sync?: boolean; syncDirectory?: boolean }, seed: number) {
    const { hosts, run } = simulation(seed);
    const [host] = hosts;
    const { files } = host.start('writer');
    await run(files.makeDirectory('/d'));
    await run(files.syncDirectory('/'));
    const file = await run(files.open('/d/f', 'create'));
    file.writeSync([Buffer.from(text)], 0);
    if (prepare.sync) await run(file.sync());
    if (prepare.syncDirectory) await run(files.syncDirectory('/d'));
    return { host, run, file };
  }
  async function contentAfterPowerLoss(prepare: { sync?: boolean; syncDirectory?: boolean }, seed: number) {
    const { host, run } = await written('0123456789', prepare, seed);
    host.losePower();
    host.powerUp();
    const { files } = host.start('reader');
    return (await run(files.stat('/d/f'))) === undefined ? undefined : String(await run(files.readFile('/d/f')));
  }
  const seeds = Array.from({ length: 200 }, (_, seed) => seed);

  test('the page cache outlives the process, and its lock goes with it', async () => {
    const { host, run } = await written('0123456789', {}, 1);
    const before = host.start('first');
    expect(await run(before.files.lock('/d/.lock'))).toBeDefined();
    expect(await run(before.files.lock('/d/.lock'))).toBeUndefined();
    before.kill();
    const { files } = host.start('second');
    expect(String(await run(files.readFile('/d/f')))).toBe('0123456789');
    expect(await run(files.lock('/d/.lock'))).toBeDefined();
  });

  test('what was synced, name and content, outlives a loss of power', async () => {
    for (const seed of seeds) {
      expect(await contentAfterPowerLoss({ sync: true, syncDirectory: true }, seed)).toBe('0123456789');
    }
  });

  test('a name that was not synced may be lost with its file, and a file that was not may be torn at any byte', async () => {
    const contents = new Set<string | undefined>();
    for (const seed of seeds) contents.add(await contentAfterPowerLoss({ sync: true }, seed));
    expect(contents).toEqual(new Set([undefined, '0123456789']));
    contents.clear();
    for (const seed of seeds) contents.add(await contentAfterPowerLoss({ syncDirectory: true }, seed));
    expect(contents).toEqual(new Set(Array.from({ length: 11 }, (_, length) => '0123456789'.slice(0, length))));
  });

  test('a replaced file is the old or the new one, whenever the power goes', async () => {
    const found = new Set<string>();
    for (const seed of seeds) {
      const { scheduler, hosts, run } = simulation(seed);
      const [host] = hosts;
      const { files } = host.start('writer');
      await run(files.replaceFile('/f', Buffer.from('old')));
      const replaced = settles(files.replaceFile('/f', Buffer.from('newer')), scheduler, seed / 10);
      const isReplaced = await replaced;
      host.losePower();
      host.powerUp();
      const content = String(await run(host.start('reader').files.readFile('/f')));
      if (isReplaced) expect(content).toBe('newer');
      found.add(content);
    }
    expect(found).toEqual(new Set(['old', 'newer']));
  });

  test('a process can end in the middle of a write: the file has a part of it', async () => {
    const lengths = new Set<number>();
    for (const seed of seeds) {
      const { host, run, file } = await written('', {}, seed);
      const writer = [...host.processes][0];
      writer.files.plannedEnd = { changesLeft: 0, end: () => writer.kill() };
      expect(() => file.writeSync([Buffer.from('abcd')], 0)).toThrow('the process ended');
      expect(() => file.writeSync([Buffer.from('more')], 0)).toThrow('the process has ended');
      lengths.add((await run(host.start('reader').files.readFile('/d/f'))).length);
    }
    expect([...lengths].sort()).toEqual([0, 1, 2, 3, 4]);
  });

  test('a full disk takes what fits, an error comes through, and a hanging disk answers later', async () => {
    const { host, run, file } = await written('0123', {}, 1);
    const { disk } = host;
    disk.capacityBytes = disk.usedBytes + 2;
    expect(() => file.writeSync([Buffer.from('4567')], 4)).toThrow('ENOSPC');
    expect(await run(file.size())).toBe(6);
    disk.faults.error = (operation) => (operation === 'read' ? 'EIO' : undefined);
    await expect(run(file.read(Buffer.alloc(1), 0, 1, 0))).rejects.toMatchObject({ code: 'EIO' });
    disk.faults.error = undefined;
    disk.hang();
    const size = file.size();
    expect(await settles(size, host.scheduler, 60_000)).toBe(false);
    disk.answer();
    expect(await run(size)).toBe(6);
  });

  test('names: what is missing, what is there, directories with something in them', async () => {
    const { hosts, run } = simulation();
    const { files } = hosts[0].start('p');
    await expect(run(files.open('/a/b', 'write'))).rejects.toMatchObject({ code: 'ENOENT' });
    await run(files.makeDirectory('/a/b/c'));
    await run(files.makeDirectory('/a/b/c'));
    await (await run(files.open('/a/b/f', 'create'))).writeSync([Buffer.from('x')], 0);
    await expect(run(files.open('/a/b/f', 'create'))).rejects.toMatchObject({ code: 'EEXIST' });
    expect(await run(files.list('/a/b'))).toEqual(['c', 'f']);
    await run(files.rename('/a/b', '/a/z'));
    expect(await run(files.stat('/a/b'))).toBeUndefined();
    expect(await run(files.stat('/a/z/f'))).toMatchObject({ kind: 'file', size: 1 });
    await run(files.remove('/a/z/missing'));
    await run(files.removeDirectory('/a'));
    expect(await run(files.list('/'))).toEqual([]);
  });
});

describe('network', () => {
  async function connected(seed = 1) {
    const { scheduler, network, hosts, run } = simulation(seed);
    const [client, server] = [hosts[0].start('client'), hosts[1].start('server')];
    let accepted: Socket | undefined;
    const there = new Recorder();
    await run(
      server.network.listen({ host: '', port: 9092 }, (socket) => {
        accepted = socket;
        socket.handle(there);
      }),
    );
    const socket = await run(client.network.connect({ host: '10.0.0.2', port: 9092, timeoutMs: 1000 }));
    const here = new Recorder();
    socket.handle(here);
    const wait = (ms: number) => scheduler.run(scheduler.nowMs + ms);
    await wait(0);
    return { scheduler, network, hosts, run, wait, client, server, socket, accepted: accepted!, here, there };
  }

  test('bytes arrive in order and whole, and both ends close in order', async () => {
    for (let seed = 0; seed < 50; seed++) {
      const { socket, accepted, there, here, wait } = await connected(seed);
      expect(accepted.remotePort).toBe(socket.localPort);
      const parts = Array.from({ length: 300 }, (_, index) => Buffer.from(`${index},`));
      let sent = 0;
      for (const part of parts) socket.write([part], () => sent++);
      accepted.write([Buffer.from('answer')]);
      await wait(5000);
      expect(there.text).toBe(String(Buffer.concat(parts)));
      expect(here.text).toBe('answer');
      expect(sent).toBe(300);
      socket.endWriting();
      await wait(1000);
      expect([here.events, there.events]).toEqual([[], ['ended']]);
      accepted.write([Buffer.from('!')]);
      accepted.end();
      await wait(1000);
      expect(here.text).toBe('answer!');
      expect([here.events, there.events]).toEqual([
        ['ended', 'closed'],
        ['ended', 'closed'],
      ]);
    }
  });

  test('a reader that pauses holds the writer up', async () => {
    const { socket, accepted, here, there, wait } = await connected();
    accepted.pause();
    const bytes = Buffer.alloc(1 << 20, 'a');
    let sent = false;
    expect(socket.write([bytes], () => (sent = true))).toBe(false);
    await wait(1000);
    expect(socket.pendingBytes).toBeGreaterThan(500_000);
    expect(sent).toBe(false);
    accepted.resume();
    await wait(60_000);
    expect(socket.pendingBytes).toBe(0);
    expect([sent, here.events, there.text.length]).toEqual([true, ['drained'], bytes.length]);
  });

  test('a killed process: its peer sees the end, or a reset when something was not read', async () => {
    const { client, server, there, wait } = await connected();
    client.kill();
    await wait(1000);
    expect(there.events).toEqual(['ended']);
    expect([...server.network.sockets]).toHaveLength(1);
    const other = await connected();
    other.socket.pause();
    other.accepted.write([Buffer.from('unread')]);
    await other.wait(1000);
    other.client.kill();
    await other.wait(1000);
    expect(other.there.events).toEqual(['closed: ECONNRESET']);
  });

  test('a host without power says nothing until it is up again, and then that it knows nothing', async () => {
    const { hosts, socket, here, wait } = await connected();
    hosts[1].losePower();
    socket.write([Buffer.from('hello?')]);
    await wait(60_000);
    expect(here.events).toEqual([]);
    hosts[1].powerUp();
    await wait(1000);
    expect(here.events).toEqual(['closed: ECONNRESET']);
  });

  test('a partition one way lets the other way through, as far as it goes without an acknowledgement', async () => {
    const { network, socket, accepted, here, there, wait } = await connected();
    network.block('10.0.0.1', '10.0.0.2');
    socket.write([Buffer.from('lost for now')]);
    accepted.write([Buffer.alloc(1 << 20, 'b')]);
    await wait(10_000);
    expect(there.text).toBe('');
    expect(here.text.length).toBeGreaterThan(0);
    expect(here.text.length).toBeLessThan(1 << 20);
    network.heal();
    await wait(60_000);
    expect(there.text).toBe('lost for now');
    expect(here.text.length).toBe(1 << 20);
  });

  test('connecting: refused, unknown, or no answer in time', async () => {
    const { network, hosts, run, client } = await connected();
    const connect = (host: string, port: number) => run(client.network.connect({ host, port, timeoutMs: 1000 }));
    await expect(connect('10.0.0.2', 1)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(connect('10.9.9.9', 1)).rejects.toMatchObject({ code: 'ENOTFOUND' });
    network.block('10.0.0.2', '10.0.0.1');
    await expect(connect('10.0.0.2', 9092)).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    network.heal();
    hosts[1].losePower();
    await expect(connect('10.0.0.2', 9092)).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    expect(client.network.connecting).toBe(0);
  });
});
