import type { Files } from '../files';
import type { Job, Jobs } from '../jobs';

/**
 * Runs jobs on the event loop itself, between other events, which works because a job yields often. Input and output
 * are cloned, as they would be on their way to a worker and back.
 */
export class InProcessJobs implements Jobs {
  readonly #files: Files;
  readonly #rejections = new Set<(error: Error) => void>();
  #closed = false;

  constructor(files: Files) {
    this.#files = files;
  }

  run<In, Out>(job: Job<In, Out>, input: In, progress: (message: string) => void = () => {}): Promise<Out> {
    return new Promise<Out>((resolve, reject) => {
      if (this.#closed) {
        reject(new Error(`Job ${job.name} was not started: jobs are closed.`));
        return;
      }
      const settle = () => this.#rejections.delete(reject);
      this.#rejections.add(reject);
      const copy = structuredClone(input);
      setImmediate(() => {
        Promise.resolve()
          .then(() => job.run(this.#files, copy, progress))
          .then((output) => resolve(structuredClone(output)))
          .catch(reject)
          .finally(settle);
      });
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const reject of this.#rejections) {
      reject(new Error('The job was abandoned: jobs were closed.'));
    }
    this.#rejections.clear();
  }
}
