/** The records of __consumer_offsets, in the versions that Kafka 3.9 writes (inter.broker.protocol.version 3.9). */
import { GroupMetadataKey, GroupMetadataValue } from '../protocol/internal/group-metadata';
import { OffsetCommitKey, OffsetCommitValue } from '../protocol/internal/offset-commit';
import { decodeVersioned, encodeVersioned, versionOf } from '../protocol/internal/versioned-record';
import type { RecordInput } from '../records/build-batch';
import type { GroupMetadata } from './group-metadata';
import { clampedMs, type OffsetAndMetadata } from './offset-and-metadata';

const offsetKeyVersion = 1;
const groupKeyVersion = 2;
const offsetValueVersion = 3;
/** The only version that has an expiry of its own: for commits that came with a retention time. */
const offsetValueVersionWithExpiry = 1;
const groupValueVersion = 3;

export type GroupRecordKey =
  | { readonly kind: 'offset'; readonly group: string; readonly topic: string; readonly partition: number }
  | { readonly kind: 'group'; readonly group: string }
  | { readonly kind: 'unknown'; readonly version: number };

/** @throws ProtocolError */
export function readGroupRecordKey(key: Buffer): GroupRecordKey {
  const version = versionOf(key);
  if (version >= OffsetCommitKey.minVersion && version <= OffsetCommitKey.maxVersion) {
    return { kind: 'offset', ...decodeVersioned(OffsetCommitKey, key) };
  }
  if (version === groupKeyVersion) return { kind: 'group', group: decodeVersioned(GroupMetadataKey, key).group };
  return { kind: 'unknown', version };
}

/** @throws ProtocolError */
export function readOffsetValue(value: Buffer): OffsetAndMetadata {
  const { offset, leaderEpoch, metadata, commitTimestamp, expireTimestamp } = decodeVersioned(OffsetCommitValue, value);
  return {
    offset,
    leaderEpoch,
    metadata,
    commitTimestamp: clampedMs(commitTimestamp),
    expireTimestamp: expireTimestamp === -1n ? undefined : clampedMs(expireTimestamp),
  };
}

/** Nothing in it is a slice of `value`. @throws ProtocolError */
export function readGroupValue(value: Buffer): GroupMetadataValue {
  const group = decodeVersioned(GroupMetadataValue, value);
  for (const member of group.members) {
    if (versionOf(value) === 0) member.rebalanceTimeout = member.sessionTimeout;
    // The group outlives the piece of the log that it was read in.
    member.subscription = Buffer.from(member.subscription);
    member.assignment = Buffer.from(member.assignment);
  }
  return group;
}

export function offsetRecord(
  group: string,
  topic: string,
  partition: number,
  offset: OffsetAndMetadata,
  timestamp: number,
): RecordInput {
  const { leaderEpoch, metadata, expireTimestamp } = offset;
  const commitTimestamp = BigInt(offset.commitTimestamp);
  const value =
    expireTimestamp === undefined
      ? encodeVersioned(OffsetCommitValue, offsetValueVersion, {
          offset: offset.offset,
          leaderEpoch,
          metadata,
          commitTimestamp,
        })
      : encodeVersioned(OffsetCommitValue, offsetValueVersionWithExpiry, {
          offset: offset.offset,
          metadata,
          commitTimestamp,
          expireTimestamp: BigInt(expireTimestamp),
        });
  return { key: offsetKey(group, topic, partition), value, timestamp };
}

export function offsetTombstone(group: string, topic: string, partition: number, timestamp: number): RecordInput {
  return { key: offsetKey(group, topic, partition), value: null, timestamp };
}

/** @param assignments by member id, of every member */
export function groupRecord(
  group: GroupMetadata,
  assignments: ReadonlyMap<string, Buffer>,
  timestamp: number,
): RecordInput {
  const { protocolName } = group;
  const value = encodeVersioned(GroupMetadataValue, groupValueVersion, {
    protocolType: group.protocolType ?? '',
    generation: group.generationId,
    protocol: protocolName ?? null,
    leader: group.leaderId ?? null,
    currentStateTimestamp: group.currentStateTimestamp ?? -1,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rebalanceTimeout: member.rebalanceTimeoutMs,
      sessionTimeout: member.sessionTimeoutMs,
      subscription: member.metadata(protocolName ?? ''),
      assignment: assignments.get(member.memberId) ?? Buffer.alloc(0),
    })),
  });
  return { key: groupKey(group.groupId), value, timestamp };
}

export function groupTombstone(groupId: string, timestamp: number): RecordInput {
  return { key: groupKey(groupId), value: null, timestamp };
}

function offsetKey(group: string, topic: string, partition: number): Buffer {
  return encodeVersioned(OffsetCommitKey, offsetKeyVersion, { group, topic, partition });
}

function groupKey(group: string): Buffer {
  return encodeVersioned(GroupMetadataKey, groupKeyVersion, { group });
}
