import type { Construct } from 'constructs';
import { formatProperties } from '../../broker/src/config/properties';
import { reject } from './reject';

interface Area {
  readonly title: string;
  readonly keys: RegExp;
}

// The first area whose expression matches has the key.
const areas: readonly Area[] = [
  { title: 'ZooKeeper', keys: /^zookeeper\./ },
  {
    title: 'Listeners and connections',
    keys: /^(listener|listeners|advertised|inter\.broker\.listener|control\.plane|early\.start|socket\.|connection|max\.connection|num\.network|queued\.|request\.)/,
  },
  {
    title: 'Security',
    keys: /^(security\.|ssl\.|sasl\.|authorizer|super\.users|allow\.everyone|delegation|password\.|principal)/,
  },
  {
    title: 'Replication',
    keys: /^(replica\.|default\.replication|min\.insync|unclean\.|leader\.|follower\.|num\.replica|controlled\.|controller\.|auto\.leader|replication\.)/,
  },
  {
    title: 'Topics',
    keys: /^(auto\.create|delete\.topic|num\.partitions|create\.topic|compression\.|message\.|max\.message)/,
  },
  { title: 'Log', keys: /^(log\.|log$|num\.recovery|background\.|metadata\.log)/ },
  { title: 'Groups and transactions', keys: /^(group\.|offsets?\.|transaction|producer\.)/ },
  { title: 'Broker', keys: /^/ },
];

/** The text of server.properties: areas in a fixed order, the keys of each by name. */
export function renderServerProperties(properties: ReadonlyMap<string, string>): string {
  const sections = areas.map(({ title }) => ({ title, entries: [] as [string, string][] }));
  for (const entry of properties) {
    sections[areas.findIndex(({ keys }) => keys.test(entry[0]))].entries.push(entry);
  }
  return sections
    .filter(({ entries }) => entries.length > 0)
    .map(({ title, entries }) => {
      entries.sort(([one], [other]) => (one < other ? -1 : 1));
      return `# ${title}\n${formatProperties(entries)}`;
    })
    .join('\n');
}

/** A key that one of the construct's own props decides. */
export type OwnedKeys = Readonly<Record<string, string>>;

/** Adds what the user wrote, refusing a key that a prop has decided already. */
export function mergeProperties(
  construct: Construct,
  decided: Map<string, string>,
  given: ReadonlyMap<string, string>,
  owned: OwnedKeys,
): void {
  for (const [key, text] of given) {
    const prop = Object.hasOwn(owned, key) ? owned[key] : undefined;
    if (prop !== undefined) reject(construct, `config (${key})`, text, `the prop ${prop}, which decides it`);
    decided.set(key, text);
  }
}
