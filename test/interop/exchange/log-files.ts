import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { root } from '../harness';
import type { ApacheTools } from '../tool-runner';

const odradek = path.join(root, 'broker/bin/odradek.js');

/** What kafka-dump-log printed for some files. */
interface Printed {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface DumpResult {
  /** What either tool finds fault with, and where the two differ. */
  readonly faults: readonly string[];
  readonly files: number;
  readonly lines: number;
  readonly records: number;
  /** Of __transaction_state: the newest state of each id. */
  readonly transactions: ReadonlyMap<string, string>;
}

const isInternal = (file: string): boolean => path.basename(path.dirname(file)).startsWith('__');

function filesOf(logDirs: readonly string[], suffix: RegExp): string[] {
  return logDirs
    .flatMap((logDir) =>
      readdirSync(logDir, { recursive: true, encoding: 'utf8' })
        .filter((name) => suffix.test(name))
        .map((name) => path.join(logDir, name)),
    )
    .sort();
}

/** Kafka shows the partitions of a transaction in the order of a hash. */
function inOrder(text: string): string {
  return text.replaceAll(/partitions=\[(.*?)\]/g, (_, list: string) => `partitions=[${list.split(',').sort().join()}]`);
}

/**
 * Lines in which a dump tool finds fault with something.
 * @param isSparse of a file: its offsets may have holes, which cleaning makes
 */
export function complaintsOf({ status, stdout, stderr }: Printed, isSparse: (file: string) => boolean): string[] {
  const fault = /isvalid: false|invalid bytes|corrupt|could not|error|exception|warn|unknown|mismatch|failed/i;
  const faults = stdout.split('\n').filter((line) => fault.test(line.replace(/ (key|payload): .*/, '')));
  let isMeant = false;
  for (const line of stderr.split('\n')) {
    if (line === '') continue;
    const [, holes] = /^Non-consecutive offsets in (.*)/.exec(line) ?? [];
    if (holes !== undefined) isMeant = isSparse(holes);
    else if (!/^ {2}\d+ is followed by \d+$/.test(line)) isMeant = false;
    if (!isMeant) faults.push(line);
  }
  if (status !== 0 && faults.length === 0) faults.push(`ended with ${status}`);
  return faults;
}

export interface DumpOptions {
  /** Topics of which records may be missing: compacted ones. */
  readonly sparse: ReadonlySet<string>;
  /** Apache's broker was killed: its last indexes are as long as they may become, and zeros. Its tool fails on them. */
  readonly preallocated: boolean;
}

/** Ends with an entry of zeros, which no index does that was written to its end. */
function isPreallocated(file: string): boolean {
  const bytes = readFileSync(file);
  return bytes.length > 12 && bytes.subarray(-12).every((byte) => byte === 0);
}

/** Everything in the log directories through Apache's kafka-dump-log, and through ours: what they say, line by line. */
export async function dumpAll(
  tools: ApacheTools,
  logDirs: readonly string[],
  { sparse, preallocated }: DumpOptions,
): Promise<DumpResult> {
  const logs = filesOf(logDirs, /\.log$/);
  const unfinished = (file: string): boolean => preallocated && file.endsWith('index') && isPreallocated(file);
  const others = filesOf(logDirs, /\.(index|timeindex|txnindex|snapshot)$/).filter((file) => !unfinished(file));
  const indexes = others.filter((file) => /\.(index|timeindex)$/.test(file));
  const calls: [string[], string[]][] = [
    [['--deep-iteration', '--print-data-log'], logs.filter((file) => !isInternal(file))],
    [['--offsets-decoder'], logs.filter((file) => file.includes('__consumer_offsets-'))],
    [['--transaction-log-decoder'], logs.filter((file) => file.includes('__transaction_state-'))],
    [[], others],
    [['--index-sanity-check'], indexes],
    [['--verify-index-only'], indexes],
  ];
  const isSparse = (file: string): boolean => {
    const partition = path.basename(path.dirname(file));
    return isInternal(file) || sparse.has(partition.slice(0, partition.lastIndexOf('-')));
  };
  const faults: string[] = [];
  let lines = 0;
  let records = 0;
  const transactions = new Map<string, string>();
  for (const [options, files] of calls) {
    if (files.length === 0) continue;
    const args = [...options, '--files', files.join(',')];
    const apaches = await tools.call('dump-log', args, { timeoutMs: 60_000 });
    const ours = spawnSync(process.execPath, [odradek, 'dump-log', ...args], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    const what = `dump-log ${options.join(' ')}`;
    faults.push(...complaintsOf(apaches, isSparse).map((line) => `Apache's ${what}: ${line}`));
    faults.push(...complaintsOf(ours, isSparse).map((line) => `our ${what}: ${line}`));
    faults.push(...differing(ours, apaches).map((line) => `${what}: ${line}`));
    lines += apaches.stdout.split('\n').length;
    records += apaches.stdout.match(/^\| offset: /gm)?.length ?? 0;
    if (options[0] === '--transaction-log-decoder') {
      for (const [, id, state] of apaches.stdout.matchAll(/transactionalId=(\S+) payload: .*?state=(\w+)/g)) {
        transactions.set(id, state);
      }
    }
  }
  faults.push(...checkpointFaults(logDirs));
  return { faults, files: logs.length + others.length, lines, records, transactions };
}

/** Where ours prints another line than Apache's. What they say on standard error comes in any order of files. */
function differing(ours: Printed, apaches: Printed): string[] {
  const found: string[] = [];
  const [own, other] = [inOrder(ours.stdout).split('\n'), inOrder(apaches.stdout).split('\n')];
  for (let i = 0; i < Math.max(own.length, other.length) && found.length < 5; i++) {
    if (own[i] !== other[i]) found.push(`line ${i + 1}\n  ours:     ${own[i]}\n  Apache's: ${other[i]}`);
  }
  const [errors, otherErrors] = [blocks(ours.stderr), blocks(apaches.stderr)];
  if (errors !== otherErrors) found.push(`on standard error\n  ours: ${errors}\n  Apache's: ${otherErrors}`);
  return found;
}

function blocks(stderr: string): string {
  return stderr
    .split(/\n(?! )/)
    .sort()
    .join('\n')
    .trim();
}

/** The checkpoints of every partition and directory: they are there, and go with the files. */
function checkpointFaults(logDirs: readonly string[]): string[] {
  const faults: string[] = [];
  for (const logDir of logDirs) {
    for (const name of readdirSync(logDir)) {
      const [, topic] = /^(.*)-\d+$/.exec(name) ?? [];
      if (topic === undefined) continue;
      const directory = path.join(logDir, name);
      const metadata = readFileSync(path.join(directory, 'partition.metadata'), 'utf8');
      if (!/^version: 0\ntopic_id: [\w-]{22}\n?$/.test(metadata))
        faults.push(`${name}/partition.metadata: ${metadata}`);
      const epochs = checkpoint(path.join(directory, 'leader-epoch-checkpoint'));
      epochs.forEach(([epoch, start], i) => {
        if (i > 0 && !(epoch > epochs[i - 1][0] && start >= epochs[i - 1][1])) {
          faults.push(`${name}/leader-epoch-checkpoint: ${epoch} ${start} comes after ${epochs[i - 1].join(' ')}`);
        }
      });
    }
  }
  return faults;
}

/** The numbers in the lines of a checkpoint file, without its head; nothing where there is no file. */
function checkpoint(file: string): number[][] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  return text
    .trimEnd()
    .split('\n')
    .slice(2)
    .map((line) => line.split(' ').map(Number));
}

/** The lines of a checkpoint of a log directory (cleaner-offset-checkpoint, …), by partition. */
export function offsetsIn(logDirs: readonly string[], name: string): Map<string, number> {
  const offsets = new Map<string, number>();
  for (const logDir of logDirs) {
    let text: string;
    try {
      text = readFileSync(path.join(logDir, name), 'utf8');
    } catch {
      continue;
    }
    for (const line of text.trimEnd().split('\n').slice(2)) {
      const [topic, partition, offset] = line.split(' ');
      offsets.set(`${topic}-${partition}`, Number(offset));
    }
  }
  return offsets;
}

/** The directory of a partition, wherever it is. */
export function partitionDirectory(logDirs: readonly string[], partition: string): string {
  const found = logDirs.map((logDir) => path.join(logDir, partition)).filter((each) => isDirectory(each));
  if (found.length !== 1) throw new Error(`${partition} is there ${found.length} times`);
  return found[0];
}

function isDirectory(name: string): boolean {
  return statSync(name, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** First offsets of a partition's segments. */
export function segmentsOf(logDirs: readonly string[], partition: string): number[] {
  return readdirSync(partitionDirectory(logDirs, partition))
    .filter((name) => name.endsWith('.log'))
    .map((name) => parseInt(name, 10))
    .sort((a, b) => a - b);
}

/** Directories of deleted topics that are still there. */
export function deletedDirectories(logDirs: readonly string[]): string[] {
  return logDirs.flatMap((logDir) => readdirSync(logDir).filter((name) => name.endsWith('-delete')));
}
