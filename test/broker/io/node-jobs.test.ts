import { expect, test } from 'vitest';
import type { Job } from '../../../broker/src/io/jobs';
import { nodeIo } from '../../../broker/src/io/node';

test('a job gets its own copy of the input, files, and tells its progress', async () => {
  const { jobs, files } = nodeIo();
  const job: Job<{ list: number[] }, { sum: number }> = {
    name: 'sum',
    module: __filename,
    run: async (given, input, progress) => {
      expect(given).toBe(files);
      progress('started');
      await Promise.resolve();
      return { sum: input.list.reduce((a, b) => a + b) };
    },
  };
  const input = { list: [1, 2] };
  const messages: string[] = [];
  const running = jobs.run(job, input, (message) => messages.push(message));
  input.list.push(100);
  expect(messages).toEqual([]);
  expect(await running).toEqual({ sum: 3 });
  expect(messages).toEqual(['started']);
});

test('a job that fails rejects, one that runs when jobs are closed too, and none starts afterwards', async () => {
  const { jobs } = nodeIo();
  const job = (name: string, run: () => Promise<number>): Job<null, number> => ({
    name,
    module: __filename,
    run,
  });
  await expect(
    jobs.run(
      job('fails', async () => {
        throw new Error('no');
      }),
      null,
    ),
  ).rejects.toThrow('no');
  const endless = jobs.run(
    job('endless', () => new Promise(() => {})),
    null,
  );
  const rejected = expect(endless).rejects.toThrow(/abandoned/);
  await jobs.close();
  await rejected;
  await expect(
    jobs.run(
      job('late', async () => 1),
      null,
    ),
  ).rejects.toThrow(/Job late was not started/);
});
