import type { Logger } from '../logging/logger';
import type { KafkaZkClient } from '../zookeeper/kafka-zk-client';
import type { PartitionState, VersionedPartitionState } from '../zookeeper/znodes/partition-state';
import { ZnodeError } from '../zookeeper/znodes/znode-error';
import type { ControlledPartition, ControllerContext } from './controller-context';

/** A change of state that is not possible now; the message says why (StateChangeFailedException). */
export class StateChangeFailedException extends Error {
  override readonly name = 'StateChangeFailedException';
}

export interface StateUpdate {
  readonly partition: ControlledPartition;
  /** Written with this controller's epoch. */
  readonly state: PartitionState;
  readonly partitionEpoch: number;
}

export interface StateUpdates {
  readonly finished: readonly {
    readonly partition: ControlledPartition;
    readonly leadership: VersionedPartitionState;
  }[];
  readonly failed: readonly { readonly partition: ControlledPartition; readonly error: Error }[];
  /** Somebody else has written meanwhile: a leader its ISR. To be read again. */
  readonly retry: readonly ControlledPartition[];
}

/** The states of partitions in ZooKeeper, as a controller in its term reads and writes them. */
export class PartitionStates {
  constructor(
    private readonly logger: Logger,
    private readonly zk: KafkaZkClient,
    private readonly context: ControllerContext,
  ) {}

  /**
   * In the order given; `undefined` for those without a state. A state that cannot be read is a failure of that
   * partition alone, and so is one that a later controller has written.
   */
  async read(
    partitions: readonly ControlledPartition[],
  ): Promise<(VersionedPartitionState | StateChangeFailedException | undefined)[]> {
    return await Promise.all(
      partitions.map(async (partition) => {
        try {
          const state = await this.zk.getPartitionState({ topic: partition.topic.name, partition: partition.index });
          if (state && state.controllerEpoch > this.context.epoch) {
            return new StateChangeFailedException(
              `the state of ${partition} was written by the controller of epoch ${state.controllerEpoch}, which came after this one`,
            );
          }
          return state;
        } catch (error) {
          if (!(error instanceof ZnodeError)) throw error;
          this.logger.error(`The state of ${partition} cannot be read: ${error.message}`);
          return new StateChangeFailedException(`the state of ${partition} cannot be read: ${error.message}`);
        }
      }),
    );
  }

  /** Takes over what ZooKeeper has; of a partition without a readable state what was known is kept. */
  async refresh(partitions: readonly ControlledPartition[]): Promise<void> {
    const states = await this.read(partitions);
    partitions.forEach((partition, i) => {
      const state = states[i];
      if (state && !(state instanceof Error)) partition.leadership = state;
    });
  }

  /** Writes states, each where its version is the expected one, and remembers those that were written. */
  async update(updates: readonly StateUpdate[]): Promise<StateUpdates> {
    const { epoch, epochZkVersion } = this.context;
    const states = updates.map(({ state }) => ({ ...withoutVersion(state), controllerEpoch: epoch }));
    const outcomes = await this.zk.setPartitionStates(
      updates.map(({ partition, partitionEpoch }, i) => ({
        topic: partition.topic.name,
        partition: partition.index,
        state: states[i],
        partitionEpoch,
      })),
      epochZkVersion,
    );
    const finished: StateUpdates['finished'][number][] = [];
    const failed: StateUpdates['failed'][number][] = [];
    const retry: ControlledPartition[] = [];
    outcomes.forEach((outcome, i) => {
      const { partition } = updates[i];
      if ('partitionEpoch' in outcome) {
        const leadership = { ...states[i], partitionEpoch: outcome.partitionEpoch };
        partition.leadership = leadership;
        finished.push({ partition, leadership });
      } else if ('retry' in outcome) {
        retry.push(partition);
      } else {
        failed.push({ partition, error: outcome.error });
      }
    });
    return { finished, failed, retry };
  }

  /**
   * Writes the first states of new partitions. One that is there already is taken over: it may be this very write,
   * whose reply was lost. Gives those that have failed.
   */
  async create(
    created: readonly { readonly partition: ControlledPartition; readonly state: PartitionState }[],
  ): Promise<{ readonly partition: ControlledPartition; readonly error: Error }[]> {
    const outcomes = await this.zk.createPartitionStates(
      created.map(({ partition, state }) => ({
        partition: { topic: partition.topic.name, partition: partition.index },
        state,
      })),
      this.context.epochZkVersion,
    );
    const failed: { readonly partition: ControlledPartition; readonly error: Error }[] = [];
    outcomes.forEach((outcome, i) => {
      const { partition, state } = created[i];
      if ('partitionEpoch' in outcome) partition.leadership = { ...state, partitionEpoch: outcome.partitionEpoch };
      else failed.push({ partition, error: 'error' in outcome ? outcome.error : new Error('it has another version') });
    });
    await this.refresh(failed.map(({ partition }) => partition));
    return failed.filter(({ partition }) => !partition.leadership);
  }
}

function withoutVersion({
  leader,
  leaderEpoch,
  isr,
  leaderRecoveryState,
  controllerEpoch,
}: PartitionState): PartitionState {
  return { leader, leaderEpoch, isr, leaderRecoveryState, controllerEpoch };
}
