import { describe, expect, test } from 'vitest';
import { aclLines, keeperText, parseAcls, splitWords, statLines } from '../../../broker/src/cli/zookeeper/shell-text';
import { KeeperException } from '../../../broker/src/zookeeper/keeper-exception';
import { KeeperCode } from '../../../broker/src/zookeeper/requests';

describe("ZooKeeper's command line", () => {
  test('words are separated by blanks unless they are quoted', () => {
    expect(splitWords("create /a \"some data\"  '' x='y'")).toEqual(['create', '/a', 'some data', '', "x='y'"]);
    expect(splitWords('  ls   /  ')).toEqual(['ls', '/']);
    expect(splitWords('')).toEqual([]);
  });

  test('a Stat has the lines of zkCli', () => {
    const stat = {
      czxid: 0xb3n,
      ctime: 0,
      mzxid: 0xb8n,
      mtime: 0,
      version: 2,
      cversion: 0,
      aversion: 0,
      ephemeralOwner: 0x1a1fdfc05c40000n,
      dataLength: 4,
      numChildren: 0,
      pzxid: 0xb3n,
    };
    const lines = statLines(stat);
    expect(lines[0]).toBe('cZxid = 0xb3');
    expect(lines[1]).toMatch(/^ctime = (Thu Jan 01|Wed Dec 31) \d\d:\d\d:00 \S+ (1970|1969)$/);
    expect(lines.slice(4)).toEqual([
      'pZxid = 0xb3',
      'cversion = 0',
      'dataVersion = 2',
      'aclVersion = 0',
      'ephemeralOwner = 0x1a1fdfc05c40000',
      'dataLength = 4',
      'numChildren = 0',
    ]);
  });

  test('ACLs are read and shown', () => {
    const acls = parseAcls('world:anyone:cdrwa,digest:u:hash=:r');
    expect(aclLines(acls)).toEqual(["'world,'anyone", ': cdrwa', "'digest,'u:hash=", ': r']);
    expect(() => parseAcls('bad')).toThrow('bad does not have the form scheme:id:perm');
    expect(() => parseAcls('world:anyone:x')).toThrow('Unknown perm type: x');
  });

  test.each([
    [KeeperCode.NONODE, 'Node does not exist: /a'],
    [KeeperCode.NODEEXISTS, 'Node already exists: /a'],
    [KeeperCode.NOTEMPTY, 'Node not empty: /a'],
    [KeeperCode.BADVERSION, 'version No is not valid : /a'],
    [KeeperCode.UNIMPLEMENTED, 'KeeperErrorCode = Unimplemented for /a'],
  ])('error %d is said as zkCli says it', (code, expected) => {
    expect(keeperText(new KeeperException(code, '/a'))).toBe(expected);
  });
});
