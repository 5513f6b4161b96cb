import type { MetadataCache } from '../replication/metadata-cache';

/**
 * Whether clients should be sent here: once every replica that this broker was given is in its ISR. It stays so until
 * the broker stops: a later fault of other brokers is no reason to take this one out.
 */
export class Readiness {
  #missing: () => string | undefined = () => 'this broker is starting';
  #isReady = false;

  /** Names what is still to come, or (`final`) why nothing will. */
  waitsFor(what: string, final = false): void {
    this.#missing = () => what;
    if (final) this.#isReady = false;
  }

  /** What the controller tells of ISRs is asked: a follower's own Partition does not hear of its return. */
  replicasOf(metadata: MetadataCache, brokerId: number): void {
    this.#missing = () => {
      let missing = 0;
      for (const { partitions } of metadata.topics.values()) {
        for (const { replicas, isr } of partitions.values()) {
          if (replicas.includes(brokerId) && !isr.includes(brokerId)) missing++;
        }
      }
      return missing === 0 ? undefined : `${missing} replicas of this broker are not in their ISR`;
    };
  }

  get(): true | string {
    if (this.#isReady) return true;
    const missing = this.#missing();
    this.#isReady = missing === undefined;
    return missing ?? true;
  }
}
