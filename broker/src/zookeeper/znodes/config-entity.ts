import { JsonReader } from './json-reader';
import { inPropertiesOrder, jsonBytes, JsonObject } from './json-writer';

/** Kinds of entities with dynamic configuration in ZooKeeper (ConfigType). */
export const ConfigType = {
  topics: 'topics',
  clients: 'clients',
  users: 'users',
  brokers: 'brokers',
  ips: 'ips',
} as const;
export type ConfigType = (typeof ConfigType)[keyof typeof ConfigType];

/** The entity name that stands for all others of its type. */
export const defaultEntityName = '<default>';

/** /config/TYPE */
export const ConfigEntityTypeZNode = { path: (type: string): string => `/config/${type}` } as const;

/**
 * /config/TYPE/ENTITY: version 1 of the JSON. The name is sanitized (percent-encoded), and for a user's client it is
 * `USER/clients/CLIENT`.
 */
export const ConfigEntityZNode = {
  path: (type: string, sanitizedName: string): string => `${ConfigEntityTypeZNode.path(type)}/${sanitizedName}`,

  encode(config: ReadonlyMap<string, string>): Buffer {
    return jsonBytes(
      new JsonObject([
        ['version', 1],
        ['config', new JsonObject(inPropertiesOrder(config))],
      ]),
    );
  },

  /** A znode without data has no configuration (the parent of a user's clients, for one). */
  decode(path: string, data: Buffer | null): Map<string, string> {
    if (data === null || data.length === 0) return new Map();
    const config = JsonReader.parse(path, data).optional('config');
    return new Map((config?.fields() ?? []).map(([key, value]) => [key, value.string()]));
  },
} as const;

/** The entity whose configuration has changed. */
export interface ConfigChange {
  readonly type: string;
  readonly sanitizedName: string;
}

const changePrefix = 'config_change_';

/** /config/changes/config_change_NNNNNNNNNN, sequential: version 2 of the JSON; version 1 is read. */
export const ConfigChangeZNode = {
  parent: '/config/changes',
  prefix: changePrefix,
  createPath: `/config/changes/${changePrefix}`,
  path: (name: string): string => `/config/changes/${name}`,

  encode({ type, sanitizedName }: ConfigChange): Buffer {
    return jsonBytes(
      new JsonObject([
        ['version', 2],
        ['entity_path', `${type}/${sanitizedName}`],
      ]),
    );
  },

  decode(name: string, data: Buffer | null): ConfigChange {
    const json = JsonReader.parse(ConfigChangeZNode.path(name), data);
    const version = json.field('version').int(1, 2);
    if (version === 1) {
      const type = json.field('entity_type');
      const name = type.string();
      if (name !== 'topics' && name !== 'clients') type.refuse("'topics' or 'clients' is accepted in version 1");
      return { type: name, sanitizedName: json.field('entity_name').string() };
    }
    const path = json.field('entity_path');
    const [, type, sanitizedName] = /^([^/]+)\/(.+)$/.exec(path.string()) ?? [];
    if (type === undefined || sanitizedName === undefined || !Object.hasOwn(ConfigType, type)) {
      return path.refuse(`${Object.keys(ConfigType).join(', ')}, then / and the entity's name, is accepted`);
    }
    return { type, sanitizedName };
  },
} as const;
