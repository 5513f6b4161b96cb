/**
 * A storage class by its name: one that is there already, or one that a construct of this app makes
 * (`NfsProvisioner.storageClass`).
 *
 * @example
 * const storageClass = StorageClassRef.named('managed-nfs-storage');
 */
export class StorageClassRef {
  /** A class that exists in the cluster, made by somebody else. */
  static named(name: string): StorageClassRef {
    return new StorageClassRef(name);
  }

  private constructor(
    /** The name that goes into a claim's storageClassName. */
    readonly name: string,
  ) {
    if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name) || name.length > 253) {
      throw new Error(
        `StorageClassRef.named: ${JSON.stringify(name)} is refused; accepted: a storage class's name (a-z, 0-9, - and .)`,
      );
    }
  }
}
