import type { Size } from 'cdk8s';
import { PersistentVolumeAccessMode } from 'cdk8s-plus-27';
import type { StorageClassRef } from './storage-class-ref';

/** A claim that each pod gets for itself. */
export interface PersistentStorageProps {
  /** How much each pod claims. An NFS directory does not enforce it. */
  readonly size: Size;
  /**
   * The class that provisions it.
   *
   * @default - the Kubernetes cluster's default class; a claim stays pending where there is none
   */
  readonly storageClass?: StorageClassRef;
  /**
   * @default PersistentVolumeAccessMode.READ_WRITE_ONCE
   */
  readonly accessMode?: PersistentVolumeAccessMode;
}

/** A directory of the node that goes away with the pod. */
export interface EphemeralStorageProps {
  /**
   * The pod is evicted when it holds more.
   *
   * @default - as much as the node has
   */
  readonly sizeLimit?: Size;
}

/** One volume, as the workloads render it. */
export interface StorageVolume {
  /** The claim, or nothing for a directory that goes away with the pod. */
  readonly claim?: PersistentStorageProps;
  readonly sizeLimit?: Size;
}

/**
 * Where a workload keeps its data.
 *
 * @example
 * const storage = Storage.persistent({ size: Size.gibibytes(8), storageClass: StorageClassRef.named('fast') });
 */
export abstract class Storage {
  /** A claim for each pod; it stays when the pod, or the whole StatefulSet, goes. */
  static persistent(props: PersistentStorageProps): Storage {
    return new Volumes([{ claim: props }]);
  }

  /** A directory of the node: for tests. The data goes away with the pod. */
  static ephemeral(props: EphemeralStorageProps = {}): Storage {
    return new Volumes([{ sizeLimit: props.sizeLimit }]);
  }

  /** Several volumes: Kafka gets one of its `log.dirs` on each. The number can't change later without new pods' claims. */
  static jbod(...storages: Storage[]): Storage {
    return new Volumes(storages.flatMap((storage) => [...storage._volumes()]));
  }

  /** Whether the data outlives the pods. */
  get isPersistent(): boolean {
    return this._volumes().every((volume) => volume.claim !== undefined);
  }

  /** @internal */
  abstract _volumes(): readonly StorageVolume[];
}

class Volumes extends Storage {
  constructor(private readonly volumes: readonly StorageVolume[]) {
    super();
  }

  _volumes(): readonly StorageVolume[] {
    return this.volumes;
  }
}

/** The access mode of a claim that says nothing else. */
export const defaultAccessMode = PersistentVolumeAccessMode.READ_WRITE_ONCE;
