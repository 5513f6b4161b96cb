import type { GroupPartitionsAssigner, GroupPartitionsAssignments } from '@platformatic/kafka';

/**
 * Kafka's range assignor, which its consumers use unless told otherwise: the members of each topic, in order of their
 * ids, get ranges of its partitions, the first ones one more where it does not divide.
 */
export const rangeAssigner: GroupPartitionsAssigner = (_current, members, _topics, metadata) => {
  const assigned = new Map<string, GroupPartitionsAssignments>();
  const subscribers = new Map<string, string[]>();
  for (const memberId of [...members.keys()].sort()) {
    assigned.set(memberId, { memberId, assignments: new Map() });
    for (const topic of members.get(memberId)?.topics ?? []) {
      subscribers.set(topic, [...(subscribers.get(topic) ?? []), memberId]);
    }
  }
  for (const [topic, memberIds] of subscribers) {
    const count = metadata.topics.get(topic)?.partitionsCount ?? 0;
    const each = Math.floor(count / memberIds.length);
    const more = count % memberIds.length;
    memberIds.forEach((memberId, i) => {
      const start = each * i + Math.min(i, more);
      const length = each + (i < more ? 1 : 0);
      if (length === 0) return;
      const partitions = Array.from({ length }, (_, n) => start + n);
      assigned.get(memberId)!.assignments.set(topic, { topic, partitions });
    });
  }
  return [...assigned.values()];
};
