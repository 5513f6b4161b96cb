import { JsonReader } from './json-reader';
import { jsonBytes, JsonObject } from './json-writer';

/** /cluster/id */
export const ClusterIdZNode = {
  path: '/cluster/id',

  encode(clusterId: string): Buffer {
    return jsonBytes(
      new JsonObject([
        ['version', '1'],
        ['id', clusterId],
      ]),
    );
  },

  decode: (data: Buffer | null): string => JsonReader.parse(ClusterIdZNode.path, data).field('id').string(),
} as const;

/** /brokers/seqid, without data: each write raises its version, from which generated broker ids come. */
export const BrokerSequenceIdZNode = { path: '/brokers/seqid' } as const;
