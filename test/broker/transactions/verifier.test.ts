import { describe, expect, it } from 'vitest';
import { partitionName } from '../../../broker/src/log/topic-partition';
import { VerificationGuard } from '../../../broker/src/log/verification-state-entry';
import { silentLogger } from '../../../broker/src/logging/logger';
import { UnsupportedVersionError } from '../../../broker/src/network/client-connection';
import { ErrorCode, errorName, KafkaError } from '../../../broker/src/protocol/errors';
import type { AddPartitionsToTxnRequest } from '../../../broker/src/protocol/messages/add-partitions-to-txn';
import { buildBatch } from '../../../broker/src/records/build-batch';
import { failedAppend, type AppendDone, type PartitionAppend } from '../../../broker/src/replication/append';
import { AddPartitionsToTxnManager } from '../../../broker/src/transactions/add-partitions-to-txn-manager';
import type { BrokerRequests } from '../../../broker/src/transactions/broker-requests';
import { TransactionVerifier } from '../../../broker/src/transactions/transaction-verifier';

interface Question {
  readonly brokerId: number;
  /** `ID PRODUCER EPOCH PARTITIONS` each. */
  readonly transactions: readonly string[];
  answer(error?: (partition: string) => ErrorCode, errorCode?: ErrorCode): void;
  fail(error: Error): void;
}

/** A leader of the partitions of `data`, and the coordinators that it asks. */
class TestBed {
  readonly questions: Question[] = [];
  readonly appended: PartitionAppend[] = [];
  readonly guards = new Map<number, VerificationGuard>();
  /** Partitions in which a transaction is known to be open. */
  readonly open = new Set<number>();
  isEnabled = true;
  coordinator: number | undefined = 1;
  readonly brokers = new Map<number, unknown>([[1, {}]]);
  readonly verifier: TransactionVerifier;

  constructor() {
    const requests = { send: (brokerId: number, _api: unknown, input: unknown) => this.#ask(brokerId, input) };
    const metadata = {
      brokers: this.brokers,
      topic: () => undefined,
      partition: () => (this.coordinator === undefined ? undefined : { leader: this.coordinator }),
    };
    const manager = new AddPartitionsToTxnManager(silentLogger, metadata, requests as BrokerRequests, () => 0);
    const replicas = {
      append: (_params: unknown, appends: readonly PartitionAppend[], done: AppendDone) => {
        this.appended.push(...appends);
        done(appends.map(() => failedAppend(ErrorCode.NONE)));
      },
      leader: (topic: string, index: number) => {
        if (topic !== 'data') throw new KafkaError(ErrorCode.NOT_LEADER_OR_FOLLOWER);
        const guard = this.guards.get(index) ?? new VerificationGuard();
        this.guards.set(index, guard);
        return { log: { maybeStartTransactionVerification: () => (this.open.has(index) ? undefined : guard) } };
      },
    };
    this.verifier = new TransactionVerifier(replicas, manager, () => this.isEnabled);
  }

  #ask(brokerId: number, input: unknown) {
    const { transactions } = input as AddPartitionsToTxnRequest;
    return new Promise((resolve, reject) =>
      this.questions.push({
        brokerId,
        transactions: transactions.map(({ transactionalId, producerId, producerEpoch, verifyOnly, topics }) => {
          expect(verifyOnly).toBe(true);
          const partitions = topics.flatMap(({ name, partitions: indexes }) => indexes.map((i) => `${name}-${i}`));
          return [transactionalId, producerId, producerEpoch, ...partitions].join(' ');
        }),
        answer: (error = () => ErrorCode.NONE, errorCode = ErrorCode.NONE) =>
          resolve({
            errorCode,
            resultsByTransaction: transactions.map(({ transactionalId, topics }) => ({
              transactionalId,
              topicResults: topics.map(({ name, partitions }) => ({
                name,
                resultsByPartition: partitions.map((partitionIndex) => ({
                  partitionIndex,
                  partitionErrorCode: error(`${name}-${partitionIndex}`),
                })),
              })),
            })),
          }),
        fail: reject,
      }),
    );
  }

  /** Produces a record into each partition; gives the errors once they are there. */
  produce(
    partitions: readonly number[],
    { id = 'tx', producerId = 100, epoch = 0, knowsAbortable = true, topic = 'data', isTransactional = true } = {},
  ): { readonly errors: readonly string[] | undefined; readonly messages: readonly (string | null)[] } {
    const answer: { errors: string[] | undefined; messages: (string | null)[] } = { errors: undefined, messages: [] };
    const appends = partitions.map((partition) => ({
      topic,
      partition,
      records: buildBatch({
        records: [{ value: 'x', timestamp: 0 }],
        ...(isTransactional
          ? { producerId: producerId, producerEpoch: epoch, baseSequence: 0, transactional: true }
          : {}),
      }),
    }));
    const params = { origin: 'client', requiredAcks: -1, timeoutMs: 1000, internalTopicsAllowed: false } as const;
    this.verifier.append(params, id, appends, knowsAbortable, (results) => {
      if (answer.errors) throw new Error('answered twice');
      answer.errors = results.map(({ errorCode }) => errorName(errorCode));
      answer.messages = results.map(({ errorMessage }) => errorMessage);
    });
    return answer;
  }

  async settle(): Promise<void> {
    for (let i = 0; i < 10; i++) await Promise.resolve();
  }
}

describe('what is produced in a transaction', () => {
  it('is written once the coordinator knows of it, with what shows that', async () => {
    const bed = new TestBed();
    bed.open.add(1);
    const answer = bed.produce([0, 1, 2]);
    expect(answer.errors).toBeUndefined();
    expect(bed.questions).toMatchObject([{ brokerId: 1, transactions: ['tx 100 0 data-0 data-2'] }]);
    bed.questions[0].answer();
    await bed.settle();
    expect(answer.errors).toEqual(['NONE', 'NONE', 'NONE']);
    expect(bed.appended.map(({ partition, verificationGuard }) => [partition, verificationGuard])).toEqual([
      [0, bed.guards.get(0)],
      [1, undefined],
      [2, bed.guards.get(2)],
    ]);
  });

  it('is written at once where that is known, where nothing is asked, and where it is in no transaction', () => {
    const bed = new TestBed();
    bed.open.add(0);
    expect(bed.produce([0]).errors).toEqual(['NONE']);
    expect(bed.produce([1], { isTransactional: false }).errors).toEqual(['NONE']);
    bed.isEnabled = false;
    expect(bed.produce([1]).errors).toEqual(['NONE']);
    expect(bed.questions).toEqual([]);
  });

  it('is refused for the partitions alone that do not belong to it', async () => {
    const bed = new TestBed();
    const refuse = (partition: string) => (partition === 'data-1' ? ErrorCode.TRANSACTION_ABORTABLE : ErrorCode.NONE);
    const newer = bed.produce([0, 1]);
    bed.questions[0].answer(refuse);
    await bed.settle();
    expect(newer.errors).toEqual(['NONE', 'TRANSACTION_ABORTABLE']);
    const older = bed.produce([0, 1], { knowsAbortable: false });
    bed.questions[1].answer(refuse);
    await bed.settle();
    expect(older.errors).toEqual(['NONE', 'INVALID_TXN_STATE']);
    expect(bed.appended.map(partitionName)).toEqual(['data-0', 'data-0']);
  });

  it.each([
    ['CONCURRENT_TRANSACTIONS', 'NOT_ENOUGH_REPLICAS'],
    ['COORDINATOR_LOAD_IN_PROGRESS', 'NOT_ENOUGH_REPLICAS'],
    ['NOT_COORDINATOR', 'NOT_ENOUGH_REPLICAS'],
    ['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH'],
    ['INVALID_PRODUCER_ID_MAPPING', 'INVALID_PRODUCER_ID_MAPPING'],
  ] as const)('that the coordinator answers with %s is refused with %s', async (answered, told) => {
    const bed = new TestBed();
    const answer = bed.produce([0]);
    bed.questions[0].answer(() => ErrorCode[answered]);
    await bed.settle();
    expect(answer.errors).toEqual([told]);
    if (told === 'NOT_ENOUGH_REPLICAS') expect(answer.messages[0]).toContain(`Underlying error: ${answered}`);
    expect(bed.appended).toEqual([]);
  });

  it('is to be tried again while the coordinator cannot be asked', async () => {
    const bed = new TestBed();
    bed.coordinator = undefined;
    expect(bed.produce([0]).errors).toEqual(['NOT_ENOUGH_REPLICAS']);
    bed.coordinator = 2;
    expect(bed.produce([0]).errors).toEqual(['NOT_ENOUGH_REPLICAS']);
    bed.coordinator = 1;
    const answer = bed.produce([0]);
    bed.questions[0].fail(new Error('the connection is lost'));
    await bed.settle();
    expect(answer.errors).toEqual(['NOT_ENOUGH_REPLICAS']);
    const refused = bed.produce([0]);
    bed.questions[1].answer(undefined, ErrorCode.CLUSTER_AUTHORIZATION_FAILED);
    await bed.settle();
    expect(refused.errors).toEqual(['INVALID_TXN_STATE']);
  });

  it('is written all the same when the coordinator is too old to be asked', async () => {
    const bed = new TestBed();
    const answer = bed.produce([0]);
    bed.questions[0].fail(new UnsupportedVersionError('version 3'));
    await bed.settle();
    expect(answer.errors).toEqual(['NONE']);
  });

  it('is refused where this broker does not lead, and when it has more than one producer', () => {
    const bed = new TestBed();
    expect(bed.produce([0], { topic: 'other' }).errors).toEqual(['NOT_LEADER_OR_FOLLOWER']);
    const batch = (producerId: number) =>
      buildBatch({
        records: [{ value: 'x', timestamp: 0 }],
        producerId,
        producerEpoch: 0,
        baseSequence: 0,
        transactional: true,
      });
    const mixed = [1, 2].map((producerId) => ({ topic: 'data', partition: producerId, records: batch(producerId) }));
    const params = { origin: 'client', requiredAcks: -1, timeoutMs: 1000, internalTopicsAllowed: false } as const;
    let errors: string[] = [];
    bed.verifier.append(params, 'tx', mixed, true, (results) => {
      errors = results.map(({ errorCode }) => errorName(errorCode));
    });
    expect(errors).toEqual(['INVALID_PRODUCER_ID_MAPPING', 'INVALID_PRODUCER_ID_MAPPING']);
    expect(bed.appended).toEqual([]);
  });
});

describe('a coordinator', () => {
  it('is asked about all at once that came while it was being asked', async () => {
    const bed = new TestBed();
    const first = bed.produce([0], { id: 'first', producerId: 1 });
    const second = bed.produce([1], { id: 'second', producerId: 2 });
    const third = bed.produce([2, 3], { id: 'third', producerId: 3 });
    expect(bed.questions).toHaveLength(1);
    bed.questions[0].answer();
    await bed.settle();
    expect(first.errors).toEqual(['NONE']);
    expect(bed.questions[1].transactions).toEqual(['second 2 0 data-1', 'third 3 0 data-2 data-3']);
    bed.questions[1].answer();
    await bed.settle();
    expect([second.errors, third.errors]).toEqual([['NONE'], ['NONE', 'NONE']]);
  });

  it('is asked for the newest of a producer that asks again, and not for one in an older epoch', async () => {
    const bed = new TestBed();
    bed.produce([9], { id: 'busy', producerId: 9 });
    const given = bed.produce([0]);
    const again = bed.produce([0]);
    expect(given.errors).toEqual(['NOT_ENOUGH_REPLICAS']);
    const newer = bed.produce([0], { epoch: 1 });
    expect(again.errors).toEqual(['INVALID_PRODUCER_EPOCH']);
    expect(bed.produce([0]).errors).toEqual(['INVALID_PRODUCER_EPOCH']);
    bed.questions[0].answer();
    await bed.settle();
    expect(bed.questions[1].transactions).toEqual(['tx 100 1 data-0']);
    bed.questions[1].answer();
    await bed.settle();
    expect(newer.errors).toEqual(['NONE']);
  });
});
