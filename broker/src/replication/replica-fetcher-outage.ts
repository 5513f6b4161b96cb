import type { Clock } from '../io/clock';
import type { Logger } from '../logging/logger';
import type { LeaderEndpoint } from './replica-fetcher-options';

/** A leader that is still away is told of again after so long. */
const stillAwayMs = 60_000;

/** What the log says of a leader that does not answer, and of its return: not a line for every attempt. */
export class LeaderOutage {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #leader: LeaderEndpoint;
  readonly #backoffMs: number;
  #attempts = 0;
  #sinceMs = 0;
  #toldMs = 0;

  constructor(clock: Clock, logger: Logger, leader: LeaderEndpoint, backoffMs: number) {
    this.#clock = clock;
    this.#logger = logger;
    this.#leader = leader;
    this.#backoffMs = backoffMs;
  }

  failed(error: unknown, partitions: number): void {
    const { id, host, port } = this.#leader;
    const now = this.#clock.monotonicMs();
    const why = error instanceof Error ? error.message : String(error);
    if (this.#attempts++ === 0) {
      this.#sinceMs = this.#toldMs = now;
      this.#logger.warn(
        `Fetching from broker ${id} at ${host}:${port} failed: ${why} Its ${partitions} partitions are tried again ` +
          `every ${this.#backoffMs} ms.`,
      );
    } else if (now - this.#toldMs >= stillAwayMs) {
      this.#toldMs = now;
      const seconds = Math.round((now - this.#sinceMs) / 1000);
      this.#logger.warn(
        `Broker ${id} at ${host}:${port} has not answered ${this.#attempts} times in ${seconds} s: ${why}`,
      );
    }
  }

  answered(): void {
    if (this.#attempts === 0) return;
    const seconds = Math.round((this.#clock.monotonicMs() - this.#sinceMs) / 1000);
    this.#logger.info(`Broker ${this.#leader.id} answers again, after ${this.#attempts} failures in ${seconds} s.`);
    this.#attempts = 0;
  }
}
