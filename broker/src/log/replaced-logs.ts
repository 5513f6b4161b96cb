import type { Log } from './log';
import { storageError } from './log-directory';
import { partitionName, type TopicPartition } from './topic-partition';

interface Removal {
  readonly former: Log;
  readonly by: Log;
  readonly done: Promise<void>;
  hasFailed: boolean;
}

/**
 * Logs whose place copies in other directories have taken, until their own directories do not have the partition's name
 * any more: before that, a start finds the partition twice, and nothing else of that name may be begun or ended.
 */
export class ReplacedLogs {
  readonly #removals = new Map<string, Removal>();

  /** @param remove takes away what is left of `former`; may be called again when it has failed */
  constructor(readonly remove: (former: Log, by: Log) => Promise<void>) {}

  /** Begins to remove what is left; settles as that does. */
  add(former: Log, by: Log): Promise<void> {
    const name = partitionName(former.topicPartition);
    const removal: Removal = {
      former,
      by,
      done: this.remove(former, by).then(
        () => void this.#removals.delete(name),
        (error: unknown) => {
          removal.hasFailed = true;
          throw error;
        },
      ),
      hasFailed: false,
    };
    this.#removals.set(name, removal);
    return removal.done;
  }

  /** Waits until nothing is left of a log of the partition. Throws KAFKA_STORAGE_ERROR when that fails. */
  async gone(of: TopicPartition): Promise<void> {
    const removal = this.#goingOn(of);
    try {
      await removal?.done;
    } catch (error) {
      throw storageError(`${leftOf(removal!)} cannot be removed: ${(error as Error).message}`);
    }
  }

  /** The same, but throws KAFKA_STORAGE_ERROR, too, when one of the directories hangs. */
  async goneUnlessHanging(of: TopicPartition): Promise<void> {
    const removal = this.#goingOn(of);
    if (removal === undefined) return;
    const gone = this.gone(of).then(() => true);
    const isGone = await removal.by.directory.unlessHanging(removal.former.directory.unlessHanging(gone));
    if (!isGone) throw storageError(`${leftOf(removal)} is not removed yet, since a log directory does not answer`);
  }

  /** What failed is tried again. */
  #goingOn(of: TopicPartition): Removal | undefined {
    const name = partitionName(of);
    const removal = this.#removals.get(name);
    if (removal?.hasFailed === true) this.add(removal.former, removal.by).catch(() => {});
    return this.#removals.get(name);
  }
}

function leftOf({ former, by }: Removal): string {
  const name = partitionName(former.topicPartition);
  return `what is left of ${name} in ${former.logDir}, from where it was moved to ${by.logDir},`;
}
