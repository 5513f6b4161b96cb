import type { Database } from './database';
import type { ServerConnection } from './server-connection';
import type { PacketStats } from './server-stats';
import { serverVersion } from './server-version';
import type { SessionTracker } from './session-tracker';
import type { WatchManager } from './watch-manager';
import { hex } from './zxid-file-name';

/** What four-letter words tell of, and what they reset. */
export interface ServerView {
  readonly database: Database;
  readonly sessions: SessionTracker;
  readonly connections: ReadonlySet<ServerConnection>;
  readonly stats: PacketStats;
  readonly hostname: string;
  readonly host: string;
  readonly port: number;
  readonly tickTime: number;
  readonly maxClientCnxns: number;
  readonly minSessionTimeout: number;
  readonly maxSessionTimeout: number;
  readonly uptimeMs: number;
  wallMs(): number;
}

type Answer = (view: ServerView) => string | Promise<string>;

const answers: ReadonlyMap<string, Answer> = new Map<string, Answer>([
  ['ruok', () => 'imok'],
  ['isro', () => 'rw'],
  ['srvr', (view) => serverLines(view, '')],
  ['stat', (view) => serverLines(view, `Clients:\n${connectionLines(view, true)}\n`)],
  ['cons', (view) => `${connectionLines(view, false)}\n`],
  ['conf', configuration],
  ['envi', environment],
  ['mntr', monitor],
  ['dirs', directories],
  ['dump', dump],
  ['wchs', (view) => watchSummary(view.database.tree.dataWatches)],
  ['wchp', (view) => `${watchesByPath(view.database.tree.dataWatches)}\n`],
  ['wchc', (view) => `${watchesBySession(view.database.tree.dataWatches)}\n`],
  [
    'srst',
    ({ stats }) => {
      stats.reset();
      return 'Server stats reset.\n';
    },
  ],
  [
    'crst',
    ({ connections }) => {
      for (const { stats } of connections) stats.reset();
      return 'Connection stats reset.\n';
    },
  ],
]);

/** The words that are answered unless a whitelist says otherwise: those that only show, and nothing of clients' data. */
export const defaultWords: readonly string[] = ['ruok', 'isro', 'srvr', 'stat', 'mntr', 'conf', 'cons', 'envi'];

/**
 * The answer to a word, undefined when it is none. A word outside the whitelist (`*`: all) is answered by saying so;
 * srvr is always allowed, as in ZooKeeper.
 */
export function fourLetterWord(
  word: string,
  whitelist: readonly string[],
  view: () => ServerView,
): Promise<string> | undefined {
  const answer = answers.get(word);
  if (answer === undefined) return undefined;
  if (word !== 'srvr' && !whitelist.includes('*') && !whitelist.includes(word)) {
    return Promise.resolve(`${word} is not executed because it is not in the whitelist.\n`);
  }
  return Promise.resolve(answer(view()));
}

function outstanding(view: ServerView): number {
  let count = 0;
  for (const { queued } of view.connections) count += queued;
  return count;
}

// The root counts twice in ZooKeeper.
function znodeCount(view: ServerView): number {
  return view.database.tree.nodeCount + 1;
}

function latency(ms: number): string {
  return Number.isInteger(ms) ? `${ms}.0` : String(Number(ms.toFixed(4)));
}

function serverLines(view: ServerView, clients: string): string {
  const { stats, database } = view;
  return (
    `Zookeeper version: ${serverVersion}\n` +
    clients +
    `Latency min/avg/max: ${stats.minLatencyMs}/${latency(stats.averageLatencyMs)}/${stats.maxLatencyMs}\n` +
    `Received: ${stats.received}\n` +
    `Sent: ${stats.sent}\n` +
    `Connections: ${view.connections.size}\n` +
    `Outstanding: ${outstanding(view)}\n` +
    `Zxid: ${hex(database.tree.lastProcessedZxid)}\n` +
    `Mode: standalone\n` +
    `Node count: ${znodeCount(view)}\n`
  );
}

function connectionLines(view: ServerView, brief: boolean): string {
  return [...view.connections].map((connection) => `${connectionLine(connection, brief)}\n`).join('');
}

function connectionLine(connection: ServerConnection, brief: boolean): string {
  const { stats } = connection;
  const values: [string, string | number][] = [
    ['queued', connection.queued],
    ['recved', stats.received],
    ['sent', stats.sent],
  ];
  if (!brief && connection.sessionId !== 0n) {
    values.push(
      ['sid', hex(connection.sessionId)],
      ['lop', connection.lastOperation],
      ['est', connection.establishedMs],
      ['to', connection.sessionTimeout],
    );
    if (connection.lastXid >= 0) values.push(['lcxid', `0x${connection.lastXid.toString(16)}`]);
    values.push(
      ['lzxid', hex(connection.lastZxid)],
      ['lresp', connection.lastResponseMs],
      ['llat', connection.lastLatencyMs],
      ['minlat', stats.minLatencyMs],
      ['avglat', Math.round(stats.averageLatencyMs)],
      ['maxlat', stats.maxLatencyMs],
    );
  }
  const interest = connection.isReading ? '1' : '0';
  return ` ${connection.remote}[${interest}](${values.map(([name, value]) => `${name}=${value}`).join(',')})`;
}

async function configuration(view: ServerView): Promise<string> {
  const { snapshots, logs } = await view.database.sizes();
  const directories = view.database.directories;
  return lines([
    ['clientPort', view.port],
    ['secureClientPort', -1],
    ['dataDir', directories?.snapshots ?? '(in memory)'],
    ['dataDirSize', snapshots],
    ['dataLogDir', directories?.logs ?? '(in memory)'],
    ['dataLogSize', logs],
    ['tickTime', view.tickTime],
    ['maxClientCnxns', view.maxClientCnxns],
    ['minSessionTimeout', view.minSessionTimeout],
    ['maxSessionTimeout', view.maxSessionTimeout],
    ['clientPortListenBacklog', -1],
    ['serverId', 1],
  ]);
}

function lines(values: readonly (readonly [string, string | number])[]): string {
  return values.map(([name, value]) => `${name}=${value}\n`).join('');
}

function environment(view: ServerView): string {
  return (
    'Environment:\n' +
    lines([
      ['zookeeper.version', serverVersion],
      ['host.name', view.hostname],
      ['node.version', process.version],
      ['os.name', process.platform],
      ['os.arch', process.arch],
    ])
  );
}

function monitor(view: ServerView): string {
  const { stats, database } = view;
  const { tree } = database;
  const values: [string, string | number][] = [
    ['version', serverVersion],
    ['server_state', 'standalone'],
    ['avg_latency', latency(stats.averageLatencyMs)],
    ['max_latency', stats.maxLatencyMs],
    ['min_latency', stats.minLatencyMs],
    ['packets_received', stats.received],
    ['packets_sent', stats.sent],
    ['num_alive_connections', view.connections.size],
    ['outstanding_requests', outstanding(view)],
    ['uptime', Math.round(view.uptimeMs)],
    ['znode_count', znodeCount(view)],
    ['watch_count', tree.watchCount],
    ['ephemerals_count', tree.ephemeralCount],
    ['approximate_data_size', tree.dataSize],
    ['global_sessions', database.sessions.size],
    ['local_sessions', 0],
  ];
  return values.map(([name, value]) => `zk_${name}\t${value}\n`).join('');
}

async function directories(view: ServerView): Promise<string> {
  const { snapshots, logs } = await view.database.sizes();
  return `datadir_size: ${snapshots}\nlogdir_size: ${logs}\n`;
}

function dump(view: ServerView): string {
  const { tree } = view.database;
  const buckets = view.sessions.expiries();
  const now = view.wallMs();
  let text = `SessionTracker dump:\nSession Sets (${buckets.length})/(${view.sessions.size}):\n`;
  for (const { inMs, ids } of buckets) {
    text += `${ids.length} expire at ${new Date(now + inMs).toISOString()}:\n${ids.map((id) => `\t${hex(id)}\n`).join('')}`;
  }
  const owners = tree.sessionsWithEphemerals();
  text += `ephemeral nodes dump:\nSessions with Ephemerals (${owners.length}):\n`;
  for (const owner of owners) {
    text += `${hex(owner)}:\n`;
    for (const path of tree.ephemeralsOf(owner)) text += `\t${path}\n`;
  }
  return `${text}Connections dump:\n${connectionLines(view, true)}`;
}

function watchSummary(watches: WatchManager): string {
  return (
    `${watches.watcherCount} connections watching ${watches.pathCount} paths\n` + `Total watches:${watches.size}\n`
  );
}

function watchesByPath(watches: WatchManager): string {
  let text = '';
  for (const [path, watchers] of watches.paths()) {
    text += `${path}\n`;
    for (const { sessionId } of watchers) text += `\t${hex(sessionId)}\n`;
  }
  return text;
}

function watchesBySession(watches: WatchManager): string {
  let text = '';
  for (const [{ sessionId }, paths] of watches.watchers()) {
    text += `${hex(sessionId)}\n`;
    for (const path of paths) text += `\t${path}\n`;
  }
  return text;
}
