import { resolve } from 'node:path';
import { differencesBetween, formatDifferences } from './difference';
import { readDirectory } from './manifest';
import { isApp, outputOf, withSynthesized } from './synth';
import { ToolError } from './tool-error';

/**
 * Compares what the app synthesizes now with a directory of manifests.
 * @param against the directory; the app's own output if absent
 * @returns the exit code: 1 when an object differs
 */
export function diff(against: string | undefined, say: (line: string) => void): number {
  const app = process.cwd();
  if (!isApp(app)) throw new ToolError(`There is no cdk8s.yaml in ${app}: go to the directory of the app.`);
  const directory = against ?? outputOf(app);
  const old = readDirectory(resolve(directory));
  const current = withSynthesized(app, readDirectory);
  const differences = differencesBetween(old, current);
  if (differences.length === 0) {
    say(`${current.length} objects, as in ${directory}.`);
    return 0;
  }
  for (const line of formatDifferences(differences)) say(line);
  const count = (kind: string) => differences.filter((each) => each.kind === kind).length;
  say(
    `From ${directory} to what the app gives now: ${count('added')} added, ${count('changed')} changed, ${count('removed')} removed.`,
  );
  return 1;
}
