import { CommandError } from '../cli-error';

/**
 * `k1=v1,k2=[v1,v2],k3=`: commas inside of square brackets belong to the value.
 * @throws CommandError
 */
export function parseAddedConfigs(text: string): Map<string, string> {
  const added = new Map<string, string>();
  // A comma is a separator unless a closing bracket follows it before the next opening one.
  for (const pair of text.split(/,(?=[^\]]*(?:\[|$))/)) {
    const at = pair.indexOf('=');
    const key = (at < 0 ? '' : pair.slice(0, at)).trim();
    if (key === '') {
      throw new CommandError('Invalid entity config: all configs to be added must be in the format "key=val".');
    }
    added.set(
      key,
      pair
        .slice(at + 1)
        .replaceAll(/[[\]]/g, '')
        .trim(),
    );
  }
  requireKeys(added.keys());
  return added;
}

/** @throws CommandError */
export function requireKeys(keys: Iterable<string>): void {
  for (const key of keys) {
    if (!/^[a-zA-Z0-9._-]*$/.test(key)) throw new CommandError(`Invalid character found for config key: ${key}`);
  }
}

/** The values of `--delete-config`, each a key or several with commas. */
export function parseDeletedConfigs(values: readonly string[]): string[] {
  return values.flatMap((value) => value.split(',')).map((key) => key.trim());
}
