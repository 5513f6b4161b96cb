import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { devDependencies } from '../../package.json';
import { output, root, temporaryDirectory } from './harness';

const directory = temporaryDirectory();
const project = path.join(directory.path, 'project');

afterAll(() => directory[Symbol.dispose]());

describe('the packages, as npm packs them', () => {
  beforeAll(async () => {
    await output(process.execPath, ['scripts/prepare.js', 'build'], { cwd: root, timeoutMs: 180_000 });
    const workspaces = ['--include-workspace-root', '--workspace', '@odradek/broker'];
    const packed = execFileSync('npm', ['pack', '--json', ...workspaces, '--pack-destination', directory.path], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const tarballs = (JSON.parse(packed) as { readonly filename: string }[]).map(({ filename }) => `../${filename}`);
    expect(tarballs).toHaveLength(2);
    mkdirSync(project);
    writeFileSync(path.join(project, 'package.json'), '{"name":"project","private":true}');
    const peers = (['cdk8s', 'cdk8s-plus-27', 'constructs'] as const).map((name) => `${name}@${devDependencies[name]}`);
    const install = ['install', '--no-audit', '--no-fund', '--loglevel=error', ...tarballs, ...peers];
    await output('npm', install, { cwd: project, timeoutMs: 300_000 });
  });

  function evaluate(code: string): Promise<string> {
    return output(process.execPath, ['-e', code], { cwd: project });
  }

  it('give the constructs', async () => {
    const code = `
      const { App, Chart } = require('cdk8s');
      const { BrokerImage, KafkaCluster, Storage, ZooKeeperRef } = require('odradek');
      const { Size } = require('cdk8s');
      const app = new App();
      new KafkaCluster(new Chart(app, 'chart'), 'kafka', {
        image: BrokerImage.odradek({ repository: 'registry.example/odradek', tag: '1' }),
        zookeeper: ZooKeeperRef.at('zookeeper:2181'),
        storage: Storage.ephemeral({ size: Size.gibibytes(1) }),
      });
      process.stdout.write(app.synthYaml());`;
    expect(await evaluate(code)).toContain('zookeeper.connect=zookeeper:2181');
  });

  it('start a cluster in code', async () => {
    const code = `
      const { startCluster } = require('@odradek/broker/testing');
      startCluster().then(async (cluster) => {
        console.log(cluster.bootstrapServers);
        await cluster.close();
      });`;
    expect(await evaluate(code)).toMatch(/^127\.0\.0\.1:\d+\n$/);
  });

  it('have their commands linked', async () => {
    const call = (command: string, ...args: readonly string[]) =>
      output('npx', ['--no-install', command, ...args], {
        cwd: project,
        env: { PATH: `${path.dirname(process.execPath)}:${process.env.PATH}` },
      });
    expect(await call('odradek-manifests', '--help')).toContain('Usage: odradek-manifests');
    expect(await call('odradek', '--help')).toContain('Usage: odradek');
    expect(await call('kafka-topics', '--help')).toContain('--bootstrap-server');
  });
});
