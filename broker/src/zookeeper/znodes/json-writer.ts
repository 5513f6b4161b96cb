/**
 * Kafka's JSON stands in the order of its hash maps. Readers do not care, but what is written here is to be what Kafka
 * would have written, byte for byte, so the order of maps with keys of the user's is worked out as theirs.
 */

/** A JSON object in the order of the entries (which objects of JavaScript do not keep for keys that are numbers). */
export class JsonObject {
  constructor(readonly entries: readonly (readonly [key: string, value: JsonValue])[]) {}
}

export type JsonValue = string | number | null | readonly JsonValue[] | JsonObject;

export function jsonBytes(value: JsonValue): Buffer {
  return Buffer.from(jsonText(value), 'utf8');
}

function jsonText(value: JsonValue): string {
  if (value instanceof JsonObject) {
    return `{${value.entries.map(([key, inner]) => `${JSON.stringify(key)}:${jsonText(inner)}`).join(',')}}`;
  }
  if (Array.isArray(value)) return `[${value.map((inner: JsonValue) => jsonText(inner)).join(',')}]`;
  return JSON.stringify(value);
}

/** The order of a scala.collection.mutable.HashMap that began empty: by bucket, then by hash. */
export function inScalaMapOrder<V>(entries: Iterable<readonly [key: string, value: V]>): (readonly [string, V])[] {
  const hashed = [...entries].map((entry) => ({ entry, hash: spreadHash(entry[0]) }));
  let buckets = 16;
  for (let count = 1; count <= hashed.length; count++) {
    if (count >= buckets * 0.75) buckets *= 2;
  }
  return hashed
    .sort((a, b) => (a.hash & (buckets - 1)) - (b.hash & (buckets - 1)) || a.hash - b.hash)
    .map(({ entry }) => entry);
}

/** The order of java.util.Properties (a ConcurrentHashMap): by bucket, then as they came. */
export function inPropertiesOrder<V>(entries: Iterable<readonly [key: string, value: V]>): (readonly [string, V])[] {
  const hashed = [...entries].map((entry) => ({ entry, hash: spreadHash(entry[0]) & 0x7fffffff }));
  let buckets = 16;
  while (hashed.length >= buckets * 0.75) buckets *= 2;
  return hashed.sort((a, b) => (a.hash & (buckets - 1)) - (b.hash & (buckets - 1))).map(({ entry }) => entry);
}

// String.hashCode, its upper half mixed into the lower as both maps do.
function spreadHash(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return hash ^ (hash >>> 16);
}
