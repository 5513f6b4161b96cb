import type { RegisteredBroker } from '../zookeeper/kafka-zk-client';
import type { ControlledPartition, ControllerContext } from './controller-context';

/**
 * Brokers that have registered since the ISR that they are in was last written. A controller that sees a broker start
 * again takes it out of the ISR; where there was none to see it, a machine that has lost its power and a part of its
 * log would go on as if it had everything, and might be elected. Where all of an ISR were started again nobody is better.
 */
export function startedAgainUnnoticed(
  registered: readonly RegisteredBroker[],
  partitions: readonly ControlledPartition[],
): RegisteredBroker[] {
  const epochs = new Map(registered.map(({ id, brokerEpoch }) => [id, brokerEpoch]));
  const found = new Set<number>();
  for (const { leadership } of partitions) {
    const writtenZxid = leadership?.writtenZxid;
    if (!leadership || writtenZxid === undefined) continue;
    const since = leadership.isr.filter((id) => (epochs.get(id) ?? -1n) > writtenZxid);
    const isBetter = leadership.isr.some((id) => epochs.has(id) && !since.includes(id));
    if (isBetter) for (const id of since) found.add(id);
  }
  return registered.filter(({ id }) => found.has(id));
}

/**
 * Partitions whose leader has registered since their state was written: it may have lost the end of its log with its
 * power, and would write other records at the same offsets in the same epoch, by which no follower sees that it differs.
 */
export function ledBefore(context: ControllerContext): ControlledPartition[] {
  return [...context.partitions()].filter(({ leadership }) => {
    if (leadership?.writtenZxid === undefined) return false;
    const leader = context.brokers.get(leadership.leader);
    return leader !== undefined && leader.epoch > leadership.writtenZxid;
  });
}
