import type { Scheduler } from '../io/scheduler';
import type { SeededRandom } from '../io/seeded-random';
import type { SimulatedNetwork } from '../io/simulated-network';
import type { SimulatedProcess } from '../io/simulated-process';
import type { BrokerNode } from './broker-node';
import type { SimulationOptions } from './options';
import type { Trace } from './trace';
import type { ZooKeeperNode } from './zookeeper-node';

export interface FaultTargets {
  readonly scheduler: Scheduler;
  readonly network: SimulatedNetwork;
  readonly brokers: readonly BrokerNode[];
  readonly zookeeper: ZooKeeperNode;
  readonly clientAddresses: readonly string[];
  readonly trace: Trace;
  /** A broker is about to end: it is looked at once more. */
  readonly lastLook: () => void;
}

interface Fault {
  readonly name: string;
  /** How often, in proportion to the others. */
  readonly weight: number;
  strike(): void;
}

/** Brings one fault after the other over a cluster, and everything in order again in the end. */
export class Faults {
  /** How often each has struck, by name. */
  readonly struck: Record<string, number> = {};
  readonly #random: SeededRandom;
  readonly #faults: readonly Fault[];
  #stopped = false;

  constructor(
    readonly targets: FaultTargets,
    readonly options: SimulationOptions,
  ) {
    this.#random = targets.scheduler.random.fork();
    this.#faults = this.#all().filter(({ name, weight }) => weight > 0 && !options.without.includes(name));
  }

  start(): void {
    const meanMs = 150 + this.#random.exponential(900);
    const next = (): void => {
      this.targets.scheduler.after(50 + this.#random.exponential(meanMs), 'fault', () => {
        if (this.#stopped) return;
        const fault = this.#pick();
        this.struck[fault.name] = (this.struck[fault.name] ?? 0) + 1;
        fault.strike();
        next();
      });
    };
    if (this.#faults.length > 0) next();
  }

  /** Everything works again: links, disks, clocks go on, processes run. */
  stop(): void {
    this.#stopped = true;
    const { network, brokers, zookeeper, trace } = this.targets;
    trace.add('faults end');
    network.heal();
    for (const { host, process } of [...brokers, zookeeper]) {
      host.disk.faults.error = undefined;
      host.disk.faults.slowness = 1;
      host.disk.capacityBytes = Infinity;
      host.disk.answer();
      host.powerUp();
      if (process !== undefined) {
        process.files.plannedEnd = undefined;
        process.resume();
      }
    }
    zookeeper.start();
    for (const node of brokers) node.start();
  }

  #pick(): Fault {
    let at = this.#random.real() * this.#faults.reduce((sum, { weight }) => sum + weight, 0);
    return this.#faults.find(({ weight }) => (at -= weight) < 0) ?? this.#faults[0];
  }

  #all(): Fault[] {
    const power = this.options.powerLoss ? 1 : 0;
    const random = this.#random;
    // Now and then the whole machine room.
    const all = this.options.brokers > 1 ? 0.3 : 0;
    return [
      { name: 'cut', weight: 3, strike: () => this.#cut() },
      { name: 'partition', weight: 3, strike: () => this.#partition() },
      { name: 'isolate', weight: 2, strike: () => this.#isolate() },
      { name: 'slow-link', weight: 1, strike: () => this.#slowLink() },
      { name: 'kill', weight: 3, strike: () => this.#end(random.pick(this.targets.brokers), 'kill') },
      { name: 'kill-all', weight: all, strike: () => this.targets.brokers.forEach((node) => this.#end(node, 'kill')) },
      { name: 'power', weight: 3 * power, strike: () => this.#end(random.pick(this.targets.brokers), 'power') },
      {
        name: 'power-all',
        weight: all * power,
        strike: () => this.targets.brokers.forEach((node) => this.#end(node, 'power')),
      },
      { name: 'restart', weight: 1.5, strike: () => this.#restart() },
      { name: 'pause', weight: 2, strike: () => this.#pause(random.pick(this.targets.brokers).process, 5000) },
      { name: 'clock', weight: 1, strike: () => this.#clock() },
      { name: 'disk-hang', weight: 0.7, strike: () => this.#hang() },
      { name: 'disk-slow', weight: 0.7, strike: () => this.#slowDisk() },
      { name: 'disk-full', weight: 0.4, strike: () => this.#full() },
      { name: 'disk-error', weight: 0.4, strike: () => this.#diskError() },
      { name: 'zookeeper-kill', weight: 0.7, strike: () => this.#endZooKeeper('kill') },
      { name: 'zookeeper-power', weight: 0.3, strike: () => this.#endZooKeeper('power') },
      { name: 'zookeeper-pause', weight: 0.5, strike: () => this.#pause(this.targets.zookeeper.process, 6000) },
    ];
  }

  #for(meanMs: number, label: string, run: () => void): void {
    this.targets.scheduler.after(this.#random.exponential(meanMs), label, () => {
      if (!this.#stopped) run();
    });
  }

  // --- network

  #cut(): void {
    const { network, trace } = this.targets;
    if (network.sockets.size === 0) return;
    const socket = this.#random.pick([...network.sockets]);
    trace.add(`cut ${socket.localAddress}:${socket.localPort} - ${socket.remoteAddress}:${socket.remotePort}`);
    socket.cut();
  }

  #partition(): void {
    const { brokers, zookeeper, clientAddresses } = this.targets;
    const addresses = [...brokers.map(({ host }) => host.address), zookeeper.host.address, ...clientAddresses];
    const from = this.#random.pick(addresses);
    const to = this.#random.pick(addresses);
    if (from === to) return;
    this.#block([[from, to], ...(this.#random.chance(0.5) ? [[to, from] as const] : [])]);
  }

  /** A broker, or ZooKeeper, is cut off from all others. */
  #isolate(): void {
    const { brokers, zookeeper, clientAddresses } = this.targets;
    const nodes = [...brokers.map(({ host }) => host.address), zookeeper.host.address];
    const alone = this.#random.pick(nodes);
    const others = [...nodes, ...(this.#random.chance(0.5) ? clientAddresses : [])].filter((other) => other !== alone);
    const direction = this.#random.below(3);
    const pairs: (readonly [string, string])[] = [];
    for (const other of others) {
      if (direction !== 0) pairs.push([alone, other]);
      if (direction !== 1) pairs.push([other, alone]);
    }
    this.#block(pairs);
  }

  #block(pairs: readonly (readonly [string, string])[]): void {
    const { network, trace } = this.targets;
    trace.add(`block ${pairs.map(([from, to]) => `${from}>${to}`).join(' ')}`);
    for (const [from, to] of pairs) network.block(from, to);
    this.#for(2500, 'unblock', () => {
      trace.add(`unblock ${pairs.map(([from, to]) => `${from}>${to}`).join(' ')}`);
      for (const [from, to] of pairs) network.unblock(from, to);
    });
  }

  #slowLink(): void {
    const { network, trace, brokers, zookeeper } = this.targets;
    const addresses = [...brokers.map(({ host }) => host.address), zookeeper.host.address];
    const [from, to] = [this.#random.pick(addresses), this.#random.pick(addresses)];
    const link = network.link(from, to);
    link.slowness = 10 + this.#random.exponential(200);
    trace.add(`slow ${from}>${to} ${link.slowness.toFixed(0)} times`);
    this.#for(2500, 'fast', () => (link.slowness = 1));
  }

  // --- processes and machines

  /** At once, or in the middle of one of the next changes of its files. */
  #end(node: BrokerNode, how: 'kill' | 'power'): void {
    const { process } = node;
    const { trace, scheduler } = this.targets;
    if (process === undefined) return;
    const end = (): void => {
      if (process.ended) return;
      this.targets.lastLook();
      trace.add(`${how} broker ${node.id}`);
      if (how === 'kill') process.kill();
      else node.losePower(scheduler.nowMs);
      // Some are back before anybody has noticed.
      this.#for(this.#random.chance(0.3) ? 200 : 2500, 'start', () => {
        node.host.powerUp();
        node.start();
      });
    };
    if (this.#random.chance(0.5)) {
      end();
      return;
    }
    process.files.plannedEnd = { changesLeft: this.#random.below(60), end };
  }

  #restart(): void {
    const node = this.#random.pick(this.targets.brokers);
    if (!node.isServing) return;
    this.targets.trace.add(`restart broker ${node.id}`);
    void node.stop();
  }

  #pause(process: SimulatedProcess | undefined, longMs: number): void {
    if (process === undefined || process.paused) return;
    const isLong = this.#random.chance(0.4);
    this.targets.trace.add(`pause ${process.name}`);
    process.pause();
    this.#for(isLong ? longMs : 300, 'resume', () => {
      this.targets.trace.add(`resume ${process.name}`);
      process.resume();
    });
  }

  #clock(): void {
    const { host, id } = this.#random.pick(this.targets.brokers);
    const sign = this.#random.chance(0.5) ? 1 : -1;
    const jumpMs = Math.round(sign * 10 ** (this.#random.real() * 7));
    host.wallOffsetMs += jumpMs;
    this.targets.trace.add(`clock of broker ${id} jumps by ${jumpMs} ms`);
  }

  // --- disks

  #hang(): void {
    const { id, host } = this.#random.pick(this.targets.brokers);
    this.targets.trace.add(`disk of broker ${id} hangs`);
    host.disk.hang();
    this.#for(3000, 'answer', () => {
      this.targets.trace.add(`disk of broker ${id} answers`);
      host.disk.answer();
    });
  }

  #slowDisk(): void {
    const { id, host } = this.#random.pick(this.targets.brokers);
    host.disk.faults.slowness = 5 + this.#random.exponential(50);
    this.targets.trace.add(`disk of broker ${id} is slow`);
    this.#for(2500, 'fast disk', () => (host.disk.faults.slowness = 1));
  }

  #full(): void {
    const { id, host } = this.#random.pick(this.targets.brokers);
    host.disk.capacityBytes = host.disk.usedBytes + this.#random.below(5000);
    this.targets.trace.add(`disk of broker ${id} is about to be full`);
    this.#for(3000, 'room', () => {
      this.targets.trace.add(`disk of broker ${id} has room`);
      host.disk.capacityBytes = Infinity;
    });
  }

  /** A few operations fail. */
  #diskError(): void {
    const { id, host } = this.#random.pick(this.targets.brokers);
    const probability = 10 ** -(this.#random.real() * 3);
    const random = this.#random.fork();
    host.disk.faults.error = (operation) => (operation !== 'close' && random.chance(probability) ? 'EIO' : undefined);
    this.targets.trace.add(`disk of broker ${id} has errors, ${probability.toFixed(4)} of all operations`);
    this.#for(1000, 'no more errors', () => (host.disk.faults.error = undefined));
  }

  // --- ZooKeeper

  #endZooKeeper(how: 'kill' | 'power'): void {
    const { zookeeper, trace } = this.targets;
    const { process } = zookeeper;
    if (process === undefined) return;
    const end = (): void => {
      if (process.ended) return;
      trace.add(`${how} zookeeper`);
      if (how === 'kill') process.kill();
      else zookeeper.host.losePower();
      this.#for(this.#random.chance(0.2) ? 8000 : 1000, 'start', () => {
        zookeeper.host.powerUp();
        zookeeper.start();
      });
    };
    if (this.#random.chance(0.5)) end();
    else process.files.plannedEnd = { changesLeft: this.#random.below(30), end };
  }
}
