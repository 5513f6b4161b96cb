/** Java's String.hashCode, by which Kafka places groups and transactional ids: a signed 32-bit integer. */
export function javaStringHash(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return hash;
}

/** The partition of an internal topic that holds what is known about `key`. */
export function partitionForKey(key: string, partitions: number): number {
  const hash = javaStringHash(key);
  return hash === -0x80000000 ? 0 : Math.abs(hash) % partitions;
}
