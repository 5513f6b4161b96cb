import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import type { Job, Jobs } from '../../../broker/src/io/jobs';
import { TestDirectory } from '../log/support';

// Worker threads load compiled JavaScript: this is what is installed.
const compiled = path.join(__dirname, '../../../broker/build/io/node/worker-jobs.js');
const { WorkerJobs } = createRequire(__filename)(compiled) as { readonly WorkerJobs: new () => Jobs };
const directory = new TestDirectory();
const module = directory.join('jobs.js');
writeFileSync(
  module,
  `const { isMainThread, threadId } = require('node:worker_threads');
  const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  exports.sum = { name: 'sum', run: async (files, { list, memory }, progress) => {
    progress('summing');
    const sum = list.reduce((a, b) => a + b, 0);
    new Float64Array(memory)[0] = sum;
    return { sum, isMainThread, threadId, bytes: (await files.readFile(__filename)).length };
  } };
  exports.fails = { name: 'fails', run: (files) => files.readFile('/nowhere') };
  exports.dies = { name: 'dies', run: () => { process.exit(3); } };
  exports.endless = { name: 'endless', run: () => after(1e9) };`,
);
const job = <In, Out>(name: string): Job<In, Out> => ({
  name,
  module,
  run: () => Promise.reject(new Error('not here')),
});

afterAll(() => directory[Symbol.dispose]());

test('a job runs in a thread of its own, with files, progress and shared memory; threads are used again', async () => {
  const jobs = new WorkerJobs();
  const memory = new SharedArrayBuffer(8);
  const said: string[] = [];
  const run = () =>
    jobs.run(job<object, { threadId: number }>('sum'), { list: [1, 2], memory }, (message) => said.push(message));
  const first = await run();
  expect(first).toMatchObject({ sum: 3, isMainThread: false });
  expect(new Float64Array(memory)[0]).toBe(3);
  await new Promise((resolve) => setImmediate(resolve));
  expect((await run()).threadId).toBe(first.threadId);
  expect(said).toEqual(['summing', 'summing']);
  await jobs.close();
});

test('errors keep their code; a job that is not there, a thread that dies and a close reject', async () => {
  const jobs = new WorkerJobs();
  await expect(jobs.run(job('fails'), null)).rejects.toMatchObject({ code: 'ENOENT', message: /nowhere/ });
  await expect(jobs.run(job('other'), null)).rejects.toThrow(/exports no job other/);
  await expect(jobs.run(job('dies'), null)).rejects.toThrow(/thread has ended/);
  await expect(jobs.run(job('fails'), null)).rejects.toMatchObject({ code: 'ENOENT' });
  const endless = expect(jobs.run(job('endless'), null)).rejects.toThrow(/abandoned/);
  await jobs.close();
  await endless;
  await expect(jobs.run(job('sum'), null)).rejects.toThrow(/Job sum was not started/);
});

test('a thread that cannot be started has the job wait for the next try, which is told of', async () => {
  const threads = createRequire(__filename)('node:worker_threads') as { Worker: unknown };
  const { Worker } = threads;
  let failures = 2;
  threads.Worker = function (file: string) {
    if (failures-- > 0) throw new Error('EAGAIN');
    return new (Worker as new (file: string) => object)(file);
  };
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const jobs = new WorkerJobs();
    const said: string[] = [];
    const memory = new SharedArrayBuffer(8);
    const running = jobs.run(job('sum'), { list: [1, 2], memory }, (message) => said.push(message));
    expect(said).toEqual(['no worker thread could be started (EAGAIN): the next try is in 1 s']);
    vi.advanceTimersByTime(1000);
    expect(said[1]).toContain('the next try is in 2 s');
    vi.advanceTimersByTime(2000);
    expect(await running).toMatchObject({ sum: 3 });
    await jobs.close();
  } finally {
    threads.Worker = Worker;
    vi.useRealTimers();
  }
});
