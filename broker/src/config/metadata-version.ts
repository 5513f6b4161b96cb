/** The versions that inter.broker.protocol.version knows in Kafka 3.9, oldest first (MetadataVersion). */
export const metadataVersions: readonly string[] = [
  ...['0.8.0', '0.8.1', '0.8.2', '0.9.0'],
  ...internalVersions('0.10.0', 2),
  ...internalVersions('0.10.1', 3),
  ...internalVersions('0.10.2', 1),
  ...internalVersions('0.11.0', 3),
  ...internalVersions('1.0', 1),
  ...internalVersions('1.1', 1),
  ...internalVersions('2.0', 2),
  ...internalVersions('2.1', 3),
  ...internalVersions('2.2', 2),
  ...internalVersions('2.3', 2),
  ...internalVersions('2.4', 2),
  ...internalVersions('2.5', 1),
  ...internalVersions('2.6', 1),
  ...internalVersions('2.7', 3),
  ...internalVersions('2.8', 2),
  ...internalVersions('3.0', 2),
  ...internalVersions('3.1', 1),
  ...internalVersions('3.2', 1),
  ...internalVersions('3.3', 4),
  ...internalVersions('3.4', 1),
  ...internalVersions('3.5', 3),
  ...internalVersions('3.6', 3),
  ...internalVersions('3.7', 5),
  ...internalVersions('3.8', 1),
  ...internalVersions('3.9', 1),
  ...internalVersions('4.0', 2),
];

function internalVersions(release: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${release}-IV${index}`);
}

// Newer ones are unfinished in 3.9: they are known by their full names only.
const lastRelease = metadataVersions.indexOf('3.9-IV0');

/**
 * The full version that a text names, or undefined: a release stands for its last internal version ("3.9" is "3.9-IV0"),
 * and what follows the release's own segments is dropped ("3.9.2" is "3.9").
 */
export function resolveMetadataVersion(text: string): string | undefined {
  const segments = text.split('.');
  const significant = text.startsWith('0.') ? 3 : 2;
  const key = segments.length > significant ? segments.slice(0, significant).join('.') : text;
  return metadataVersions.findLast(
    (version, index) => version === key || (index <= lastRelease && version.startsWith(`${key}-`)),
  );
}

export function isMetadataVersion(text: string): boolean {
  return resolveMetadataVersion(text) !== undefined;
}

/** Whether one version, by any of its names, is at least as new as another. */
export function isAtLeastVersion(version: string, other: string): boolean {
  return indexOf(version) >= indexOf(other);
}

function indexOf(version: string): number {
  return metadataVersions.indexOf(resolveMetadataVersion(version) ?? '');
}
