import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sleep } from '../../../broker/src/io/clock';
import type { Socket } from '../../../broker/src/io/network';
import { nodeIo } from '../../../broker/src/io/node';
import { KillableIo } from '../../../broker/src/testing/killable-io';

const machine = nodeIo();

describe('What is killed', () => {
  let directory: string;
  let io: KillableIo;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'odradek-killable-'));
    io = new KillableIo(machine);
  });
  afterEach(async () => {
    await io.kill();
    rmSync(directory, { recursive: true });
  });

  it('hears of nothing any more', async () => {
    const heard: string[] = [];
    const hear = (what: string) => () => void heard.push(what);
    io.clock.timer(1, hear('a timer'));
    io.clock.defer(hear('a deferred call'));
    void io.files.readFile(__filename).then(hear('a file'));
    void io.files.readFile(join(directory, 'none')).catch(hear('an error'));
    void io.network.connect({ host: '127.0.0.1', port: 1, timeoutMs: 1000 }).catch(hear('a refused connection'));
    const job = { name: 'job', module: __filename, run: (files: typeof io.files) => files.list(directory) };
    void io.jobs.run(job, undefined).then(hear('a job'));
    await io.kill();
    io.clock.timer(0, hear('a late timer'));
    void io.files.list(directory).then(hear('a late list'));
    await sleep(machine.clock, 20);
    expect(heard).toEqual([]);
    expect(io.isKilled).toBe(true);
  });

  it('leaves its files as they are, and its locks to others', async () => {
    const path = join(directory, 'log');
    expect(await io.files.lock(join(directory, '.lock'))).toBeDefined();
    const file = await io.files.open(path, 'create');
    file.writeSync([Buffer.from('written')], 0);
    expect(await machine.files.lock(join(directory, '.lock'))).toBeUndefined();
    const underWay = io.files.open(join(directory, 'late'), 'create');
    await io.kill();
    file.writeSync([Buffer.from('not this')], 0);
    expect(file.readSync(Buffer.alloc(1), 0, 1, 0)).toBe(0);
    expect(readFileSync(path, 'utf8')).toBe('written');
    const lock = await machine.files.lock(join(directory, '.lock'));
    expect(lock).toBeDefined();
    await lock!.release();
    expect(await Promise.race([underWay, sleep(machine.clock, 20)])).toBeUndefined();
  });

  it('has its connections cut, and its port is free', async () => {
    const accepted: Socket[] = [];
    const events: string[] = [];
    const { port } = await io.network.listen({ host: '127.0.0.1', port: 0 }, (socket) => {
      accepted.push(socket);
      socket.handle({
        data: () => events.push('data'),
        drained: () => events.push('drained'),
        ended: () => events.push('ended'),
        closed: () => events.push('closed'),
      });
    });
    const peer = await machine.network.connect({ host: '127.0.0.1', port, timeoutMs: 5000 });
    const cut = new Promise<void>((resolve) =>
      peer.handle({ data() {}, drained() {}, ended: () => peer.destroy(), closed: () => resolve() }),
    );
    peer.write([Buffer.from('a request')]);
    await expect.poll(() => events).toEqual(['data']);
    await io.kill();
    await cut;
    expect(accepted[0].write([Buffer.from('an answer')])).toBe(false);
    const again = await machine.network.listen({ host: '127.0.0.1', port }, (socket) => socket.destroy());
    expect(again.port).toBe(port);
    await again.close();
    expect(events).toEqual(['data']);
  });
});
