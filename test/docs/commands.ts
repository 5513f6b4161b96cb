import { mkdtempSync, rmSync, symlinkSync, writeFileSync, mkdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { startCluster, type TestCluster } from '../../broker/src/testing';
import { freePort, pythonInterpreter, run, Running } from '../interop/harness';
import { type Block, root, where } from './documents';

/** The ports that documents name. Each stands for a free one while they are tried. */
const documentedPorts = ['9092', '9093', '9094', '2181', '9404'] as const;

/** `npx` would find the same programs, a second later. */
const prelude = 'set -euo pipefail\nnpx() { "$@"; }\n';

/**
 * Tries the commands of one document in their order, in a directory of their own. In a block, a line `# → TEXT` says
 * what is printed: these lines are looked for in the output in their order, `…` in them is any text. Blocks that use
 * localhost:9092 without having started anything there find a cluster.
 */
export class DocumentCommands implements AsyncDisposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'odradek-docs-'));
  readonly #ports = new Map<string, string>();
  readonly #servers: { readonly running: Running; readonly block: Block }[] = [];
  #cluster: TestCluster | undefined;

  private constructor() {}

  static async begin(): Promise<DocumentCommands> {
    const commands = new DocumentCommands();
    for (const port of documentedPorts) commands.#ports.set(port, String(await freePort()));
    const bin = join(commands.#directory, '.bin');
    mkdirSync(bin);
    for (const directory of [root, join(root, 'broker')]) {
      for (const [name, file] of programsOf(directory)) symlinkSync(join(directory, file), join(bin, name));
    }
    return commands;
  }

  /** @throws Error that names the block, when it fails or does not print what it says */
  async try(block: Block): Promise<void> {
    if (block.use === 'file') writeFileSync(join(this.#directory, block.argument), this.#localized(block.code));
    else if (block.use === 'server') await this.#serve(block);
    else await this.#run(block);
  }

  async #run(block: Block): Promise<void> {
    if (this.#servers.length === 0 && block.use !== 'root') await this.#needCluster();
    const [program, first] = block.language === 'py' ? [pythonInterpreter(), ''] : ['bash', prelude];
    const { status, stdout, stderr } = await run(program, ['-c', first + this.#localized(block.code)], {
      ...this.#where(),
      ...(block.use === 'root' ? { cwd: root } : {}),
    });
    const printed = `${stdout}\n${stderr}`;
    if (status !== 0) throw new Error(`${where(block)} ended with ${status}:\n${printed}`);
    requireOutput(block, this.#expected(block), stdout, stderr);
  }

  async #serve(block: Block): Promise<void> {
    const command = this.#localized(block.code.replace(/\bodradek dev\b/, '$& --port 9092'));
    const running = new Running('bash', ['-c', inPlace(command)], this.#where());
    this.#servers.push({ running, block });
    for (const line of this.#expected(block)) await running.printed(lineOf(line));
  }

  async #needCluster(): Promise<void> {
    if (this.#cluster !== undefined) return;
    this.#cluster = await startCluster({ port: Number(this.#ports.get('9092')) });
    this.#ports.set('2181', this.#cluster.zookeeperConnect.split(':')[1]);
  }

  #expected({ code }: Block): string[] {
    return [...this.#localized(code).matchAll(/^# → (.*)$/gm)].map(([, line]) => line.trimEnd());
  }

  #localized(text: string): string {
    return text.replace(/\b(9092|9093|9094|2181|9404)\b/g, (port) => this.#ports.get(port) ?? port);
  }

  #where(): { readonly cwd: string; readonly env: Record<string, string> } {
    const own = [join(this.#directory, '.bin'), join(root, 'broker/bin'), dirname(process.execPath)];
    const path = [...own, process.env.PATH].join(':');
    return { cwd: this.#directory, env: { PATH: path } };
  }

  /** Ends the servers, the last one first; they have to end well. */
  async end(): Promise<void> {
    for (const { running, block } of this.#servers.splice(0).reverse()) {
      const status = await running.stop('SIGTERM');
      if (status !== 0) throw new Error(`${where(block)} ended with ${status} after SIGTERM:\n${running.log}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { running } of this.#servers.splice(0).reverse()) await running.stop('SIGKILL');
    await this.#cluster?.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** What npm would link into a project that has the package of this directory. */
function programsOf(directory: string): [string, string][] {
  const { bin } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as { bin: Record<string, string> };
  return Object.entries(bin);
}

/** The one command of a block, in the shell's place, so that signals reach it. */
function inPlace(command: string): string {
  const words = command.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  if (words.length !== 1) throw new Error(`a server is one command, not:\n${command}`);
  return `exec ${words[0].replace(/^npx /, '')}`;
}

/** The line with `…` for any text. */
export function lineOf(line: string): RegExp {
  const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(line.split('…').map(literal).join('.*'));
}

/** The lines in their order, those of standard output and of standard error each among themselves. */
function requireOutput(block: Block, expected: readonly string[], ...outputs: readonly string[]): void {
  const rest = outputs.map((output) => output.split('\n'));
  for (const line of expected) {
    const pattern = lineOf(line);
    const found = rest.some((lines) => {
      const at = lines.findIndex((each) => pattern.test(each));
      if (at >= 0) lines.splice(0, at + 1);
      return at >= 0;
    });
    if (!found) throw new Error(`${where(block)} does not print '${line}' (or not there), but:\n${outputs.join('\n')}`);
  }
}
