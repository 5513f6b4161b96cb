import type { IConstruct } from 'constructs';

const metadataType = 'odradek:warning';
const watched = new WeakSet<IConstruct>();

/**
 * Notes something that is accepted but will probably be regretted. It is kept as metadata of the construct and goes to
 * stderr, once, when the app is synthesized.
 */
export function warn(construct: IConstruct, message: string): void {
  construct.node.addMetadata(metadataType, message);
  if (watched.has(construct)) return;
  watched.add(construct);
  let printed = 0;
  // Validation is the one hook that every way of synthesizing runs; this one never fails.
  construct.node.addValidation({
    validate: () => {
      const messages = warningsOfOne(construct);
      for (; printed < messages.length; printed++) {
        process.stderr.write(`odradek: warning: ${construct.node.path}: ${messages[printed]}\n`);
      }
      return [];
    },
  });
}

export function warningsOfOne(construct: IConstruct): string[] {
  return construct.node.metadata.filter((entry) => entry.type === metadataType).map((entry) => String(entry.data));
}
