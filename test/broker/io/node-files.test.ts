import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NodeFiles } from '../../../broker/src/io/node/files';

const files = new NodeFiles();
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'odradek-files-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));
const at = (name: string) => join(directory, name);

describe('an open file', () => {
  test.each([1, 3, 1024, 2500])('takes %i buffers in one write, in order, at a position', async (count) => {
    const buffers = Array.from({ length: count }, (_, index) => Buffer.from(`${index},`));
    const whole = Buffer.concat(buffers).toString();
    const file = await files.open(at('data'), 'create');
    file.writeSync(buffers, 3);
    await file.write(buffers, 3 + whole.length);
    expect(await file.size()).toBe(3 + 2 * whole.length);
    const target = Buffer.alloc(whole.length + 2);
    expect(file.readSync(target, 1, whole.length, 3)).toBe(whole.length);
    expect(target.toString('utf8', 1, 1 + whole.length)).toBe(whole);
    expect(await file.read(target, 1, whole.length, 3 + whole.length)).toBe(whole.length);
    expect(target.toString('utf8', 1, 1 + whole.length)).toBe(whole);
    await file.close();
  });

  test('reads less at the end of the file and nothing after it', async () => {
    const file = await files.open(at('data'), 'write');
    file.writeSync([Buffer.from('abc')], 0);
    expect(file.readSync(Buffer.alloc(8), 0, 8, 1)).toBe(2);
    expect(await file.read(Buffer.alloc(8), 0, 8, 3)).toBe(0);
    await file.truncate(1);
    await file.sync();
    expect(await file.size()).toBe(1);
    await file.close();
  });

  test('says so when it is used after it was closed', async () => {
    const file = await files.open(at('data'), 'write');
    await file.close();
    await file.close();
    expect(() => file.writeSync([Buffer.from('x')], 0)).toThrow(/EBADF.*data/);
    await expect(file.read(Buffer.alloc(1), 0, 1, 0)).rejects.toMatchObject({ code: 'EBADF' });
  });

  test('opens as the mode says', async () => {
    await expect(files.open(at('data'), 'read')).rejects.toMatchObject({ code: 'ENOENT' });
    const created = await files.open(at('data'), 'create');
    created.writeSync([Buffer.from('kept')], 0);
    await created.close();
    await expect(files.open(at('data'), 'create')).rejects.toMatchObject({ code: 'EEXIST' });
    const again = await files.open(at('data'), 'write');
    expect(await again.size()).toBe(4);
    await again.close();
    const reader = await files.open(at('data'), 'read');
    expect(() => reader.writeSync([Buffer.from('x')], 0)).toThrow(/EBADF/);
    await reader.close();
  });
});

describe('directories', () => {
  test('cannot be made where the file system has no room for them, or below a file', async () => {
    await expect(files.makeDirectory('/proc/odradek/logs')).rejects.toThrow(/ENOENT|EACCES|EPERM/);
    await files.replaceFile(at('file'), Buffer.from('1'));
    await expect(files.makeDirectory(at('file'))).rejects.toThrow(/EEXIST/);
    await expect(files.makeDirectory(at('file/below'))).rejects.toThrow(/ENOTDIR/);
  });

  test('are made with their parents, listed in order, removed whole', async () => {
    await files.makeDirectory(at('a/b'));
    await files.makeDirectory(at('a/b'));
    await files.replaceFile(at('a/z'), Buffer.from('1'));
    await files.replaceFile(at('a/c'), Buffer.from('2'));
    await files.rename(at('a/z'), at('a/y'));
    await files.syncDirectory(at('a'));
    expect(await files.list(at('a'))).toEqual(['b', 'c', 'y']);
    await files.removeDirectory(at('a'));
    await files.removeDirectory(at('a'));
    expect(await files.stat(at('a'))).toBeUndefined();
  });

  test('stat tells kinds apart and a missing file from an unreadable one', async () => {
    await files.replaceFile(at('file'), Buffer.from('12345'));
    expect(await files.stat(at('file'))).toMatchObject({ kind: 'file', size: 5 });
    expect(await files.stat(directory)).toMatchObject({ kind: 'directory' });
    expect(await files.stat(at('file/below'))).toBeUndefined();
    await files.remove(at('file'));
    await files.remove(at('file'));
    expect(await files.stat(at('file'))).toBeUndefined();
  });

  test('a volume has a size', async () => {
    const { totalBytes, freeBytes } = await files.volume(directory);
    expect(totalBytes).toBeGreaterThan(0);
    expect(freeBytes).toBeLessThanOrEqual(totalBytes);
  });
});

test('replacements of one file that overlap leave the last one, whole', async () => {
  const contents = Array.from({ length: 20 }, (_, index) => Buffer.alloc(100_000, index));
  await Promise.all(contents.map((content) => files.replaceFile(at('checkpoint'), content)));
  expect((await files.readFile(at('checkpoint'))).equals(contents[19])).toBe(true);
  expect(await files.list(directory)).toEqual(['checkpoint']);
});

test('a replacement that fails leaves the file, and does not stop the next one', async () => {
  await files.makeDirectory(at('checkpoint.tmp'));
  await expect(files.replaceFile(at('checkpoint'), Buffer.from('a'))).rejects.toMatchObject({ code: 'EISDIR' });
  await files.removeDirectory(at('checkpoint.tmp'));
  await files.replaceFile(at('checkpoint'), Buffer.from('b'));
  expect((await files.readFile(at('checkpoint'))).toString()).toBe('b');
});

describe('a lock', () => {
  const tryInAnotherProcess = (path: string) => {
    const script = `
      const fs = require('node:fs');
      const { tryLock } = require(${JSON.stringify(require.resolve('fs-native-extensions'))});
      process.stdout.write(String(tryLock(fs.openSync(process.argv[1], 'a+'))));`;
    return spawnSync(process.execPath, ['-e', script, path], { encoding: 'utf8' }).stdout;
  };

  test('is refused to others in this process, by any name of the file, until it is released', async () => {
    const lock = await files.lock(at('.lock'));
    expect(lock).toBeDefined();
    symlinkSync(at('.lock'), at('alias'));
    expect(await files.lock(at('.lock'))).toBeUndefined();
    expect(await files.lock(at('alias'))).toBeUndefined();
    await lock?.release();
    await lock?.release();
    const again = await files.lock(at('alias'));
    expect(again).toBeDefined();
    await again?.release();
  });

  test('is refused to other processes', async () => {
    const lock = await files.lock(at('.lock'));
    expect(tryInAnotherProcess(at('.lock'))).toBe('false');
    await lock?.release();
    expect(tryInAnotherProcess(at('.lock'))).toBe('true');
  });
});
