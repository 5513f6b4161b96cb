import { watch } from 'node:fs';
import { dirname } from 'node:path';
import type { Logger } from '../../logging/logger';
import { CommandError, messageOf, UsageError } from '../cli-error';
import { readPropertiesFile } from '../client/client-properties';
import { clusterClient } from '../client/connect';
import { defineCommand } from '../command';
import type { CliContext } from '../context';
import { flag, required, text } from '../options';
import { Reconciler } from '../reconcile/reconciler';
import { parseTopicsFile, type WantedTopic } from '../reconcile/topics-file';
import { logOptions, serverLog } from '../serve/server-log';

/** A changed file is looked at after this pause: a ConfigMap changes in several steps. */
const settleMs = 200;

export const reconcile = defineCommand({
  summary: 'Make the topics of a cluster what a file says, and keep them so.',
  options: {
    bootstrapServer: text('server', 'Brokers to ask first: host:port,host:port.'),
    commandConfig: text('file', "Properties of the client that asks, in Kafka's names."),
    file: text('topics.json', 'What is wanted; it is watched.'),
    interval: text('duration', 'How often the cluster is looked at: 30s, 500ms, 5m.', { fallback: '30s' }),
    once: flag('Once, and end: exit code 1 if something failed.'),
    dryRun: flag('Only say what would be done.'),
    ...logOptions,
  },
  helpWithoutArguments: true,
  examples: [
    '% --bootstrap-server localhost:9092 --file topics.json',
    '% --bootstrap-server localhost:9092 --file topics.json --once --dry-run',
  ],
  notes: [
    'The file: {"topics":[{"name":"orders","partitions":6,"replicationFactor":3,"config":{"retention.ms":"86400000"},',
    '"deletionPolicy":"retain"}]}. Topics are created, and altered where they differ; what cannot be altered is reported.',
    'Only what this command made itself with "deletionPolicy":"delete" is deleted when it is taken out of the file; what it',
    'made it remembers in the topic __odradek_reconcile of the cluster.',
  ].join('\n'),
  async run({ options: given }, context) {
    const servers = required('bootstrap-server', given.bootstrapServer);
    const path = required('file', given.file);
    const intervalMs = parseInterval(given.interval);
    const logger = serverLog(given).child('reconcile');
    const properties = await readPropertiesFile(context.io.files, '--command-config', given.commandConfig);
    // A cluster that is away is tried again by the next run.
    if (!given.once && !properties.has('default.api.timeout.ms')) properties.set('default.api.timeout.ms', '15000');
    const client = clusterClient(
      { ...context, stderr: quiet(context, logger) },
      servers,
      properties,
      'odradek-reconcile',
    );
    const reconciler = new Reconciler(context.io, logger, client, given.dryRun);
    try {
      if (given.once) {
        const { changes, drifts, failures } = await reconciler.run(parseTopicsFile(await readText(context, path)));
        logger.info(`Done: ${changes} changes, ${drifts} that cannot be made, ${failures} failures.`);
        return failures === 0 ? 0 : 1;
      }
      await keepReconciling(context, logger, reconciler, path, intervalMs);
      return 0;
    } finally {
      client.close();
    }
  },
});

function parseInterval(text: string): number {
  const [, number, unit = 's'] = /^(\d+)(ms|s|m|h)?$/.exec(text) ?? [];
  const ms = Number(number) * { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit as 'ms' | 's' | 'm' | 'h'];
  if (number === undefined || ms < 100)
    throw new UsageError(`--interval ${text}: 30s, 500ms or 5m is accepted, from 100ms on`);
  return ms;
}

/** The client's warnings as lines of the log. */
function quiet({ stderr }: CliContext, logger: Logger): CliContext['stderr'] {
  return { ...stderr, line: (line = '') => logger.warn(line.replace(/^WARN /, '')) };
}

async function readText({ io }: CliContext, path: string): Promise<string> {
  try {
    return (await io.files.readFile(path)).toString();
  } catch (error) {
    throw new CommandError(`${path} cannot be read: ${messageOf(error)}`);
  }
}

/** Until it is told to stop. Whatever goes wrong is logged, and tried again. */
async function keepReconciling(
  context: CliContext,
  logger: Logger,
  reconciler: Reconciler,
  path: string,
  intervalMs: number,
): Promise<void> {
  const { stop } = context;
  const wakeUp = new WakeUp(path, stop);
  const file = new WantedFile(context, logger, path);
  let outage: string | undefined;
  try {
    while (!stop.aborted) {
      const wanted = await file.read();
      try {
        if (wanted !== undefined) await reconciler.run(wanted);
        if (outage !== undefined) logger.info('The cluster answers again.');
        outage = undefined;
      } catch (error) {
        const message = messageOf(error);
        if (message !== outage) logger.error(`The cluster does not answer, it is tried again: ${message}`);
        outage = message;
      }
      await wakeUp.wait(intervalMs);
    }
  } finally {
    wakeUp.close();
  }
}

/** What the file says, or said when it could be read last. */
class WantedFile {
  #content: string | undefined;
  #wanted: readonly WantedTopic[] | undefined;
  #complaint: string | undefined;

  constructor(
    private readonly context: CliContext,
    private readonly logger: Logger,
    private readonly path: string,
  ) {}

  async read(): Promise<readonly WantedTopic[] | undefined> {
    try {
      const content = await readText(this.context, this.path);
      if (content === this.#content) return this.#wanted;
      this.#content = content;
      this.#wanted = parseTopicsFile(content);
      this.#complaint = undefined;
      this.logger.info(`${this.path} wants ${this.#wanted.length} topics.`);
    } catch (error) {
      const until = this.#wanted === undefined ? 'nothing is done until it can be' : 'what it said before still holds';
      const complaint = `${this.path} is not accepted: ${messageOf(error)}; ${until}.`;
      if (complaint !== this.#complaint) this.logger.error(complaint);
      this.#complaint = complaint;
    }
    return this.#wanted;
  }
}

/** Ends a pause when the file may have changed: its directory is watched, as a ConfigMap changes by a symbolic link. */
class WakeUp {
  readonly #watcher: ReturnType<typeof watch> | undefined;
  readonly #stop: AbortSignal;
  #changed = false;
  #wake: () => void = () => {};

  constructor(path: string, stop: AbortSignal) {
    this.#stop = stop;
    stop.addEventListener('abort', () => this.#wake());
    try {
      this.#watcher = watch(dirname(path), () => {
        this.#changed = true;
        setTimeout(() => this.#wake(), settleMs);
      });
      // Without it the file is seen at the next interval.
      this.#watcher.on('error', () => this.close());
    } catch {
      this.#watcher = undefined;
    }
  }

  async wait(ms: number): Promise<void> {
    if (!this.#changed && !this.#stop.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#changed = false;
    this.#wake = () => {};
  }

  close(): void {
    this.#watcher?.close();
  }
}
