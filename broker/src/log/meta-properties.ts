import { join } from 'node:path';
import type { Files } from '../io/files';
import { readTextIfThere } from './checkpoint-file';

export const metaPropertiesName = 'meta.properties';

/** `meta.properties` of a log directory, version 0 (ZooKeeper mode). */
export interface MetaProperties {
  readonly brokerId: number | undefined;
  readonly clusterId: string | undefined;
  /** Keys that are none of ours, kept when the file is written anew. */
  readonly others: ReadonlyMap<string, string>;
}

/** A meta.properties that cannot be used. The message names the file, the key, the value and what is accepted. */
export class MetaPropertiesError extends Error {
  override readonly name = 'MetaPropertiesError';
}

/** `undefined` when the directory has none yet. */
export async function readMetaProperties(files: Files, logDir: string): Promise<MetaProperties | undefined> {
  const path = join(logDir, metaPropertiesName);
  const text = await readTextIfThere(files, path);
  return text === undefined ? undefined : parseMetaProperties(text, path);
}

export function parseMetaProperties(text: string, path: string): MetaProperties {
  const values = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const pair = /^\s*([^#!=:\s][^=:\s]*)\s*[=:\s]\s*(.*?)\s*$/.exec(line);
    if (pair !== null) {
      values.set(pair[1], pair[2].replaceAll('\\:', ':').replaceAll('\\=', '='));
    }
  }
  const version = values.get('version');
  if (version !== '0') {
    const found = version === undefined ? 'has no version' : `has version ${version}`;
    throw new MetaPropertiesError(
      `${path} ${found}: only version 0 (ZooKeeper mode) is supported; version 1 is a KRaft broker's directory`,
    );
  }
  const id = values.get('broker.id');
  if (id !== undefined && (!/^-?\d{1,10}$/.test(id) || Number(id) > 0x7fffffff || Number(id) < -1)) {
    throw new MetaPropertiesError(`${path}: broker.id is ${id}, where a number from 0 to 2147483647 is expected`);
  }
  const clusterId = values.get('cluster.id');
  for (const key of ['version', 'broker.id', 'cluster.id']) {
    values.delete(key);
  }
  return {
    brokerId: id === undefined || id === '-1' ? undefined : Number(id),
    clusterId: clusterId === '' ? undefined : clusterId,
    others: values,
  };
}

/** As java.util.Properties stores it: an empty comment, the date, the pairs. */
export function formatMetaProperties(properties: MetaProperties, wallMs: number): Buffer {
  const lines = ['#', `#${javaDate(wallMs)}`];
  if (properties.brokerId !== undefined) {
    lines.push(`broker.id=${properties.brokerId}`);
  }
  lines.push('version=0');
  if (properties.clusterId !== undefined) {
    lines.push(`cluster.id=${properties.clusterId}`);
  }
  for (const [key, value] of properties.others) {
    lines.push(`${key}=${value}`);
  }
  return Buffer.from(lines.join('\n') + '\n');
}

/** `Sat Nov 21 07:55:37 UTC 2026` */
function javaDate(wallMs: number): string {
  const [weekday, day, month, year, time] = new Date(wallMs).toUTCString().replace(',', '').split(' ');
  return `${weekday} ${month} ${day} ${time} UTC ${year}`;
}
