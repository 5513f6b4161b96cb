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

/** What the servers are started with. */
interface LocalCluster {
  readonly directory: string;
  readonly propertiesFile: string;
  readonly zooCfgFile: string;
  readonly replacements: readonly Replacement[];
  readonly createsTopics: boolean;
  readonly httpAddress: string;
  /** The first one is the bootstrap address. */
  readonly listeners: readonly { readonly name: string; readonly address: string }[];
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
  const ports = new Map<string, number>();
  for (const { listenerName, port } of listenersOf(kafka.properties)) {
    const isChosen = ports.size === 0 && chosen !== undefined;
    ports.set(listenerName, await (isChosen ? free.exactly(chosen) : free.from(port)));
  }
  const zookeeperPort = await free.from(usualZooKeeperPort);
  const places = { directory: join(directory, `${kafka.name}-0`), zookeeperPort, ports };
  const { properties, replacements } = localProperties(kafka, places);
  const zooCfg = localZooCfg(kafka.zookeeper, { zookeeperPort, directory: join(directory, 'zookeeper') });
  const propertiesFile = join(directory, 'server.properties');
  const zooCfgFile = join(directory, 'zoo.cfg');
  writeFileSync(propertiesFile, formatProperties(properties));
  writeFileSync(zooCfgFile, formatProperties(zooCfg));
  return {
    directory,
    propertiesFile,
    zooCfgFile,
    replacements,
    createsTopics: properties.get('auto.create.topics.enable') !== 'false',
    httpAddress: `${localAddress}:${await free.from(usualHttpPort)}`,
    listeners: [...ports].map(([name, port]) => ({ name, address: `${localAddress}:${port}` })),
  };
}

function* introduction(title: string, kafka: KafkaManifests, local: LocalCluster): Generator<string> {
  yield `Cluster ${title}, on this machine. Data: ${local.directory}`;
  if (kafka.replicas > 1) yield `  brokers: ${kafka.replicas} -> 1, as long as this broker does not replicate`;
  const { zookeeper } = kafka;
  const instead = 'one server of @odradek/broker';
  if (zookeeper === undefined) yield `  ZooKeeper, of other manifests -> ${instead}`;
  else yield `  ZooKeeper: ${zookeeper.title}, ${zookeeper.replicas} servers -> ${instead}`;
  yield `server.properties of ${kafka.configTitle}, as it is but for:`;
  for (const { key, old, new: value } of local.replacements) {
    yield `  ${key}: ${old ?? '(not set)'} -> ${value ?? '(not set)'}`;
  }
}

/** Runs both servers until they are to stop. */
async function runServers(program: Program, local: LocalCluster, { say, stop, kill }: Surroundings): Promise<number> {
  const { directory, propertiesFile, zooCfgFile, httpAddress, listeners } = local;
  const show = (name: string) => (line: string) => say(`${name}: ${line}`);
  const started: ServerProcess[] = [];
  const killAll = (): void => started.forEach((each) => each.kill());
  kill.addEventListener('abort', killAll);
  try {
    const zookeeperProcess = new ServerProcess(
      program,
      ['zookeeper', zooCfgFile],
      join(directory, 'zookeeper.log'),
      show('zookeeper'),
    );
    started.push(zookeeperProcess);
    // The broker waits for it, whatever the time, and ends when ZooKeeper could not start.
    const broker = new ServerProcess(
      program,
      ['broker', propertiesFile, '--wait-for-zookeeper', '--http', httpAddress],
      join(directory, 'broker.log'),
      show('broker'),
    );
    started.push(broker);
    const stopped = aborted(stop);
    const failed = Promise.race(
      [broker, zookeeperProcess].map(async (each) => {
        const how = await each.ended;
        return { name: each === broker ? 'broker' : 'ZooKeeper server', how, logFile: each.logFile, tail: each.tail() };
      }),
    );
    const slow = setTimeout(() => say(`Not ready yet; what it does is in ${broker.logFile}`), slowStartMs);
    const first = await Promise.race([ready(httpAddress, broker), failed, stopped]);
    clearTimeout(slow);
    if (first === true) {
      const [bootstrap, ...others] = listeners;
      for (const line of invitation(bootstrap!.address, local.createsTopics)) say(line);
      for (const { name, address } of others) say(`Listener ${name}: ${address}`);
      say(`Metrics: http://${httpAddress}/metrics   Log: ${broker.logFile}`);
      say('Ctrl-C stops it; the data stay.');
    }
    const end = first === true ? await Promise.race([failed, stopped]) : first;
    if (typeof end === 'object') {
      if (stop.aborted) return 0;
      throw new ToolError(`The ${end.name} ended (${end.how}). The end of ${end.logFile}:\n${end.tail}`);
    }
    say('Stopping …');
    await broker.stop(brokerPatienceMs);
    await zookeeperProcess.stop(zookeeperPatienceMs);
    say(`Stopped. The data are in ${directory}`);
    return 0;
  } finally {
    kill.removeEventListener('abort', killAll);
    // What is left after a failure: the broker first.
    for (const each of started.reverse()) if (!each.hasEnded) await each.stop(zookeeperPatienceMs);
  }
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

/** The address, and three commands that work as they are printed, in this order and again. */
export function invitation(bootstrap: string, createsTopics: boolean): string[] {
  const server = `--bootstrap-server ${bootstrap}`;
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
