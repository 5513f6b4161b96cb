import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The package's version, and what it is compatible with. */
export function version(): string {
  const file = join(__dirname, '..', '..', 'package.json');
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  return `${version} (odradek; commands as in Apache Kafka 3.9)`;
}
