import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { parse } from 'yaml';
import { manifestFiles, textAt, type Value } from './manifest';
import { messageOf, ToolError } from './tool-error';

/** Whether a directory is that of a cdk8s app. */
export function isApp(directory: string): boolean {
  return existsSync(join(directory, 'cdk8s.yaml'));
}

/** Where the app's manifests are kept, from the app's directory. */
export function outputOf(app: string): string {
  let settings: Value;
  try {
    settings = parse(readFileSync(join(app, 'cdk8s.yaml'), 'utf8')) as Value;
  } catch (error) {
    throw new ToolError(`${join(app, 'cdk8s.yaml')}: ${messageOf(error)}`);
  }
  return textAt(settings, 'output') ?? 'dist';
}

function cdk8s(app: string): string {
  try {
    return join(dirname(createRequire(join(app, 'package.json')).resolve('cdk8s-cli/package.json')), 'bin', 'cdk8s');
  } catch {
    throw new ToolError(`cdk8s-cli is not installed in ${app}. Run: npm install --save-dev cdk8s-cli`);
  }
}

/**
 * Synthesizes the app into a new directory, which is gone after `use` has returned. The app's own output is not touched.
 * @throws ToolError with what cdk8s printed, when it fails
 */
export function withSynthesized<T>(app: string, use: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-synth-'));
  try {
    const bin = join(app, 'node_modules', '.bin');
    const result = spawnSync(process.execPath, [cdk8s(app), 'synth', '--output', directory], {
      cwd: app,
      encoding: 'utf8',
      env: {
        ...process.env,
        CDK8S_CHECK_UPGRADE: 'false',
        PATH: [bin, process.env.PATH].filter((part) => part !== undefined).join(delimiter),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (result.error) throw new ToolError(`cdk8s synth cannot be run: ${result.error.message}`);
    if (result.status !== 0) {
      throw new ToolError(`cdk8s synth failed (exit ${result.status}):\n${result.stdout}${result.stderr}`.trimEnd());
    }
    // The constructs' warnings; npx has its own, about npm's settings.
    process.stderr.write(result.stderr.replace(/^npm .*\n/gm, ''));
    return use(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * Synthesizes the app into its own output, of which only what differs is written.
 * @returns the names of the files that were written or removed
 */
export function synthesize(app: string): string[] {
  const output = join(app, outputOf(app));
  return withSynthesized(app, (directory) => {
    mkdirSync(output, { recursive: true });
    const names = manifestFiles(directory);
    const changed = names.filter((name) => {
      const text = readFileSync(join(directory, name), 'utf8');
      const file = join(output, name);
      if (existsSync(file) && readFileSync(file, 'utf8') === text) return false;
      writeFileSync(file, text);
      return true;
    });
    const gone = manifestFiles(output).filter((name) => !names.includes(name));
    for (const name of gone) rmSync(join(output, name));
    return [...changed, ...gone];
  });
}
