import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { output, root, run, Running, temporaryDirectory, type Finished } from './harness';

/** Containers need namespaces with mounts of their own: root has them on a machine, not in every container. */
function whyImpossible(): string | undefined {
  const script =
    'mount -t tmpfs tmpfs /tmp && mount --bind /tmp /mnt && mount -o remount,bind,ro /mnt && chroot / true';
  const options = ['--mount', '--uts', '--pid', '--net', '--fork', '--propagation', 'private'];
  const { status, stderr, error } = spawnSync('unshare', [...options, 'bash', '-ec', script], { encoding: 'utf8' });
  return status === 0 ? undefined : (error?.message ?? stderr.trim());
}

const impossible = whyImpossible();
if (impossible !== undefined) console.warn(`the image is not tried: this machine has no namespaces: ${impossible}`);
const image = 'localhost/odradek-test:latest';
const scripts = path.join(root, 'test/image');

interface ImageConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Cmd: readonly string[];
  readonly WorkingDir: string;
  readonly StopSignal: string;
  readonly Healthcheck: { readonly Test: readonly string[] };
  readonly ExposedPorts: Readonly<Record<string, unknown>>;
}

function buildah(...args: readonly string[]): string {
  return execFileSync('buildah', args, { encoding: 'utf8' }).trim();
}

describe.skipIf(impossible !== undefined)('the image', () => {
  const directory = temporaryDirectory();
  const hosts = path.join(directory.path, 'hosts');
  let config: ImageConfig;
  let container = '';
  let rootfs = '';
  /** Holds a network of the containers alone, in which their ports are free. */
  let network: Running;

  beforeAll(async () => {
    for (const command of ['buildah', 'debootstrap', 'ip', 'nsenter', 'kcat']) {
      // Run without arguments, some fail; what matters is that they are there.
      const { error } = spawnSync(command, ['--version']);
      if (error) throw new Error(`${command} is needed to build and try the image: ${error.message}`);
    }
    await output(path.join(scripts, 'build'), [image], { timeoutMs: 580_000 });
    const inspected = JSON.parse(buildah('inspect', '--type', 'image', image)) as { Docker: { config: ImageConfig } };
    config = inspected.Docker.config;
    container = buildah('from', '--pull-never', image);
    rootfs = buildah('mount', container);
    writeFileSync(hosts, '127.0.0.1 localhost broker zookeeper\n');
    network = new Running('unshare', ['--net', 'bash', '-c', 'ip link set lo up && echo up && exec sleep infinity']);
    await network.printed(/^up$/m);
  }, 600_000);

  afterAll(async () => {
    await network?.stop('SIGKILL');
    if (container !== '') buildah('rm', container);
    if (config !== undefined) buildah('rmi', image);
    directory[Symbol.dispose]();
  });

  /** In the containers' network: what the user does on the host. */
  function inNetwork(command: string, ...args: readonly string[]): readonly [string, readonly string[]] {
    return ['nsenter', [`--net=/proc/${network.pid}/ns/net`, command, ...args]];
  }

  function dataOf(name: string): string {
    const data = path.join(directory.path, name);
    mkdirSync(data, { recursive: true });
    return data;
  }

  function environment(added: readonly string[]): readonly string[] {
    return ['-i', ...config.Env, ...added];
  }

  function containerCommand(name: string, added: readonly string[], command: readonly string[]) {
    // The machine's PATH for the script, the image's for what it runs.
    return inNetwork(
      path.join(scripts, 'run'),
      rootfs,
      dataOf(name),
      name,
      hosts,
      '/usr/bin/env',
      ...environment(added),
      ...command,
    );
  }

  function start(name: string, added: readonly string[] = [], command = config.Cmd): Running {
    return new Running(...containerCommand(name, added, command));
  }

  /** A command in a container of its own, on the data of another one. */
  function inside(name: string, ...command: readonly string[]): Promise<Finished> {
    return run(...containerCommand(name, [], command));
  }

  function firstProcess({ pid }: Running): string {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  }

  /** SIGTERM to the container's first process, as `docker stop` sends it. */
  async function stop(running: Running): Promise<number | null> {
    process.kill(Number(firstProcess(running)), 'SIGTERM');
    return running.stop('SIGCONT');
  }

  /** A command in a container that runs, as `docker exec` runs it. */
  function exec(running: Running, ...command: readonly string[]): Promise<Finished> {
    const namespaces = ['--mount', '--uts', '--pid', '--net', '--root', '--setuid=1000', '--setgid=1000'];
    const entered = [`--target=${firstProcess(running)}`, ...namespaces];
    return run('nsenter', [...entered, '/usr/bin/env', ...environment([]), ...command]);
  }

  async function kcat(input: string, ...args: readonly string[]): Promise<string> {
    return output(...inNetwork('kcat', '-b', 'localhost:9092', ...args), { input });
  }

  it('says how it is run', () => {
    expect(config).toMatchObject({ User: '1000:1000', Cmd: ['odradek', 'container'], StopSignal: 'SIGTERM' });
    expect(config.Healthcheck.Test).toEqual(['CMD', 'odradek', 'health']);
    expect(Object.keys(config.ExposedPorts).sort()).toEqual(['2181/tcp', '9092/tcp', '9404/tcp']);
  });

  it('has bash and the commands on the PATH', async () => {
    const names = [
      'odradek',
      'kafka-topics',
      'kafka-topics.sh',
      'kafka-console-producer',
      'kafka-console-consumer.sh',
      'kafka-consumer-groups',
      'kafka-configs',
      'zookeeper-shell',
      'zkCli.sh',
    ];
    const { stdout } = await inside(
      'look',
      'bash',
      '-c',
      `for name in ${names.join(' ')}; do type -P $name >/dev/null || echo $name is missing; done; id -u; touch /app/x 2>&1`,
    );
    expect(stdout).toMatch(/^1000\ntouch: .*Read-only file system\n$/);
  });

  it('runs a broker with a ZooKeeper of its own; a client finds it at localhost:9092', async () => {
    const broker = start('alone');
    await broker.printed(/serves clients/);
    expect((await inside('alone', ...config.Healthcheck.Test.slice(1))).status).toBe(0);
    await kcat('one\ntwo\n', '-P', '-t', 'kept');
    expect(await kcat('', '-C', '-t', 'kept', '-e', '-q')).toBe('one\ntwo\n');
    expect(await kcat('', '-L')).toContain('broker 0 at localhost:9092 (controller)');
    expect(await stop(broker)).toBe(0);

    const again = start('alone');
    await again.printed(/serves clients/);
    expect(await kcat('', '-C', '-t', 'kept', '-e', '-q')).toBe('one\ntwo\n');
    expect(await exec(again, 'kafka-server-stop')).toMatchObject({ status: 0 });
    // Nothing is sent to it but by the command; the signal is without effect.
    expect(await again.stop('SIGCONT')).toBe(0);
    expect((await inside('alone', ...config.Healthcheck.Test.slice(1))).status).toBe(1);
  });

  it('runs a broker on the ZooKeeper of another container', async () => {
    const zookeeper = start(
      'zookeeper',
      [],
      ['odradek', 'zookeeper', '--port', '2181', '--host', '0.0.0.0', '--data-dir', '/var/lib/odradek/zookeeper'],
    );
    const single = [
      'OFFSETS_TOPIC_REPLICATION_FACTOR',
      'TRANSACTION_STATE_LOG_REPLICATION_FACTOR',
      'TRANSACTION_STATE_LOG_MIN_ISR',
    ];
    const broker = start('broker', [
      'KAFKA_ZOOKEEPER_CONNECT=zookeeper:2181',
      'KAFKA_BROKER_ID=7',
      ...single.map((key) => `KAFKA_${key}=1`),
    ]);
    await broker.printed(/serves clients/);
    const topics = (...args: readonly string[]) =>
      inside('client', 'kafka-topics', '--bootstrap-server', 'broker:9092', ...args);
    expect(await topics('--create', '--topic', 'linked')).toMatchObject({ status: 0 });
    expect((await topics('--list')).stdout).toBe('linked\n');
    expect((await topics('--describe', '--topic', 'linked')).stdout).toContain('Leader: 7');
    expect(await stop(broker)).toBe(0);
    expect(await stop(zookeeper)).toBe(0);
  });
});
