/** Its presence at the top of a log directory says that the last broker there ended in order. */
export const cleanShutdownName = '.kafka_cleanshutdown';

/** `brokerEpoch`: -1 where ZooKeeper gives none. */
export function formatCleanShutdown(brokerEpoch: number): Buffer {
  return Buffer.from(JSON.stringify({ version: 0, brokerEpoch }));
}
