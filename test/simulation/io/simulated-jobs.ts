import type { Job, Jobs } from '../../../broker/src/io/jobs';
import type { SimulatedProcess } from './simulated-process';

/** Jobs run in their process, between other events, wherever they wait for a file. */
export class SimulatedJobs implements Jobs {
  readonly #rejections = new Set<(error: Error) => void>();
  #closed = false;

  constructor(readonly process: SimulatedProcess) {}

  get running(): number {
    return this.#rejections.size;
  }

  run<In, Out>(job: Job<In, Out>, input: In, progress: (message: string) => void = () => {}): Promise<Out> {
    return new Promise<Out>((resolve, reject) => {
      if (this.#closed) {
        reject(new Error(`Job ${job.name} was not started: jobs are closed.`));
        return;
      }
      this.#rejections.add(reject);
      const copy = structuredClone(input);
      this.process.after(this.process.random.exponential(0.2), 'io', 'job', () => {
        Promise.resolve()
          .then(() => job.run(this.process.files, copy, progress))
          .then((output) => resolve(structuredClone(output)))
          .catch(reject)
          .finally(() => this.#rejections.delete(reject));
      });
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const reject of this.#rejections) reject(new Error('The job was abandoned: jobs were closed.'));
    this.#rejections.clear();
  }
}
