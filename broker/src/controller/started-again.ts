import type { RegisteredBroker } from '../zookeeper/kafka-zk-client';
import type { ControlledPartition } from './controller-context';

/** What a controller that takes office must not take for granted. */
export interface StartedAgain {
  /** They leave every ISR, and join again. */
  readonly brokers: readonly RegisteredBroker[];
  /** They are led in a new epoch, by what is left of their ISR. */
  readonly partitions: readonly ControlledPartition[];
}

/**
 * Brokers that have registered since the ISR that they are in was last written. A controller that sees a broker start
 * again takes it out of the ISR; where there was none to see it, a machine that has lost its power and a part of its
 * log would go on as if it had everything, and might be elected. Where all of an ISR were started again nobody is better,
 * but a new epoch is needed: their leader would write other records at the same offsets, by which no follower sees that
 * it differs. A partition gets all of that in one write, for a second one would hide who was started before the first.
 */
export function startedAgainUnnoticed(
  registered: readonly RegisteredBroker[],
  all: readonly ControlledPartition[],
): StartedAgain {
  const epochs = new Map(registered.map(({ id, brokerEpoch }) => [id, brokerEpoch]));
  const found = new Set<number>();
  const doubtful: ControlledPartition[] = [];
  for (const partition of all) {
    const { leadership } = partition;
    const writtenZxid = leadership?.writtenZxid;
    if (!leadership || writtenZxid === undefined) continue;
    const since = leadership.isr.filter((id) => (epochs.get(id) ?? -1n) > writtenZxid);
    if (since.length === 0) continue;
    doubtful.push(partition);
    const isBetter = leadership.isr.some((id) => epochs.has(id) && !since.includes(id));
    if (isBetter) for (const id of since) found.add(id);
  }
  return {
    brokers: registered.filter(({ id }) => found.has(id)),
    partitions: doubtful.filter(({ leadership }) => leadership?.isr.some((id) => epochs.has(id) && !found.has(id))),
  };
}
