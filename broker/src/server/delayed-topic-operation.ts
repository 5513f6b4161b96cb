import { DelayedOperation } from '../replication/purgatory';

/**
 * The answer to a request about topics, waiting until the cluster has done what was asked (Kafka's
 * DelayedCreatePartitions and DelayedDeleteTopics). `done` is called when it has, or when the time is over.
 */
export class DelayedTopicOperation extends DelayedOperation {
  constructor(
    timeoutMs: number,
    private readonly isDone: () => boolean,
    private readonly done: () => void,
  ) {
    super(timeoutMs);
  }

  override tryComplete(): boolean {
    return this.isDone() && this.complete();
  }

  protected override onComplete(): void {
    this.done();
  }
}
