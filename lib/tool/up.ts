import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { homedir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { formatProperties } from '../../broker/src/config/properties';
import { brokerProgram, type Program } from './broker-program';
import { lockDirectory } from './directory-lock';
import { FreePorts } from './free-port';
import { kafkaClustersOf, type KafkaManifests } from './kafka-manifests';
import { listenersOf, localAddress, localProperties, localZooCfg, type Replacement } from './local-properties';
import { manifestFiles, readManifests } from './manifest';
import { ServerProcess } from './server-process';
import { isApp, outputOf, synthesize } from './synth';
import { messageOf, ToolError } from './tool-error';

export interface UpOptions {
  /** @default the first file of the app's output that has a Kafka cluster */
  readonly manifests?: string;
  /** @default a directory of this cluster under the user's cache */
  readonly dataDir?: string;
  /** Where the first listener is; 0: any free port. @default the listener's own port, or the next free one */
  readonly port?: number;
  /** Which cluster, where the manifests have several. */
  readonly cluster?: string;
}

/** How the tool talks, and is told to stop. */
export interface Surroundings {
  say(line: string): void;
  readonly stop: AbortSignal;
  /** Aborted when it is to stop at once. */
  readonly kill: AbortSignal;
}

const usualHttpPort = 9404;
const usualZooKeeperPort = 2181;
// A controlled shutdown flushes every log.
const brokerPatienceMs = 60_000;
const zookeeperPatienceMs = 10_000;
const slowStartMs = 10_000;

/**
 * Runs a cluster of the manifests on this machine until it is to stop.
 * @returns the exit code
 */
export async function up(options: UpOptions, surroundings: Surroundings): Promise<number> {
  const { say, stop } = surroundings;
  const program = brokerProgram();
  const app = process.cwd();
  if (isApp(app)) {
    say('Synthesizing the manifests …');
    const changed = synthesize(app);
    if (changed.length > 0) say(`Changed in ${outputOf(app)}: ${changed.join(', ')}`);
  }
  if (stop.aborted) return 0;

  const { file, kafka } = chooseCluster(app, options);
  const directory = resolve(options.dataDir ?? defaultDirectory(app, kafka));
  const release = useDirectory(directory);
  try {
    const local = await prepare(kafka, directory, options.port);
    const title = `${kafka.namespace}/${kafka.name} of ${relative(app, file)}`;
    for (const line of introduction(title, kafka, local)) say(line);
    return await runServers(program, local, surroundings);
  } finally {
    release();
  }
}

/** What a broker is started with. */
interface LocalBroker {
  /** Of its pod. */
  readonly name: string;
  readonly propertiesFile: string;
  readonly logFile: string;
  readonly httpAddress: string;
  /** By listener name; the first one is the bootstrap address. */
  readonly addresses: ReadonlyMap<string, string>;
}

/** What the servers are started with. */
interface LocalCluster {
  readonly directory: string;
  readonly zooCfgFile: string;
  /** Of the first broker; the others differ in their id, ports and directory. */
  readonly replacements: readonly Replacement[];
  readonly createsTopics: boolean;
  readonly brokers: readonly [LocalBroker, ...LocalBroker[]];
}

function useDirectory(directory: string): () => void {
  try {
    mkdirSync(directory, { recursive: true });
    return lockDirectory(directory);
  } catch (error) {
    if (error instanceof ToolError) throw error;
    throw new ToolError(`${directory} cannot be used: ${messageOf(error)}. Give another one with --data-dir.`);
  }
}

/** Chooses ports and writes the servers' files. */
async function prepare(kafka: KafkaManifests, directory: string, chosen: number | undefined): Promise<LocalCluster> {
  const free = new FreePorts(localAddress);
  const listeners = listenersOf(kafka.properties);
  const portsOf: Map<string, number>[] = [];
  for (let ordinal = 0; ordinal < kafka.replicas; ordinal++) {
    const ports = new Map<string, number>();
    for (const { listenerName, port } of listeners) {
      const isFirst = ports.size === 0;
      if (isFirst && chosen === 0) ports.set(listenerName, await free.exactly(0));
      else if (isFirst && chosen !== undefined && ordinal === 0) ports.set(listenerName, await free.exactly(chosen));
      else ports.set(listenerName, await free.from(isFirst && chosen !== undefined ? chosen : port));
    }
    portsOf.push(ports);
  }
  const zookeeperPort = await free.from(usualZooKeeperPort);
  const brokers: LocalBroker[] = [];
  let first: ReturnType<typeof localProperties> | undefined;
  for (const [ordinal, ports] of portsOf.entries()) {
    const name = `${kafka.name}-${ordinal}`;
    const local = localProperties(kafka, { directory: join(directory, name), zookeeperPort, ports }, ordinal);
    first ??= local;
    const propertiesFile = join(directory, `${name}.properties`);
    writeFileSync(propertiesFile, formatProperties(local.properties));
    brokers.push({
      name,
      propertiesFile,
      logFile: join(directory, `${name}.log`),
      httpAddress: `${localAddress}:${await free.from(usualHttpPort)}`,
      addresses: new Map([...ports].map(([listenerName, port]) => [listenerName, `${localAddress}:${port}`])),
    });
  }
  const [one, ...others] = brokers;
  if (one === undefined || first === undefined) {
    throw new ToolError(`StatefulSet ${kafka.namespace}/${kafka.name} has no replicas: there is nothing to run.`);
  }
  const zooCfg = localZooCfg(kafka.zookeeper, { zookeeperPort, directory: join(directory, 'zookeeper') });
  const zooCfgFile = join(directory, 'zoo.cfg');
  writeFileSync(zooCfgFile, formatProperties(zooCfg));
  return {
    directory,
    zooCfgFile,
    replacements: first.replacements,
    createsTopics: first.properties.get('auto.create.topics.enable') !== 'false',
    brokers: [one, ...others],
  };
}

function* introduction(title: string, kafka: KafkaManifests, local: LocalCluster): Generator<string> {
  yield `Cluster ${title}, on this machine. Data: ${local.directory}`;
  const { zookeeper } = kafka;
  const instead = 'one server of @odradek/broker';
  if (zookeeper === undefined) yield `  ZooKeeper, of other manifests -> ${instead}`;
  else yield `  ZooKeeper: ${zookeeper.title}, ${zookeeper.replicas} servers -> ${instead}`;
  const [first, ...others] = local.brokers;
  const whose = others.length === 0 ? '' : ` (${first.name}; the others have ids, ports and directories of their own)`;
  yield `server.properties of ${kafka.configTitle}, as it is but for${whose}:`;
  for (const { key, old, new: value } of local.replacements) {
    yield `  ${key}: ${old ?? '(not set)'} -> ${value ?? '(not set)'}`;
  }
}

/** Runs all servers until they are to stop. */
async function runServers(program: Program, local: LocalCluster, { say, stop, kill }: Surroundings): Promise<number> {
  const { directory, zooCfgFile } = local;
  const show = (name: string) => (line: string) => say(`${name}: ${line}`);
  const started: ServerProcess[] = [];
  const killAll = (): void => started.forEach((each) => each.kill());
  kill.addEventListener('abort', killAll);
  try {
    const zookeeperLog = join(directory, 'zookeeper.log');
    const zookeeper = new ServerProcess(program, ['zookeeper', zooCfgFile], zookeeperLog, show('zookeeper'));
    started.push(zookeeper);
    const brokers = local.brokers.map(({ name, propertiesFile, httpAddress, logFile }) => {
      // It waits for ZooKeeper, whatever the time, and ends when ZooKeeper could not start.
      const args = ['broker', propertiesFile, '--wait-for-zookeeper', '--http', httpAddress];
      const process = new ServerProcess(program, args, logFile, show(name));
      started.push(process);
      return { name, httpAddress, process };
    });
    const stopped = aborted(stop);
    const named = brokers.map(({ name, process }) => [`broker ${name}`, process] as const);
    const failed = Promise.race(
      [...named, ['ZooKeeper server', zookeeper] as const].map(async ([name, process]) => {
        const how = await process.ended;
        return { name, how, logFile: process.logFile, tail: process.tail() };
      }),
    );
    const slow = setTimeout(() => say(`Not ready yet; what they do is in the logs in ${directory}`), slowStartMs);
    const allReady = Promise.all(brokers.map(({ httpAddress, process }) => ready(httpAddress, process)));
    const first = await Promise.race([allReady, failed, stopped]);
    clearTimeout(slow);
    if (Array.isArray(first)) for (const line of readyLines(local)) say(line);
    const end = Array.isArray(first) ? await Promise.race([failed, stopped]) : first;
    if (end !== undefined) {
      if (stop.aborted) return 0;
      throw new ToolError(`The ${end.name} ended (${end.how}). The end of ${end.logFile}:\n${end.tail}`);
    }
    say('Stopping …');
    for (const each of started) each.isQuiet = true;
    // One after the other: each hands its leaderships over to those that are left.
    for (const { process } of brokers) await process.stop(brokerPatienceMs);
    await zookeeper.stop(zookeeperPatienceMs);
    say(`Stopped. The data are in ${directory}`);
    return 0;
  } finally {
    kill.removeEventListener('abort', killAll);
    // What is left after a failure: the brokers first.
    for (const each of started) each.isQuiet = true;
    const [zookeeper, ...brokers] = started;
    await Promise.all(brokers.map((each) => endOf(each)));
    if (zookeeper) await endOf(zookeeper);
  }
}

async function endOf(server: ServerProcess): Promise<void> {
  if (!server.hasEnded) await server.stop(zookeeperPatienceMs);
}

function* readyLines({ directory, brokers, createsTopics }: LocalCluster): Generator<string> {
  const [listener, ...others] = brokers[0].addresses.keys();
  const addressesOf = (name: string): string => brokers.map(({ addresses }) => addresses.get(name)).join(',');
  yield* invitation(addressesOf(listener!), createsTopics);
  for (const name of others) yield `Listener ${name}: ${addressesOf(name)}`;
  yield `Metrics: ${brokers.map(({ httpAddress }) => `http://${httpAddress}/metrics`).join(' ')}`;
  yield `Logs: ${join(directory, '*.log')}`;
  yield 'Ctrl-C stops it; the data stay.';
}

function chooseCluster(app: string, options: UpOptions): { readonly file: string; readonly kafka: KafkaManifests } {
  const output = isApp(app) ? outputOf(app) : 'dist';
  if (options.manifests === undefined && !isApp(app)) {
    throw new ToolError(`There is no cdk8s.yaml in ${app}: go to the directory of the app, or give --manifests FILE.`);
  }
  const files =
    options.manifests === undefined
      ? manifestFiles(join(app, output)).map((name) => join(app, output, name))
      : [resolve(options.manifests)];
  const found = files.flatMap((file) => kafkaClustersOf(readManifests(file)).map((kafka) => ({ file, kafka })));
  const { cluster } = options;
  const matching = found.filter(
    ({ kafka: { name, namespace } }) => cluster === undefined || cluster === name || cluster === `${namespace}/${name}`,
  );
  const names = found.map(({ kafka: { name, namespace } }) => `${namespace}/${name}`).join(', ');
  const where = options.manifests ?? `the manifests in ${output}`;
  const [chosen] = matching;
  if (chosen === undefined) {
    throw new ToolError(
      found.length === 0
        ? `${where}: no Kafka cluster: a StatefulSet that mounts a ConfigMap with server.properties is looked for.`
        : `${where}: no cluster ${cluster}; there are ${names}.`,
    );
  }
  // Of several files the first one is a choice that a user can see; of one file it would be a guess.
  if (matching.some((each) => each !== chosen && each.file === chosen.file)) {
    throw new ToolError(`${where}: several clusters, ${names}: choose one with --cluster.`);
  }
  return chosen;
}

/** One directory a cluster of an app, where a user's other caches are. */
function defaultDirectory(app: string, { namespace, name }: KafkaManifests): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const checkout = createHash('sha256').update(app).digest('hex').slice(0, 8);
  return join(cache, 'odradek', `${namespace}-${name}-${checkout}`);
}

/** The addresses, and three commands that work as they are printed, in this order and again. */
export function invitation(bootstrap: string, createsTopics: boolean): string[] {
  const server = `--bootstrap-server ${bootstrap.split(',')[0]}`;
  return [
    '',
    `Kafka answers at ${bootstrap}`,
    '',
    'Try, in another terminal here:',
    ...(createsTopics ? [] : [`  npx odradek topics ${server} --create --if-not-exists --topic greetings`]),
    `  printf 'one\\ntwo\\nthree\\n' | npx odradek produce ${server} --topic greetings`,
    ...(createsTopics ? [`  npx odradek topics ${server} --list`] : []),
    `  npx odradek consume ${server} --topic greetings --from-beginning --max-messages 3`,
    '',
  ];
}

function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true }));
}

/** Resolves when the broker says that it is ready; never when it has ended before. */
function ready(address: string, broker: ServerProcess): Promise<true> {
  return new Promise((resolve) => {
    const again = (): void => {
      if (!broker.hasEnded) setTimeout(ask, 25);
    };
    const ask = (): void => {
      const request = http.get(`http://${address}/ready`, { timeout: 2000 }, (response) => {
        response.resume();
        if (response.statusCode === 200) resolve(true);
        else again();
      });
      request.on('timeout', () => request.destroy(new Error('no answer')));
      request.on('error', again);
    };
    ask();
  });
}
