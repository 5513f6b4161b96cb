/** What the transaction coordinator needs of the MetadataCache: how many partitions __transaction_state has, and who leads what. */
export interface ClusterMetadata {
  /** Live brokers; none before the controller has told of the cluster. */
  readonly brokers: ReadonlyMap<number, unknown>;
  topic(name: string): { readonly partitions: ReadonlyMap<number, unknown> } | undefined;
  partition(topic: string, index: number): { readonly leader: number } | undefined;
}
