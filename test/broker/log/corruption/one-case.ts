import { basename, dirname } from 'node:path';
import { LogDirError } from '../../../../broker/src/log/log-dirs';
import { MetaPropertiesError } from '../../../../broker/src/log/meta-properties';
import type { Logger } from '../../../../broker/src/logging/logger';
import { buildBatch } from '../../../../broker/src/records/build-batch';
import { append } from '../support';
import type { Damage } from './damage';
import { startMs, type MemoryFiles } from './memory-files';
import { Findings, observe, type Observation } from './observation';
import { contentOf, logDirs, Opened, topics, Written } from './world';
import { readRecordSet } from '../../../../broker/src/records/read-records';

/** How a broker got on with a directory. */
export interface Outcome {
  readonly findings: Findings;
  /** Why it did not start. */
  readonly refusal: string | undefined;
  readonly offlineDirs: readonly string[];
  /** Of each partition, as found at first. */
  readonly observations: ReadonlyMap<string, Observation>;
  readonly lines: readonly string[];
  /** What went wrong with what a broker does next: appends, a second start. */
  readonly later: readonly string[];
}

/** Keeps what it is told, with what it is told about errors. */
export class Lines {
  readonly lines: string[] = [];
  readonly logger: Logger;

  constructor() {
    const line = (message: string, fields?: Readonly<Record<string, unknown>>) => {
      const { error } = fields ?? {};
      this.lines.push(error === undefined ? message : `${message} (${String(error)})`);
    };
    const logger: Logger = { debug: () => {}, info: line, warn: line, error: line, child: () => logger };
    this.logger = logger;
  }
}

/** Starts on the files, reads everything, writes on, cleans, stops in order, starts again. */
export async function live(files: MemoryFiles, given: ReadonlyMap<string, Written>): Promise<Outcome> {
  const findings = new Findings();
  const { lines, logger } = new Lines();
  const observations = new Map<string, Observation>();
  const later: string[] = [];
  const written = new Map([...given].map(([name, of]) => [name, copyOf(of)]));
  let refusal: string | undefined;
  let offlineDirs: readonly string[] = [];
  try {
    const first = await Opened.open(files, logger);
    offlineDirs = first.manager.offlineLogDirs;
    for (const topic of topics) {
      const log = first.manager.get({ topic, partition: 0 });
      const name = `${topic}-0`;
      if (log !== undefined) observations.set(name, await observe(log, written.get(name)!, findings));
    }
    await writeOn(first, written, findings, later);
    await first.manager.shutdown(8);
    const before = await endsOf(first, written);
    const second = await Opened.open(files, logger);
    for (const [name, was] of before) {
      const log = second.manager.get({ topic: name.slice(0, -2), partition: 0 });
      if (second.manager.offlineLogDirs.length > 0 || offlineDirs.length > 0) break;
      const is = log && `${log.logStartOffset} to ${log.logEndOffset}`;
      if (is !== was) later.push(`${name} was ${was}, and is ${is} after a stop in order`);
      if (log !== undefined) await observe(log, written.get(name)!, findings);
    }
    await second.manager.shutdown(9);
  } catch (error) {
    if (error instanceof LogDirError || error instanceof MetaPropertiesError) refusal = error.message;
    else findings.crashes.push(String((error as Error).stack));
  }
  for (const line of lines) if (/unexpected|TypeError|RangeError/.test(line)) findings.crashes.push(line);
  return { findings, refusal, offlineDirs, observations, lines, later };
}

const ends = new WeakMap<Opened, Map<string, string>>();

async function endsOf(opened: Opened, written: ReadonlyMap<string, Written>): Promise<Map<string, string>> {
  void written;
  return ends.get(opened) ?? new Map();
}

function copyOf(of: Written): Written {
  const copy = new Written();
  for (const [offset, content] of of.records) copy.records.set(offset, content);
  for (const offset of of.committed) copy.committed.add(offset);
  return copy;
}

async function writeOn(
  opened: Opened,
  written: ReadonlyMap<string, Written>,
  findings: Findings,
  later: string[],
): Promise<void> {
  const { manager, clock } = opened;
  for (const [name, of] of written) {
    const log = manager.get({ topic: name.slice(0, -2), partition: 0 });
    if (log === undefined) continue;
    const end = log.logEndOffset;
    const record = { key: 'k1', value: 'appended later', timestamp: startMs + 5000 };
    for (let i = 0; i < 2; i++) {
      const bytes = buildBatch({ records: [record] });
      try {
        const { firstOffset } = await append(log, bytes, { leaderEpoch: 9 });
        const [appended] = readRecordSet(bytes);
        of.records.set(firstOffset, contentOf(appended));
        of.committed.add(firstOffset);
        if (firstOffset !== end + i) later.push(`${name}: what was appended at ${end + i} is at ${firstOffset}`);
        await log.roll();
      } catch (error) {
        later.push(`${name}: appending at ${end} failed: ${String(error)}`);
      }
    }
    log.updateHighWatermark(log.logEndOffset);
    const { records } = await observe(log, of, findings);
    if (log.logEndOffset < 1e6 && !records.has(end + 1))
      later.push(`${name}: what was appended at ${end + 1} is not there`);
  }
  for (let i = 0; i < 3 && (await manager.cleaner!.cleanFilthiest()); i++);
  await manager.deleteOldSegments();
  clock.advance(1);
  for (const [name, of] of written) {
    const log = manager.get({ topic: name.slice(0, -2), partition: 0 });
    if (log !== undefined) await observe(log, of, findings);
  }
  const kept = new Map<string, string>();
  for (const name of written.keys()) {
    const log = manager.get({ topic: name.slice(0, -2), partition: 0 });
    if (log !== undefined) kept.set(name, `${log.logStartOffset} to ${log.logEndOffset}`);
  }
  ends.set(opened, kept);
}

export type Verdict = 'without effect' | 'told' | 'refused' | 'told by checksums';

/** What damage has led to, beside the life of the same directory undamaged. */
export function judge(damage: Damage, outcome: Outcome, sound: Outcome): { verdict: Verdict; silent: string[] } {
  const { path } = damage;
  const silent: string[] = [];
  const partition = dirname(path).split('/').at(-1)!;
  const digits = /^\d{20}/.exec(basename(path))?.[0] ?? basename(path);
  const names = [
    `${dirname(path)}/${digits}`,
    basename(path),
    `${partition} `,
    `${partition}:`,
    `${partition},`,
    `${partition}.`,
  ];
  const known = new Set(sound.lines);
  const told = outcome.lines.filter((line) => !known.has(line));
  const isNamed = (line: string) => names.some((name) => name.length > 1 && line.includes(name));
  if (outcome.refusal !== undefined) {
    const named = isNamed(outcome.refusal) || logDirs.some((dir) => outcome.refusal!.includes(dir));
    return { verdict: 'refused', silent: named ? [] : [`refused without naming the file: ${outcome.refusal}`] };
  }
  const isTold = told.some(isNamed);
  for (const [name, was] of sound.observations) {
    const is = outcome.observations.get(name);
    if (is === undefined) {
      if (!isTold) silent.push(`${name} is not there`);
      continue;
    }
    const others = [...was.aspects].filter(([aspect, value]) => is.aspects.get(aspect) !== value);
    for (const [aspect, value] of others) {
      const byChecksum = is.invalid > 0 && /records|by time/.test(aspect);
      if (!isTold && !byChecksum) silent.push(`${aspect} of ${name}: ${is.aspects.get(aspect)} for ${value}`);
    }
    const refused = is.refused.filter((each) => !was.refused.includes(each));
    if (refused.length > 0 && !isTold) silent.push(`${name}: ${refused[0]}`);
  }
  const invalid = [...outcome.observations.values()].some((each) => each.invalid > 0);
  return { verdict: isTold ? 'told' : invalid ? 'told by checksums' : 'without effect', silent };
}
