#!/usr/bin/env node
'use strict';
// Makes a checkout runnable: installs what the lockfile names and compiles what is newer than its output.
// Built-in modules only: it runs before anything is installed, on any Node from 20 on.
//   node scripts/prepare.js [install] [build]      both by default; does nothing when nothing is missing
const { spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

const root = path.resolve(__dirname, '..');
const steps = process.argv.length > 2 ? process.argv.slice(2) : ['install', 'build'];

function run(what, command, args) {
  const started = Date.now();
  process.stderr.write(`odradek: ${what} …\n`);
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (result.error || result.status !== 0) {
    process.stderr.write(
      `odradek: ${what} failed: ${command} ${args.join(' ')} (${result.error?.message ?? `exit ${result.status}`})\n`,
    );
    process.exit(1);
  }
  process.stderr.write(`odradek: ${what} took ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
}

function install() {
  const lock = createHash('sha256')
    .update(fs.readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex');
  const stamp = path.join(root, 'node_modules', '.odradek-installed');
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === lock) return;
  run('installing the packages of package-lock.json (npm ci)', 'npm', [
    'ci',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ]);
  fs.writeFileSync(stamp, lock);
}

function newest(directory) {
  let time = 0;
  for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory()) time = Math.max(time, newest(file));
    else time = Math.max(time, fs.statSync(file).mtimeMs);
  }
  return time;
}

function build() {
  const outputs = [
    { sources: ['broker/src'], config: 'broker/tsconfig.build.json', output: 'broker/build' },
    { sources: ['lib', 'broker/src/config'], config: 'tsconfig.build.json', output: 'build' },
  ];
  for (const { sources, config, output } of outputs) {
    const stamp = path.join(root, output, '.odradek-built');
    const changed = Math.max(
      ...sources.map((source) => newest(path.join(root, source))),
      fs.statSync(path.join(root, config)).mtimeMs,
      fs.statSync(path.join(root, 'tsconfig.base.json')).mtimeMs,
    );
    if (fs.existsSync(stamp) && fs.statSync(stamp).mtimeMs >= changed) continue;
    // Beside the old output, which stays usable until the new one is whole.
    const fresh = path.join(root, `${output}.new`);
    fs.rmSync(fresh, { recursive: true, force: true });
    const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    run(`compiling ${sources[0]}/ to ${output}/`, process.execPath, [tsc, '-p', config, '--outDir', fresh]);
    fs.rmSync(path.join(root, output), { recursive: true, force: true });
    fs.renameSync(fresh, path.join(root, output));
    fs.writeFileSync(stamp, '');
    fs.utimesSync(stamp, new Date(), new Date());
  }
}

for (const step of steps) {
  if (step === 'install') install();
  else if (step === 'build') build();
  else throw new Error(`prepare: no such step: ${step} (install, build)`);
}
