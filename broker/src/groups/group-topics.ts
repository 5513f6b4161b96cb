/** What the group coordinator needs of the MetadataCache: how many partitions __consumer_offsets has. */
export interface GroupTopics {
  topic(name: string): { readonly partitions: ReadonlyMap<number, unknown> } | undefined;
}
