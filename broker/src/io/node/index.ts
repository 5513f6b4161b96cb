import type { Io } from '../io';
import { NodeClock } from './clock';
import { NodeFiles } from './files';
import { InProcessJobs } from './jobs';
import { hasJobWorker, WorkerJobs } from './worker-jobs';
import { NodeNetwork } from './network';
import { NodeRandom } from './random';

/** The machine, through Node. */
export function nodeIo(): Io {
  const files = new NodeFiles();
  return {
    clock: new NodeClock(),
    random: new NodeRandom(),
    files,
    network: new NodeNetwork(),
    // Not from TypeScript sources, which a worker could not load.
    jobs: hasJobWorker ? new WorkerJobs() : new InProcessJobs(files),
  };
}
