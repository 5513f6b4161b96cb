/**
 * What Stat.ephemeralOwner says in the tree (EphemeralType): nothing (0), the session of an ephemeral, or, in session
 * ids that no server gives out, that the znode is a container or has a time to live.
 */
export type EphemeralType = 'none' | 'session' | 'container' | 'ttl';

export const containerOwner = -(1n << 63n);

/** The longest time to live in milliseconds: 40 bits. */
export const maxTtl = 0xffffffffffn;

const extendedMask = BigInt.asIntN(64, 0xff00000000000000n);
const reservedBits = 0x00ffff0000000000n;

/** The owner of a znode that lives `ttl` milliseconds, 1 to maxTtl. */
export function ttlOwner(ttl: bigint): bigint {
  return extendedMask | ttl;
}

export function ephemeralType(owner: bigint): EphemeralType {
  if (owner === 0n) return 'none';
  if (owner > 0n) return 'session';
  if (owner === containerOwner) return 'container';
  return (owner & extendedMask) === extendedMask && (owner & reservedBits) === 0n ? 'ttl' : 'session';
}

/** Milliseconds to live of an owner of type 'ttl'. */
export function ttlOf(owner: bigint): number {
  return Number(owner & maxTtl);
}
