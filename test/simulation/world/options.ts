/** A simulation. All of it, together with the seed, decides what happens. */
export interface SimulationOptions {
  readonly seed: number;
  /** 1: a single node without replication; 3 to 5. */
  readonly brokers: number;
  /** Whether brokers may lose their power, and not only be killed. */
  readonly powerLoss: boolean;
  /** flush.messages=1: what is acknowledged is on the disk of every replica of the ISR. */
  readonly flushEveryMessage: boolean;
  /** Brokers whose disks are on the network: nobody relies on them to answer at once. */
  readonly remoteDisks: 'none' | 'some' | 'all';
  /** Whether there are transactional producers and read_committed consumers, too. */
  readonly transactions: boolean;
  /** How long faults come, milliseconds of simulated time. */
  readonly faultsMs: number;
  /** How long the cluster may take to be whole again when they have stopped. */
  readonly healMs: number;
  /** Faults that are left out, by name. */
  readonly without: readonly string[];
}

/** Three brokers are enough for most of what can go wrong, and quicker. */
const brokersInTurn = [3, 3, 3, 4, 3, 3, 5, 3];

/** What a seed stands for, where nobody says otherwise. */
export function optionsOf(seed: number, given: Partial<SimulationOptions> = {}): SimulationOptions {
  const powerLoss = given.powerLoss ?? seed % 3 !== 0;
  return {
    brokers: brokersInTurn[seed % brokersInTurn.length],
    powerLoss,
    flushEveryMessage: powerLoss && seed % 3 === 1,
    remoteDisks: (['none', 'some', 'none', 'all', 'none'] as const)[seed % 5],
    transactions: seed % 2 === 1,
    faultsMs: 10_000,
    healMs: 120_000,
    without: [],
    ...given,
    seed,
  };
}

export function describeOptions(options: SimulationOptions): string {
  const { seed, brokers, powerLoss, flushEveryMessage, remoteDisks, transactions } = options;
  const faults = powerLoss ? (flushEveryMessage ? 'power loss, flush.messages=1' : 'power loss') : 'process kills';
  const disks = remoteDisks === 'none' ? '' : `, ${remoteDisks} disks on the network`;
  return `seed ${seed}: ${brokers} ${brokers === 1 ? 'broker' : 'brokers'}, ${faults}${disks}${transactions ? ', transactions' : ''}`;
}
