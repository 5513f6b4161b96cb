import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { homedir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { formatProperties } from '../../broker/src/config/properties';
import { brokerProgram } from './broker-program';
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

const httpPort = 9404;
const zookeeperPort = 2181;
// A controlled shutdown flushes every log.
const brokerPatienceMs = 60_000;
const zookeeperPatienceMs = 10_000;
const slowStartMs = 10_000;

/**
 * Runs a cluster of the manifests on this machine until it is to stop.
 * @returns the exit code
 */
export async function up(options: UpOptions, surroundings: Surroundings): Promise<number> {
  const { say, stop, kill } = surroundings;
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
  const brokerName = `${kafka.name}-0`;
  const ports = new FreePorts(localAddress);
  const listeners = listenersOf(kafka.properties);
  const listenerPorts = new Map<string, number>();
  for (const [index, { listenerName, port }] of listeners.entries()) {
    const isChosen = index === 0 && options.port !== undefined;
    listenerPorts.set(listenerName, await (isChosen ? ports.exactly(options.port) : ports.from(port)));
  }
  const places = {
    directory: join(directory, brokerName),
    zookeeperPort: await ports.from(zookeeperPort),
    ports: listenerPorts,
  };
  const httpAddress = `${localAddress}:${await ports.from(httpPort)}`;
  const { properties, replacements } = localProperties(kafka, places);
  const zooCfg = localZooCfg(kafka.zookeeper, { ...places, directory: join(directory, 'zookeeper') });
  const propertiesFile = join(directory, 'server.properties');
  const zooCfgFile = join(directory, 'zoo.cfg');
  try {
    mkdirSync(directory, { recursive: true });
    writeFileSync(propertiesFile, formatProperties(properties));
    writeFileSync(zooCfgFile, formatProperties(zooCfg));
  } catch (error) {
    throw new ToolError(`${directory} cannot be written: ${messageOf(error)}. Give another one with --data-dir.`);
  }

  say(
    `Cluster ${kafka.namespace}/${kafka.name} of ${relative(app, file) || file}, on this machine. Data: ${directory}`,
  );
  if (kafka.replicas > 1) say(`  brokers: ${kafka.replicas} -> 1, as long as this broker does not replicate`);
  const { zookeeper } = kafka;
  say(
    `  ZooKeeper: ${zookeeper === undefined ? kafka.properties.get('zookeeper.connect') : `${zookeeper.title}, ${zookeeper.replicas} servers`} -> one server of @odradek/broker`,
  );
  say(`server.properties of ${kafka.configTitle}, as it is but for:`);
  for (const replacement of replacements) say(`  ${formatReplacement(replacement)}`);

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
      const bootstrap = `${localAddress}:${listenerPorts.get(listeners[0]!.listenerName)}`;
      const createsTopics = properties.get('auto.create.topics.enable') !== 'false';
      for (const line of invitation(bootstrap, createsTopics)) say(line);
      for (const { listenerName } of listeners.slice(1)) {
        say(`Listener ${listenerName}: ${localAddress}:${listenerPorts.get(listenerName)}`);
      }
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

export function formatReplacement({ key, old, new: value }: Replacement): string {
  return `${key}: ${old ?? '(not set)'} -> ${value ?? '(not set)'}`;
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
