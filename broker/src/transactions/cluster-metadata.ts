/** What the transaction coordinator needs of the MetadataCache: who leads what, as far as the controller has told. */
export interface ClusterMetadata {
  /** Live brokers; none before the controller has told of the cluster. */
  readonly brokers: ReadonlyMap<number, unknown>;
  partition(topic: string, index: number): { readonly leader: number } | undefined;
}
