/** What a worker thread of WorkerJobs runs. */
import { createRequire } from 'node:module';
import { parentPort } from 'node:worker_threads';
import type { Job } from '../jobs';
import { NodeFiles } from './files';
import type { JobMessage, JobRequest } from './worker-jobs';

const load = createRequire(__filename);
const files = new NodeFiles();
const port = parentPort;

function answer(message: JobMessage): void {
  port?.postMessage(message);
}

/** The job of that name among what its module exports. */
function jobOf({ module, name }: JobRequest): Job<unknown, unknown> {
  const exported = load(module) as Record<string, Partial<Job<unknown, unknown>> | undefined>;
  for (const value of Object.values(exported)) {
    if (value?.name === name && typeof value.run === 'function') return value as Job<unknown, unknown>;
  }
  throw new Error(`${module} exports no job ${name}`);
}

port?.on('message', (request: JobRequest) => {
  Promise.resolve()
    .then(() => jobOf(request).run(files, request.input, (message) => answer({ kind: 'progress', message })))
    .then((output) => answer({ kind: 'done', output }))
    .catch((error: unknown) => {
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      answer({ kind: 'failed', name, message, code: (error as { readonly code?: unknown } | undefined)?.code });
    });
});
