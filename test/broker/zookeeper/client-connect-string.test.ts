import { describe, expect, it } from 'vitest';
import { parseConnectString } from '../../../broker/src/zookeeper/connect-string';
import { pathProblem } from '../../../broker/src/zookeeper/znode-path';

describe('parseConnectString', () => {
  it.each([
    ['zk', [['zk', 2181]], ''],
    ['zk:2182', [['zk', 2182]], ''],
    ['a:1, b:2 ,c', [['a', 1], ['b', 2], ['c', 2181]], ''], // prettier-ignore
    ['a:1,b:2/kafka/one', [['a', 1], ['b', 2]], '/kafka/one'], // prettier-ignore
    ['a:1/', [['a', 1]], ''],
    ['[::1]:2183,[fe80::1]/k', [['::1', 2183], ['fe80::1', 2181]], '/k'], // prettier-ignore
  ])('reads %s', (text, servers, chroot) => {
    const parsed = parseConnectString(text);
    expect(parsed.servers.map(({ host, port }) => [host, port])).toEqual(servers);
    expect(parsed.chroot).toBe(chroot);
  });

  it.each([
    ['', 'names no server'],
    ['/kafka', 'names no server'],
    ['zk:0', "the port of 'zk:0'"],
    ['zk:65536', "the port of 'zk:65536'"],
    ['zk:abc', "the port of 'zk:abc'"],
    ['a b:1', "'a b:1' is not a host and port"],
    ['::1:2181', "'::1:2181' is not a host and port"],
    ['zk/kafka/', 'ends with /'],
    ['zk/a//b', 'empty name'],
    ['zk/../b', "relative name '..'"],
  ])('refuses %j and says why', (text, why) => {
    expect(() => parseConnectString(text)).toThrow(why);
    expect(() => parseConnectString(text)).toThrow(`zookeeper.connect '${text}'`);
  });
});

describe('pathProblem', () => {
  it.each(['/', '/a', '/a/b.c', '/a/...', '/brokers/topics/with.dots_and_under', '/é/ü'])('takes %s', (path) => {
    expect(pathProblem(path)).toBeUndefined();
  });

  it.each([
    '',
    'a',
    '/a/',
    '//',
    '/a//b',
    '/.',
    '/a/..',
    '/a\u0000',
    '/a\u001f',
    '/a\u007f',
    '/\ud83d\ude00',
    '/\uffff',
  ])('refuses %j', (path) => {
    expect(pathProblem(path)).toBeDefined();
  });

  it('lets the path of a sequential znode end with a slash', () => {
    expect(pathProblem('/a/', true)).toBeUndefined();
    expect(pathProblem('/a//', true)).toBeDefined();
  });
});
