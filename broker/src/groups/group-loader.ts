import type { Logger } from '../logging/logger';
import { KafkaError, ProtocolError } from '../protocol/errors';
import type { GroupMetadataValue } from '../protocol/internal/group-metadata';
import { isControlBatch, isTransactional, lastOffset, producerId } from '../records/batch-header';
import { ControlRecordType, controlRecordType } from '../records/control-records';
import { readRecords } from '../records/read-records';
import type { LogRecord } from '../records/record';
import { readGroupRecordKey, readGroupValue, readOffsetValue } from './group-records';
import type { CoordinatorLoad } from '../replication/coordinator-loader';
import type { CommittedOffset } from './offset-and-metadata';
import { TopicPartitionMap } from './topic-partition-map';

/** Offsets by group. */
type OffsetsByGroup = Map<string, TopicPartitionMap<CommittedOffset>>;

/** What the records of one partition of __consumer_offsets add up to. What cannot be read is passed over with a log line. */
export class GroupLoad implements CoordinatorLoad {
  readonly groups = new Map<string, GroupMetadataValue>();
  readonly offsets: OffsetsByGroup = new Map();
  /** Of transactions that have not ended, by producer id. */
  readonly pendingOffsets = new Map<number, OffsetsByGroup>();
  readonly #logger: Logger;
  readonly #name: string;

  constructor(logger: Logger, name: string) {
    this.#logger = logger;
    this.#name = name;
  }

  damaged(offset: number, why: string): void {
    this.#logger.error(
      `${this.#name} is damaged at offset ${offset}: groups are loaded as they were before it. ${why}.`,
    );
  }

  take(bytes: Buffer, at: number): number {
    const transaction = isTransactional(bytes, at) ? producerId(bytes, at) : undefined;
    let count = 0;
    try {
      if (isControlBatch(bytes, at)) {
        const [marker] = readRecords(bytes, at);
        if (marker) this.#endTransaction(producerId(bytes, at), controlRecordType(marker.key));
        return 1;
      }
      let batchOffset = -1;
      for (const record of readRecords(bytes, at)) {
        if (count++ === 0) batchOffset = record.offset;
        this.#takeRecord(record, transaction, batchOffset);
      }
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      this.#logger.error(
        `A batch of ${this.#name} at offset ${lastOffset(bytes, at)} cannot be read: what it says of groups is lost.`,
        { error },
      );
    }
    return Math.max(1, count);
  }

  #endTransaction(producer: number, type: ControlRecordType | undefined): void {
    const pending = this.pendingOffsets.get(producer);
    this.pendingOffsets.delete(producer);
    if (!pending || type !== ControlRecordType.COMMIT) return;
    for (const [group, commits] of pending) {
      const offsets = offsetsOf(this.offsets, group);
      for (const { topic, partition, value } of commits.entries()) {
        const known = offsets.get(topic, partition);
        if (!known || known.batchOffset < value.batchOffset) offsets.set(topic, partition, value);
      }
    }
  }

  #takeRecord(record: LogRecord, transaction: number | undefined, batchOffset: number): void {
    try {
      if (record.key === null) throw new ProtocolError('it has no key');
      const key = readGroupRecordKey(record.key);
      if (key.kind === 'offset') {
        const { group, topic, partition } = key;
        const byGroup = transaction === undefined ? this.offsets : this.#pendingOf(transaction);
        if (record.value === null) byGroup.get(group)?.delete(topic, partition);
        else offsetsOf(byGroup, group).set(topic, partition, { ...readOffsetValue(record.value), batchOffset });
      } else if (key.kind === 'group') {
        if (record.value === null) this.groups.delete(key.group);
        else this.groups.set(key.group, readGroupValue(record.value));
      } else {
        this.#logger.warn(
          `The record at offset ${record.offset} of ${this.#name} has a key of version ${key.version}, which is none of a group or an offset: it is passed over.`,
        );
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#logger.error(
        `The record at offset ${record.offset} of ${this.#name} cannot be read, and is passed over: ${error.message}.`,
      );
    }
  }

  #pendingOf(transaction: number): OffsetsByGroup {
    let pending = this.pendingOffsets.get(transaction);
    if (!pending) {
      pending = new Map();
      this.pendingOffsets.set(transaction, pending);
    }
    return pending;
  }
}

function offsetsOf(byGroup: OffsetsByGroup, group: string): TopicPartitionMap<CommittedOffset> {
  let offsets = byGroup.get(group);
  if (!offsets) {
    offsets = new TopicPartitionMap();
    byGroup.set(group, offsets);
  }
  return offsets;
}
