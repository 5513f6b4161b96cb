import type { Clock } from './clock';
import type { Files } from './files';
import type { Jobs } from './jobs';
import type { Network } from './network';
import type { Random } from './random';

/** The only door to the outside: a broker, a ZooKeeper server and every client is built with one. */
export interface Io {
  readonly clock: Clock;
  readonly random: Random;
  readonly files: Files;
  readonly network: Network;
  readonly jobs: Jobs;
}
