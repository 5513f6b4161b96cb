import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { nodeIo } from '../../broker/src/io/node';
import { silentLogger } from '../../broker/src/logging/logger';
import { startCluster } from '../../broker/src/testing';
import { ZooKeeperServer } from '../../broker/src/zookeeper/server/zookeeper-server';
import { freePort, startApacheBroker, writeProperties, type Finished, type Properties } from './harness';
import type { ApacheTools } from './tool-runner';

/** A broker of either kind, alone in its cluster, on an embedded ZooKeeper of its own. */
export interface Peer extends AsyncDisposable {
  readonly bootstrap: string;
  readonly zookeeper: string;
  readonly logDir: string;
}

/** Our broker and Apache Kafka 3.9, both broker 0 and with the same keys. */
export interface Peers extends AsyncDisposable {
  readonly ours: Peer;
  readonly apache: Peer;
  /** For files that tools read. */
  readonly directory: string;
}

const common: Properties = {
  'broker.id': '0',
  'offsets.topic.replication.factor': '1',
  'offsets.topic.num.partitions': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'transaction.state.log.num.partitions': '1',
  'group.initial.rebalance.delay.ms': '0',
  'log.segment.delete.delay.ms': '60000',
};

export async function startPeers(directory: string, properties: Properties = {}): Promise<Peers> {
  const all = { ...common, ...properties };
  const [ours, apache] = await Promise.all([startOurs(directory, all), startApache(directory, all)]);
  return {
    ours,
    apache,
    directory,
    async [Symbol.asyncDispose]() {
      await ours[Symbol.asyncDispose]();
      await apache[Symbol.asyncDispose]();
    },
  };
}

async function startOurs(directory: string, properties: Properties): Promise<Peer> {
  const logDir = path.join(directory, 'ours');
  const cluster = await startCluster({ config: { ...properties, 'log.dirs': logDir } });
  return {
    bootstrap: cluster.bootstrapServers,
    zookeeper: cluster.zookeeperConnect,
    logDir,
    [Symbol.asyncDispose]: () => cluster.close(),
  };
}

async function startApache(directory: string, properties: Properties): Promise<Peer> {
  const zookeeper = await ZooKeeperServer.start(nodeIo(), silentLogger);
  const zookeeperConnect = `127.0.0.1:${zookeeper.port}`;
  const logDir = path.join(directory, 'apache');
  mkdirSync(logDir);
  const bootstrap = `127.0.0.1:${await freePort()}`;
  const file = path.join(directory, 'apache.properties');
  writeProperties(file, {
    ...properties,
    listeners: `PLAINTEXT://${bootstrap}`,
    'log.dirs': logDir,
    'zookeeper.connect': zookeeperConnect,
  });
  const broker = await startApacheBroker(file);
  return {
    bootstrap,
    zookeeper: zookeeperConnect,
    logDir,
    async [Symbol.asyncDispose]() {
      await broker.stop('SIGKILL');
      await zookeeper.close();
    },
  };
}

/** A command that both brokers are given. */
export interface Step {
  readonly tool: string;
  /** BOOTSTRAP and ZOOKEEPER stand for the peer's; where neither is there, --bootstrap-server BOOTSTRAP is added. */
  readonly args: readonly string[];
  readonly input?: string;
  /** Becomes a file, whose path is added to the arguments. */
  readonly file?: string;
  /** The order of lines is not compared. */
  readonly unordered?: boolean;
  /** What exceptions say is ours to word: only their classes are compared. */
  readonly words?: boolean;
  /** Why the answers differ, and what ours holds. */
  readonly differs?: { readonly why: string; readonly ours: RegExp };
  /** Standard output has to hold it: what the command is there for. */
  readonly prints?: RegExp;
}

/** A command as one types it; an argument that holds blanks goes to `args`. */
export function command(line: string, rest: Omit<Partial<Step>, 'tool'> = {}): Step {
  const [tool, ...args] = line.split(' ');
  return { tool, ...rest, args: [...args, ...(rest.args ?? [])] };
}

/** Gives the commands to our broker and to Apache's, and compares exit status, output and errors. Says what came of it. */
export async function compare(tools: ApacheTools, peers: Peers, title: string, steps: readonly Step[]): Promise<void> {
  const given = [peers.ours, peers.apache].map(async (peer) => {
    const answers: Finished[] = [];
    for (const step of steps) answers.push(await give(tools, peer, step));
    return answers;
  });
  const [ours, apache] = await Promise.all(given);
  const wrong: string[] = [];
  const differing: string[] = [];
  steps.forEach((step, at) => {
    const name = `${step.tool} ${step.args.join(' ')}`;
    const own = normalized(ours[at], peers.ours, peers, step);
    const other = normalized(apache[at], peers.apache, peers, step);
    if (step.prints && !step.prints.test(ours[at].stdout)) wrong.push(`${name}\n${step.prints} is not in\n${own}`);
    if (!step.differs) {
      if (own !== other) wrong.push(`${name}\n--- ours\n${own}\n--- Apache's\n${other}`);
    } else if (own === other) wrong.push(`${name}\nthe answers do not differ any more\n${own}`);
    else if (!step.differs.ours.test(own)) wrong.push(`${name}\n${step.differs.ours} is not in\n${own}`);
    else differing.push(`${name}: ${step.differs.why}`);
  });
  const same = steps.length - differing.length - wrong.length;
  console.log(
    [
      `${title}, tools of ${tools.version}: ${steps.length} commands, ${same} answered as by Apache Kafka 3.9`,
      ...differing.map((line) => `  differs: ${line}`),
    ].join('\n'),
  );
  expect(wrong.join('\n\n')).toBe('');
}

function give(tools: ApacheTools, peer: Peer, step: Step): Promise<Finished> {
  const args = step.args.map((arg) => arg.replace('BOOTSTRAP', peer.bootstrap).replace('ZOOKEEPER', peer.zookeeper));
  if (step.file !== undefined) {
    const file = `${peer.logDir}.json`;
    writeFileSync(file, step.file);
    args.push(file);
  }
  const told = step.args.some((arg) => arg === 'BOOTSTRAP' || arg === 'ZOOKEEPER');
  return tools.call(step.tool, told ? args : [...args, '--bootstrap-server', peer.bootstrap], { input: step.input });
}

// Lines that tell of the tool's own state, or of how long a topic takes until it has a leader.
const noise = [
  /LEADER_NOT_AVAILABLE/,
  /^\s+at /,
  /^Caused by: /,
  /AppInfo|InstanceAlreadyExists/,
  /^\s*\.\.\. \d+ more/,
];

function normalized({ status, stdout, stderr }: Finished, peer: Peer, peers: Peers, step: Step): string {
  const clean = (text: string): string => {
    const lines = text
      .replaceAll(peer.bootstrap, 'BOOTSTRAP')
      .replaceAll(peer.zookeeper, 'ZOOKEEPER')
      .replaceAll(peer.logDir, 'LOGDIR')
      .replaceAll(peers.directory, 'DIRECTORY')
      .split('\n')
      .filter((line) => line !== '' && !noise.some((pattern) => pattern.test(line)))
      .map((line) =>
        line
          .replace(/^\[\d{4}-[^\]]*\] /, '')
          .replace(/(TopicId: )\S{22}/, '$1ID')
          .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, 'UUID')
          .replace(/(adminclient|producer|consumer)-\d+/g, '$1-N')
          .replace(/\b1[6-9]\d{11}\b/g, 'TIME')
          // How long a transaction has been there.
          .replace(/(\bTIME\s+)\d{4,}\b */, '$1DURATION')
          .replace(/("avg_throughput":)[\d.]+/, '$1N')
          .replace(step.words ? /(Exception: ).*/ : /$^/, '$1')
          .replace(/ +$/, ''),
      );
    return (step.unordered ? lines.sort() : lines).join('\n');
  };
  return `${status}\n${clean(stdout)}\n${clean(stderr)}`;
}
