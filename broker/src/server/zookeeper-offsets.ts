import type { LegacyOffsets } from '../groups/group-coordinator-options';
import type { KafkaZkClient } from '../zookeeper/kafka-zk-client';
import { isKeeperException } from '../zookeeper/keeper-exception';
import { KeeperCode } from '../zookeeper/requests';
import { ConsumerOffsetZNode } from '../zookeeper/znodes/consumer-offset';

/** Offsets of clients before 0.9, which OffsetCommit and OffsetFetch v0 keep in ZooKeeper. */
export function zooKeeperOffsets(zk: KafkaZkClient): LegacyOffsets {
  return {
    async get(group, topic, partition) {
      const path = ConsumerOffsetZNode.path(group, topic, partition);
      const found = await zk.get(path);
      return found && ConsumerOffsetZNode.decode(path, found.data);
    },

    async set(group, topic, partition, offset) {
      const path = ConsumerOffsetZNode.path(group, topic, partition);
      const data = ConsumerOffsetZNode.encode(offset);
      try {
        await zk.set(path, data);
      } catch (error) {
        if (!isKeeperException(error, KeeperCode.NONODE)) throw error;
        try {
          await zk.createRecursive(path, data);
        } catch (error) {
          if (!isKeeperException(error, KeeperCode.NODEEXISTS)) throw error;
          await zk.set(path, data);
        }
      }
    },
  };
}
