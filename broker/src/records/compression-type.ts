/** Codecs by the number that the attributes of a batch carry, and by Kafka's names. */
export const CompressionType = { NONE: 0, GZIP: 1, SNAPPY: 2, LZ4: 3, ZSTD: 4 } as const;
export type CompressionType = (typeof CompressionType)[keyof typeof CompressionType];

const names = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type CompressionName = (typeof names)[number];

/** The attributes have three bits for the codec: 5 to 7 are none of Kafka's. */
export function isCompressionType(id: number): id is CompressionType {
  return id >= 0 && id < names.length;
}

export function compressionName(type: CompressionType): CompressionName {
  return names[type];
}

/** undefined for a name that is no codec ('producer' and 'uncompressed' are settings of a topic, not codecs). */
export function compressionByName(name: string): CompressionType | undefined {
  const id = (names as readonly string[]).indexOf(name);
  return isCompressionType(id) ? id : undefined;
}
