import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ToolError } from './tool-error';

/** How the command `odradek` is run. */
export interface Program {
  readonly node: string;
  readonly script: string;
}

// What the broker needs; an older Node is replaced by the one of this project, if it has one.
const needed = [22, 22] as const;

/** The directory of an installed package, seen from here or from the working directory. */
function packageDirectory(name: string): string | undefined {
  const places = [__filename, join(process.cwd(), 'package.json')];
  return places
    .flatMap((from) => createRequire(from).resolve.paths(name) ?? [])
    .map((directory) => join(directory, name))
    .find((directory) => existsSync(join(directory, 'package.json')));
}

function nodeForBroker(): string {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > needed[0] || (major === needed[0] && minor >= needed[1])) return process.execPath;
  const directory = packageDirectory(`node-${process.platform}-${process.arch}`);
  if (directory !== undefined) return join(directory, 'bin', 'node');
  throw new ToolError(`The broker needs Node.js ${needed.join('.')} or newer; this is ${process.version}.`);
}

/** @throws ToolError that says what to install */
export function brokerProgram(): Program {
  const directory = packageDirectory('@odradek/broker');
  if (directory === undefined) {
    throw new ToolError('@odradek/broker is not installed here. Run: npm install --save-dev @odradek/broker');
  }
  const { bin } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as { bin: { odradek: string } };
  const script = join(directory, bin.odradek);
  if (!existsSync(join(dirname(script), '..', 'build'))) {
    throw new ToolError(`${directory} is not compiled. Run: npm run build`);
  }
  return { node: nodeForBroker(), script };
}
