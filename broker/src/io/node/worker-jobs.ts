import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Job, Jobs } from '../jobs';

/** What goes to a worker: one job, and the next only when it has answered. */
export interface JobRequest {
  readonly module: string;
  readonly name: string;
  readonly input: unknown;
}

/** What comes back. Errors lose their class and their code on the way otherwise. */
export type JobMessage =
  | { readonly kind: 'progress'; readonly message: string }
  | { readonly kind: 'done'; readonly output: unknown }
  | { readonly kind: 'failed'; readonly name: string; readonly message: string; readonly code: unknown };

const workerFile = join(__dirname, 'job-worker.js');
export const hasJobWorker = existsSync(workerFile);

const mostWorkers = 32;
const idleMs = 10_000;
/** How long to wait for the next try when a thread could not be started: at first, and at most. */
const retryMs = 1000;
const longestRetryMs = 30_000;

interface Running {
  readonly progress: (message: string) => void;
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface Waiting extends Running {
  readonly request: JobRequest;
}

/** A worker thread; it does not keep the process alive. */
class JobThread {
  readonly #worker = new Worker(workerFile);
  #running: Running | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(readonly ended: (thread: JobThread) => void) {
    this.#worker.unref();
    this.#worker.on('message', (message: JobMessage) => this.#heard(message));
    this.#worker.on('error', (error: Error) => this.#end(error));
    this.#worker.on('exit', () => this.#end(new Error('the worker thread has ended')));
  }

  whenFree: (thread: JobThread) => void = () => {};

  run({ request, ...running }: Waiting): void {
    clearTimeout(this.#idle);
    this.#running = running;
    // While a job runs that somebody waits for, the process goes on.
    this.#worker.ref();
    try {
      this.#worker.postMessage(request);
    } catch (error) {
      this.#finish().reject(error as Error);
    }
  }

  stop(error: Error): void {
    this.#end(error);
    void this.#worker.terminate();
  }

  #heard(message: JobMessage): void {
    switch (message.kind) {
      case 'progress':
        this.#running?.progress(message.message);
        break;
      case 'done':
        this.#finish().resolve(message.output);
        break;
      case 'failed': {
        const { name, code } = message;
        this.#finish().reject(
          Object.assign(new Error(message.message), { name, ...(code === undefined ? {} : { code }) }),
        );
        break;
      }
    }
  }

  #finish(): Running {
    const running = this.#running!;
    this.#running = undefined;
    this.#worker.unref();
    this.#idle = setTimeout(() => this.stop(new Error('the worker thread was idle')), idleMs).unref();
    // After the caller has heard: what it runs next may take this thread.
    setImmediate(() => this.whenFree(this));
    return running;
  }

  #end(error: Error): void {
    clearTimeout(this.#idle);
    const running = this.#running;
    this.#running = undefined;
    this.ended(this);
    running?.reject(error);
  }
}

/** Runs each job in a worker thread; threads are used again, and end when they are idle. */
export class WorkerJobs implements Jobs {
  readonly #threads = new Set<JobThread>();
  readonly #free = new Set<JobThread>();
  readonly #waiting: Waiting[] = [];
  #closed = false;
  #retry: NodeJS.Timeout | undefined;
  #retryMs = retryMs;

  run<In, Out>(job: Job<In, Out>, input: In, progress: (message: string) => void = () => {}): Promise<Out> {
    return new Promise<Out>((resolve, reject) => {
      if (this.#closed) {
        reject(new Error(`Job ${job.name} was not started: jobs are closed.`));
        return;
      }
      const request = { module: job.module, name: job.name, input };
      this.#waiting.push({ request, progress, resolve: (output) => resolve(output as Out), reject });
      this.#dispatch();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    const error = new Error('The job was abandoned: jobs were closed.');
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    for (const thread of [...this.#threads]) thread.stop(error);
  }

  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#takeFree() ?? this.#start();
      if (thread === undefined) return;
      thread.run(this.#waiting.shift()!);
    }
  }

  #takeFree(): JobThread | undefined {
    for (const thread of this.#free) {
      this.#free.delete(thread);
      return thread;
    }
    return undefined;
  }

  #start(): JobThread | undefined {
    if (this.#threads.size >= mostWorkers || this.#retry !== undefined) return undefined;
    let thread: JobThread;
    try {
      thread = new JobThread((ended) => {
        this.#threads.delete(ended);
        this.#free.delete(ended);
        this.#dispatch();
      });
    } catch (error) {
      this.#startLater(error as Error);
      return undefined;
    }
    this.#retryMs = retryMs;
    thread.whenFree = (freed) => {
      if (this.#threads.has(freed)) {
        this.#free.add(freed);
        this.#dispatch();
      }
    };
    this.#threads.add(thread);
    return thread;
  }

  /** The machine has no thread or memory for one now: what waits gets the next thread that is free, or can be had. */
  #startLater(error: Error): void {
    const seconds = this.#retryMs / 1000;
    for (const { progress } of this.#waiting) {
      progress(`no worker thread could be started (${error.message}): the next try is in ${seconds} s`);
    }
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#dispatch();
    }, this.#retryMs);
    this.#retryMs = Math.min(longestRetryMs, 2 * this.#retryMs);
  }
}
