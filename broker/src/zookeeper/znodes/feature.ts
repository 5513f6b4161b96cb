import { inScalaMapOrder, jsonBytes, JsonObject } from './json-writer';
import { JsonReader } from './json-reader';

export const FeatureZNodeStatus = { disabled: 0, enabled: 1 } as const;
export type FeatureZNodeStatus = (typeof FeatureZNodeStatus)[keyof typeof FeatureZNodeStatus];

/** The features that the cluster has finalized (KIP-584): their maximum version level. */
export interface FinalizedFeatures {
  readonly status: FeatureZNodeStatus;
  readonly features: ReadonlyMap<string, number>;
  /** Of the JSON: 1 for an inter.broker.protocol.version below 3.3. @default 2 */
  readonly version?: number;
}

/** /feature: versions 1 (with a minimum, which is the maximum) and 2 of the JSON. */
export const FeatureZNode = {
  path: '/feature',

  encode({ status, features, version = 2 }: FinalizedFeatures): Buffer {
    const levels = [...features].map(([name, level]) => {
      const min: (readonly [string, number])[] = version === 1 ? [['min_version_level', level]] : [];
      return [name, new JsonObject([['max_version_level', level], ...min])] as const;
    });
    return jsonBytes(
      new JsonObject([
        ['features', new JsonObject(inScalaMapOrder(levels))],
        ['version', version],
        ['status', status],
      ]),
    );
  },

  decode(data: Buffer | null): FinalizedFeatures {
    const json = JsonReader.parse(FeatureZNode.path, data);
    const version = json.field('version').int(1, 2);
    const features = new Map<string, number>();
    for (const [name, levels] of json.field('features').fields()) {
      const max = levels.field('max_version_level');
      if (version === 1 && levels.field('min_version_level').int(1, 0x7fff) > max.int(1, 0x7fff)) {
        max.refuse('a level not below min_version_level is accepted');
      }
      features.set(name, max.int(1, 0x7fff));
    }
    return { status: json.field('status').int(0, 1) as FeatureZNodeStatus, features };
  },
} as const;
