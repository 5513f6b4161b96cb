import { JuteReader } from '../../../broker/src/zookeeper/jute';
import { OpCode } from '../../../broker/src/zookeeper/requests';
import { readTxn, type Txn } from '../../../broker/src/zookeeper/server/transactions';
import { TopicPartitionStateZNode, type PartitionState } from '../../../broker/src/zookeeper/znodes/partition-state';
import type { Disk } from '../io/disk';
import { Violation } from './violation';

const fileHeaderBytes = 16;
const entryHeadBytes = 12;
const statePath = /^\/brokers\/topics\/([^/]+)\/partitions\/(\d+)\/state$/;

export interface HistorySummary {
  readonly transactions: number;
  readonly controllerEpoch: number;
  readonly partitionStates: number;
}

/**
 * Reads everything that ZooKeeper has ever committed, and judges what the controllers wrote: every change of a
 * partition's state is fenced by the controller epoch, written in the newest one, with leader epochs that only grow, one
 * leader an epoch, and out of the ISR.
 */
export function checkZooKeeperHistory(disk: Disk, directory: string): HistorySummary {
  const states = new Map<string, PartitionState>();
  let controllerEpoch = -1;
  let transactions = 0;
  let partitionStates = 0;

  const changed = (path: string, data: Buffer | null, isFenced: boolean): void => {
    if (path === '/controller_epoch') {
      const epoch = Number(data?.toString());
      if (epoch !== controllerEpoch + 1 && controllerEpoch >= 0) {
        throw new Violation(`/controller_epoch went from ${controllerEpoch} to ${epoch}`);
      }
      controllerEpoch = epoch;
      return;
    }
    const match = statePath.exec(path);
    if (match === null) return;
    partitionStates++;
    const topicPartition = { topic: match[1], partition: Number(match[2]) };
    const next = TopicPartitionStateZNode.decode(topicPartition, data, 0);
    if (!isFenced) throw new Violation(`${path} was written without a check of /controller_epoch: ${data?.toString()}`);
    if (next.controllerEpoch > controllerEpoch) {
      throw new Violation(`${path} names controller epoch ${next.controllerEpoch}, ahead of ${controllerEpoch}`);
    }
    const before = states.get(path);
    states.set(path, next);
    if (before === undefined) return;
    const how = `from ${JSON.stringify(before)} to ${JSON.stringify(next)}`;
    if (next.leaderEpoch < before.leaderEpoch) throw new Violation(`${path}: the leader epoch went back ${how}`);
    if (next.controllerEpoch < before.controllerEpoch)
      throw new Violation(`${path}: written by an old controller ${how}`);
    if (next.leader !== before.leader && next.leaderEpoch === before.leaderEpoch) {
      throw new Violation(`${path}: another leader in the same leader epoch ${how}`);
    }
    if (next.leader >= 0 && next.leader !== before.leader && !before.isr.includes(next.leader)) {
      throw new Violation(`${path}: the new leader was not in the ISR ${how}`);
    }
    if (next.leader >= 0 && !next.isr.includes(next.leader))
      throw new Violation(`${path}: leader outside its ISR ${how}`);
    if (next.isr.length === 0) throw new Violation(`${path}: the ISR is empty ${how}`);
    if (new Set(next.isr).size !== next.isr.length)
      throw new Violation(`${path}: a replica is twice in the ISR ${how}`);
  };
  const apply = (txn: Txn, isFenced: boolean): void => {
    switch (txn.type) {
      case OpCode.create:
      case OpCode.create2:
      case OpCode.setData:
        changed(txn.path, txn.data, isFenced);
        break;
      case OpCode.delete:
        states.delete(txn.path);
        break;
      case OpCode.multi: {
        const isChecked = txn.txns.some((each) => each.type === OpCode.check && each.path === '/controller_epoch');
        for (const each of txn.txns) apply(each, isChecked);
        break;
      }
    }
  };
  for (const bytes of logFiles(disk, directory)) {
    for (let at = fileHeaderBytes; at + entryHeadBytes < bytes.length;) {
      const length = bytes.readInt32BE(at + 8);
      if (length <= 0 || at + entryHeadBytes + length >= bytes.length) break;
      const start = at + entryHeadBytes;
      const { txn } = readTxn(new JuteReader(bytes.subarray(start, start + length)));
      transactions++;
      apply(txn, false);
      at = start + length + 1;
    }
  }
  return { transactions, controllerEpoch, partitionStates };
}

function logFiles(disk: Disk, directory: string): Buffer[] {
  const node = disk.find(`${directory}/version-2`);
  if (node?.kind !== 'directory') return [];
  return [...node.entries]
    .filter(([name]) => name.startsWith('log.'))
    .sort(([a], [b]) => parseInt(a.slice(4), 16) - parseInt(b.slice(4), 16))
    .map(([, file]) => (file.kind === 'file' ? file.cached.view() : Buffer.alloc(0)));
}
