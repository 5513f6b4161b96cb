import { expect, it } from 'vitest';
import {
  append,
  batchOf,
  openManager,
  readBytes,
  readRecordsFrom,
  TestDirectory,
  topicPartition,
  valuesOf,
} from './support';

const config = { indexIntervalBytes: 300 };
const values = Array.from({ length: 200 }, (_, index) => `${index}`.padStart(100, '0'));

it('readers of the cold path get all records, however their fetches are cut', async () => {
  using directory = new TestDirectory();
  const manager = await openManager(directory.path, { config, hotBytes: 0 });
  const log = await manager.getOrCreate(topicPartition);
  for (const value of values) await append(log, batchOf([value]));
  for (const maxBytes of [400, 1000, 4001]) {
    expect(valuesOf(await readRecordsFrom(log, 0, 'logEnd', maxBytes))).toEqual(values);
  }
  await manager.shutdown();
});

it('where a cold reader goes on is looked up while he is sent what is before', async () => {
  using directory = new TestDirectory();
  const manager = await openManager(directory.path, { config, hotBytes: 0 });
  const log = await manager.getOrCreate(topicPartition);
  for (const value of values) await append(log, batchOf([value]));
  const { ranges, sizeInBytes } = await log.read(100, 1000, 'logEnd', true);
  const next = 100 + Math.floor(sizeInBytes / batchOf([values[0]]).length);
  const isKnown = async (): Promise<boolean> => {
    const read = log.read(next, 1000, 'logEnd', true);
    for (const range of (await read).ranges) range.release();
    return !(read instanceof Promise);
  };
  await expect.poll(isKnown).toBe(true);
  for (const range of ranges) range.release();
  await manager.shutdown();
});

it('a place that was looked up ahead is forgotten when the log is cut', async () => {
  using directory = new TestDirectory();
  const manager = await openManager(directory.path, { config, hotBytes: 0 });
  const log = await manager.getOrCreate(topicPartition);
  for (const value of values) await append(log, batchOf([value]));
  await readBytes(log, 0, 10_000);
  await readBytes(log, 0, 10_000);
  await log.truncateTo(10);
  const others = values.slice(10).map((value) => `other ${value} and longer`);
  for (const value of others) await append(log, batchOf([value]));
  expect(valuesOf(await readRecordsFrom(log, 0, 'logEnd', 700))).toEqual([...values.slice(0, 10), ...others]);
  await manager.shutdown();
});
