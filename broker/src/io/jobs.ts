import type { Files } from './files';

/**
 * Long work that is not a request: log recovery, compaction, recompression. A job is a named module of the broker with
 * a function over `Files`; production runs it in a worker thread with its own `Files`, the simulator as steps between
 * other events. What goes in and comes out is structured-cloneable.
 */
export interface Jobs {
  run<In, Out>(job: Job<In, Out>, input: In, progress?: (message: string) => void): Promise<Out>;
  /** Ends the workers; running jobs reject. */
  close(): Promise<void>;
}

export interface Job<In, Out> {
  readonly name: string;
  /** File of the module that exports the job: a worker loads it, and finds the job there by its name. */
  readonly module: string;
  /** Runs to its end, yielding (awaiting) often. */
  run(files: Files, input: In, progress: (message: string) => void): Promise<Out>;
}
