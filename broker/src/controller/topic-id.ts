import type { Random } from '../io/random';

/** A random topic id in Kafka's text form: a version 4 UUID as 22 characters of base64url that do not begin with '-'. */
export function newTopicId(random: Random): string {
  for (;;) {
    const bytes = Buffer.from(random.bytes(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const id = bytes.toString('base64url');
    // A tool would take a leading dash for a flag.
    if (!id.startsWith('-')) return id;
  }
}
