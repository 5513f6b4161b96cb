import { beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../seeded-random';
import { byteKinds, fileKinds, inflict, kindOfFile, type Damage, type Kind } from './corruption/damage';
import { unnoticeable } from './corruption/exemptions';
import { judge, live, type Outcome } from './corruption/one-case';
import { makeStates, type State, type Written } from './corruption/world';

/**
 * Log directories as brokers leave them, in order, killed, and killed while they compact: two directories, all codecs,
 * message formats 0 to 2, transactions, compacted logs. One file is damaged, and a broker has to live with that: it
 * starts or refuses with the file's name, hands out no record that was not written there, appends, cleans, and starts
 * again; what has changed for clients is told in the log with the file's name, or shows in a batch's checksum.
 *
 * CASES=10000 takes so many samples (SEED: others), CASES=all each byte of each file and each kind of damage.
 */
const cases = process.env.CASES ?? '300';
const seed = Number(process.env.SEED ?? 1);

let states: State[];
let written: ReadonlyMap<string, Written>;
const sound = new Map<State, Outcome>();

beforeAll(async () => {
  ({ states, written } = await makeStates());
  for (const state of states) sound.set(state, await live(state.files.clone(), written));
});

type Case = Damage & { readonly state: State };

function* sampled(count: number, below: (bound: number) => number): Generator<Case> {
  for (let n = 0; n < count; n++) {
    const state = states[below(states.length)];
    const paths = state.files.paths();
    const path = paths[below(paths.length)];
    const { length } = state.files.content(path);
    const kinds: readonly Kind[] = length > 0 && below(4) > 0 ? byteKinds : fileKinds;
    yield { state, path, kind: kinds[below(kinds.length)], at: below(Math.max(1, length)) };
  }
}

function* everyOne(): Generator<Case> {
  for (const state of states) {
    for (const path of state.files.paths()) {
      for (const kind of fileKinds) yield { state, path, kind, at: 0 };
      for (let at = 0; at < state.files.content(path).length; at++) {
        for (const kind of byteKinds) yield { state, path, kind, at };
      }
    }
  }
}

class Counts {
  readonly #counts = new Map<string, Map<string, number>>();

  add(group: string, what: string): void {
    const counts = this.#counts.get(group) ?? new Map<string, number>();
    this.#counts.set(group, counts.set(what, (counts.get(what) ?? 0) + 1));
  }

  of(group: string): string {
    const counts = [...(this.#counts.get(group) ?? [])].sort(([, a], [, b]) => b - a);
    return counts.map(([what, count]) => `${what} ${count}`).join(', ');
  }
}

describe('a damaged file', () => {
  it('is told from a sound one', () => {
    for (const [{ name }, { findings, later, refusal, observations }] of sound) {
      const nothing = { crashes: [], wrong: [], later: [], refusal: undefined };
      expect({ name, ...findings, later, refusal }).toEqual({ name, ...nothing });
      expect([...observations.values()].every(({ records }, i) => records.size > 0 || i === 4)).toBe(true);
    }
  });

  it('ends nothing, gives nobody a wrong record, and is told in the log', async () => {
    const draw = seededRandom(seed);
    const below = (bound: number) => Math.floor(draw() * bound);
    const counts = new Counts();
    const found: Record<'crashes' | 'wrong records' | 'without a line' | 'could not go on', string[]> = {
      crashes: [],
      'wrong records': [],
      'without a line': [],
      'could not go on': [],
    };
    let total = 0;
    for (const each of cases === 'all' ? everyOne() : sampled(Number(cases), below)) {
      const { state, path, kind, at } = each;
      const files = state.files.clone();
      const before = files.content(path);
      if (!inflict(files, each, below)) continue;
      total++;
      counts.add('files', kindOfFile(path));
      counts.add('kinds', kind);
      const after = files.paths().includes(path) ? files.content(path) : undefined;
      const outcome = await live(files, written);
      const { verdict, silent } = judge(each, outcome, sound.get(state)!);
      const { crashes, wrong } = outcome.findings;
      const isQuiet = silent.length === 0 && wrong.length === 0 && outcome.later.length === 0;
      const why = isQuiet ? undefined : unnoticeable(each, before, after);
      counts.add('outcomes', why === undefined ? verdict : 'not noticeable');
      if (why !== undefined) {
        counts.add('not noticeable', why);
        if (wrong.length > 0) counts.add('not noticeable, and handed out', why);
      }
      const note = (list: string[], findings: readonly string[]) => {
        if (findings.length > 0)
          list.push(`${state.name}, ${path} ${kind} at ${at}: ${findings.slice(0, 2).join('; ')}`);
      };
      note(found.crashes, crashes);
      if (why !== undefined) continue;
      note(found['wrong records'], wrong);
      note(found['without a line'], silent);
      note(found['could not go on'], outcome.later);
    }
    const sums = Object.entries(found).map(([what, list]) => `${what} ${list.length}`);
    if (process.env.CASES !== undefined) {
      console.log(
        [
          `${total} corruptions (SEED=${seed}): ${sums.join(', ')}`,
          `outcomes: ${counts.of('outcomes')}`,
          `what Kafka's formats cannot tell: ${counts.of('not noticeable')}`,
          `  of these, records handed out that are not what was written: ${counts.of('not noticeable, and handed out')}`,
          `kinds: ${counts.of('kinds')}`,
          `files: ${counts.of('files')}`,
        ].join('\n'),
      );
    }
    for (const list of Object.values(found)) list.splice(20);
    expect(found).toEqual({ crashes: [], 'wrong records': [], 'without a line': [], 'could not go on': [] });
    expect(total).toBeGreaterThan(0);
  }, 7_200_000);
});
