import { Chart } from 'cdk8s';
import type { Construct } from 'constructs';
import { reject } from './reject';

/** Refuses what the API server would refuse as a Service's or a label's name. */
export function requireDnsLabel(construct: Construct, what: string, value: string, most = 63): void {
  if (!/^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(value) || value.length > most) {
    reject(construct, what, value, `up to ${most} of a-z, 0-9 and -, a letter first and no - last`);
  }
}

/** Refuses what the API server would refuse as a label's value. */
export function requireLabelValue(construct: Construct, what: string, value: string): void {
  if (!/^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(value) || value.length > 63) {
    reject(construct, what, value, 'up to 63 of A-Z, a-z, 0-9, -, _ and ., a letter or digit first and last');
  }
}

/** The prop, or else the chart's namespace, or else `default`: always explicit in the manifest. */
export function namespaceOf(construct: Construct, given: string | undefined): string {
  const namespace = given ?? Chart.of(construct).namespace ?? 'default';
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(namespace) || namespace.length > 63) {
    reject(construct, 'namespace', namespace, 'up to 63 of a-z, 0-9 and -, no - first or last');
  }
  return namespace;
}

/**
 * Refuses an image that is not pinned: without a tag or digest, or with the tag `latest`.
 * A registry's port (`host:5000/name`) is no tag.
 */
export function requirePinnedImage(construct: Construct, what: string, image: string): void {
  const [name, digest] = image.split('@');
  const tag = /:([A-Za-z0-9_][A-Za-z0-9._-]{0,127})$/.exec(name.slice(name.lastIndexOf('/') + 1))?.[1];
  if ((tag === undefined && !digest?.startsWith('sha256:')) || tag === 'latest' || /\s/.test(image)) {
    reject(construct, what, image, 'an image with a tag other than latest, or with a digest');
  }
}
