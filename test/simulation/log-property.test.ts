import { expect, test } from 'vitest';
import { Scheduler } from './io/scheduler';
import { SimulatedHost } from './io/simulated-host';
import { SimulatedNetwork } from './io/simulated-network';
import { LogLife, randomConfig, type Totals } from './log/log-life';
import { LogModel, type End } from './log/log-model';

const livesOfALog = 6;
const operationsALife = 80;

interface Campaign extends Totals {
  readonly ends: Record<End, number>;
}

function newCampaign(): Campaign {
  return {
    acknowledged: 0,
    flushed: 0,
    lostUnflushed: 0,
    cleanings: 0,
    segmentsDeleted: 0,
    ends: { 'clean stop': 0, 'kill -9': 0, 'loss of power': 0 },
  };
}

/** The lives of one log: each ends in the middle of some change of a file, or in order, and the next goes on from there. */
async function lives(seed: number, campaign: Campaign): Promise<void> {
  const scheduler = new Scheduler(seed);
  const host = new SimulatedHost(scheduler, new SimulatedNetwork(scheduler), '10.0.0.1');
  const { random } = scheduler;
  const model = new LogModel(randomConfig(random));
  const lines: string[] = [];
  let former: End | undefined;
  for (let number = 0; number < livesOfALog; number++) {
    const isLast = number === livesOfALog - 1;
    const said = lines.length;
    const process = host.start(`life ${number}`);
    const life = new LogLife(process.io, host.disk, model, random.fork(), campaign, lines);
    const planned = random.pick<End>(['kill -9', 'loss of power', 'loss of power', 'kill -9', 'clean stop']);
    let faults: readonly string[] = [];
    const crash = (): void => {
      lines.push(planned);
      faults = life.crashes();
      if (planned === 'loss of power') host.losePower();
      else process.kill();
    };
    if (planned !== 'clean stop' && !isLast) process.files.plannedEnd = { changesLeft: random.below(800), end: crash };
    let outcome: unknown = 'running';
    life.live(former, operationsALife, planned === 'clean stop' || isLast).then(
      () => (outcome = 'done'),
      (error: unknown) => (outcome = error),
    );
    await scheduler.run(scheduler.nowMs + 1e5, () => outcome !== 'running' || process.ended);
    const alarm = lines.slice(said).find((line) => /cannot be cleaned|failed|offline/.test(line));
    if (faults.length > 0) outcome = new Error(faults.join('; '));
    if (faults.length > 0 || (!process.ended && (outcome !== 'done' || alarm !== undefined))) {
      const what = outcome instanceof Error ? outcome.message : `${String(outcome)}, ${alarm}`;
      throw new Error(
        `SEEDS=${seed}, life ${number} after ${former}: ${what}\n${lines
          .filter((line) => !line.includes('was deleted before'))
          .slice(-60)
          .join('\n')}`,
        {
          cause: outcome,
        },
      );
    }
    // One that has come to its end as planned is killed now, if it was not stopped.
    if (!process.ended && planned !== 'clean stop' && !isLast) crash();
    // One that has not got as far as to open it leaves the damage of the one before.
    if (life.log !== undefined || former !== 'loss of power') former = planned;
    campaign.ends[planned]++;
    process.kill();
    host.powerUp();
  }
}

/** With the environment's SEEDS, others: `7` or `1000-2000`. */
function seeds(): number[] {
  const [first, end] = (process.env.SEEDS ?? '0-40').split('-').map(Number);
  return Array.from({ length: (end ?? first + 1) - first }, (_, index) => first + index);
}

test('a log is what a list of batches is, whatever is done to it and however often it crashes', async () => {
  const campaign = newCampaign();
  for (const seed of seeds()) await lives(seed, campaign);
  const { ends, acknowledged, flushed, lostUnflushed, cleanings, segmentsDeleted } = campaign;
  console.log(
    `${ends['kill -9'] + ends['loss of power']} crash points (kill -9: ${ends['kill -9']}, loss of power: ` +
      `${ends['loss of power']}), ${ends['clean stop']} clean stops, ${cleanings} cleanings, ${segmentsDeleted} segments ` +
      `deleted by retention; records acknowledged: ${acknowledged}; acknowledged and flushed before a crash: ${flushed}, ` +
      `of them lost: 0; not flushed and lost with the power: ${lostUnflushed}`,
  );
  // One seed that is run again need not have cleaned anything.
  if (seeds().length > 1) expect(cleanings).toBeGreaterThan(seeds().length);
}, 3_600_000);
