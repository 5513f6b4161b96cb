// How ZooKeeper's command line reads and writes things.
import type { KeeperException } from '../../zookeeper/keeper-exception';
import { EventType, KeeperCode, keeperCodeName, Perms, type Acl, type Stat } from '../../zookeeper/requests';

/** The words of a line: blanks separate, quotes of either kind keep together. */
export function splitWords(line: string): string[] {
  return [...line.matchAll(/\s*([^"']\S*|"[^"]*"|'[^']*')\s*/g)].map(([, word = '']) =>
    word.replace(/^(["'])(.*)\1$/s, '$2'),
  );
}

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** As java.util.Date shows a time, in this machine's time zone: `Thu Jan 01 00:00:00 UTC 1970`. */
export function javaDate(ms: number): string {
  const at = new Date(ms);
  const two = (value: number) => String(value).padStart(2, '0');
  const parts = new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' }).formatToParts(at);
  const zone = parts.find(({ type }) => type === 'timeZoneName')?.value ?? 'UTC';
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return `${days[at.getDay()]} ${months[at.getMonth()]} ${two(at.getDate())} ${time} ${zone} ${at.getFullYear()}`;
}

function hex(value: bigint): string {
  return `0x${BigInt.asUintN(64, value).toString(16)}`;
}

export function statLines(stat: Stat): string[] {
  return [
    `cZxid = ${hex(stat.czxid)}`,
    `ctime = ${javaDate(stat.ctime)}`,
    `mZxid = ${hex(stat.mzxid)}`,
    `mtime = ${javaDate(stat.mtime)}`,
    `pZxid = ${hex(stat.pzxid)}`,
    `cversion = ${stat.cversion}`,
    `dataVersion = ${stat.version}`,
    `aclVersion = ${stat.aversion}`,
    `ephemeralOwner = ${hex(stat.ephemeralOwner)}`,
    `dataLength = ${stat.dataLength}`,
    `numChildren = ${stat.numChildren}`,
  ];
}

const permissions = [
  ['c', Perms.create],
  ['d', Perms.delete],
  ['r', Perms.read],
  ['w', Perms.write],
  ['a', Perms.admin],
] as const;

export function aclLines(acls: readonly Acl[]): string[] {
  return acls.flatMap(({ perms, id }) => [
    `'${id.scheme},'${id.id}`,
    `: ${permissions.flatMap(([letter, bit]) => ((perms & bit) === 0 ? [] : [letter])).join('')}`,
  ]);
}

/** What a word is not, as a person is told. */
export class ShellSyntaxError extends Error {
  override readonly name = 'ShellSyntaxError';
}

/** `scheme:id:perms,…`, the perms being some of cdrwa. */
export function parseAcls(text: string): Acl[] {
  return text.split(',').map((each) => {
    const first = each.indexOf(':');
    const last = each.lastIndexOf(':');
    if (first < 0 || first === last) throw new ShellSyntaxError(`${each} does not have the form scheme:id:perm`);
    let perms = 0;
    for (const letter of each.slice(last + 1)) {
      const bit = permissions.find(([known]) => known === letter)?.[1];
      if (bit === undefined) throw new ShellSyntaxError(`Unknown perm type: ${letter}`);
      perms |= bit;
    }
    return { perms, id: { scheme: each.slice(0, first), id: each.slice(first + 1, last) } };
  });
}

const eventNames = new Map<number, string>(
  Object.entries(EventType).map(([name, type]) => [type, name[0]!.toUpperCase() + name.slice(1)]),
);

/** What a watch has seen, or (without a path) how the connection has changed. */
export function watcherText(state: string, type: number, path: string | undefined): string {
  return `\nWATCHER::\n\nWatchedEvent state:${state} type:${eventNames.get(type) ?? 'None'} path:${path ?? 'null'}`;
}

// How KeeperException of Java spells the codes that it does not spell as their names.
const spelled: Readonly<Record<string, string>> = {
  CONNECTIONLOSS: 'ConnectionLoss',
  SESSIONEXPIRED: 'Session expired',
  SESSIONMOVED: 'Session moved',
  OPERATIONTIMEOUT: 'OperationTimeout',
  MARSHALLINGERROR: 'MarshallingError',
  UNIMPLEMENTED: 'Unimplemented',
  APIERROR: 'APIError',
  AUTHFAILED: 'AuthFailed',
  SYSTEMERROR: 'SystemError',
  NOTREADONLY: 'Not a read-only call',
  RECONFIGDISABLED: 'Reconfig is disabled',
};

/** What the shell says of an operation that failed. */
export function keeperText(error: KeeperException): string {
  const { code, path } = error;
  switch (code) {
    case KeeperCode.NONODE:
      return `Node does not exist: ${path}`;
    case KeeperCode.NODEEXISTS:
      return `Node already exists: ${path}`;
    case KeeperCode.NOTEMPTY:
      return `Node not empty: ${path}`;
    case KeeperCode.NOCHILDRENFOREPHEMERALS:
      return `Ephemerals cannot have children: ${path}`;
    case KeeperCode.BADVERSION:
      return `version No is not valid : ${path}`;
    case KeeperCode.INVALIDACL:
      return `Acl is not valid : ${path}`;
    case KeeperCode.NOAUTH:
      return `Insufficient permission : ${path}`;
    case KeeperCode.QUOTAEXCEEDED:
      return `Quota has exceeded : ${path}`;
    case KeeperCode.BADARGUMENTS:
      // The message says what is wrong with the path, which the code does not.
      return `Arguments are not valid : ${path} (${error.message})`;
    default: {
      const name = keeperCodeName(code);
      return `KeeperErrorCode = ${spelled[name] ?? name}${path === undefined ? '' : ` for ${path}`}`;
    }
  }
}
