import type { Kind } from './cluster';

/** The brokers of the clusters that are tried: `CLUSTER_KINDS=odradek,apache,apache` tries a mixed one. */
export const kinds: readonly Kind[] = kindsOf(process.env.CLUSTER_KINDS || 'odradek,odradek,odradek');

function kindsOf(text: string): readonly Kind[] {
  const found = text.split(',').map((kind) => {
    if (kind !== 'odradek' && kind !== 'apache') {
      throw new Error(`CLUSTER_KINDS: ${kind} is neither odradek nor apache`);
    }
    return kind;
  });
  if (found.length !== 3) throw new Error(`CLUSTER_KINDS: ${text} are not three kinds`);
  return found;
}

/** A whole number from the environment. */
export function numberOf(name: string, standard: number): number {
  const given = process.env[name];
  if (given === undefined || given === '') return standard;
  if (!/^\d+$/.test(given)) throw new Error(`${name}: ${given} is not a whole number`);
  return Number(given);
}

export const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`;
