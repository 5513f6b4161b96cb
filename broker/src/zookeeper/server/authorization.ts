import { createHash } from 'node:crypto';
import { KeeperException } from '../keeper-exception';
import { KeeperCode, Perms, type Acl, type Id } from '../requests';

/** The id that a client gets for `user:password` (DigestAuthenticationProvider): user:base64(sha1(user:password)). */
export function digestId(auth: Buffer): Id {
  const text = auth.toString('utf8');
  const hash = createHash('sha1').update(text, 'utf8').digest('base64');
  return { scheme: 'digest', id: `${text.split(':', 1)[0]!}:${hash}` };
}

/** Whether one of the ids may do what `perm` says; an empty list allows everything, as in ZooKeeper. */
export function allows(acl: readonly Acl[], perm: number, ids: readonly Id[]): boolean {
  if (acl.length === 0) return true;
  for (const { perms, id } of acl) {
    if ((perms & perm) === 0) continue;
    if (id.scheme === 'world' && id.id === 'anyone') return true;
    for (const own of ids) {
      if (own.scheme !== id.scheme) continue;
      if (id.scheme === 'ip' ? addressMatches(own.id, id.id) : own.id === id.id) return true;
    }
  }
  return false;
}

export function checkAcl(acl: readonly Acl[], perm: number, ids: readonly Id[], path: string): void {
  if (!allows(acl, perm, ids)) throw new KeeperException(KeeperCode.NOAUTH, path);
}

/**
 * The list as it is kept (PrepRequestProcessor.fixupACL): without repetitions, the scheme "auth" replaced by what the
 * client has authenticated as; `saslIsKnown`: access may be given to SASL logins. Throws InvalidACL when it is empty, of a scheme or form that is not known, or of an
 * "auth" that is nobody.
 */
export function fixupAcl(
  acl: readonly Acl[],
  { ids, saslIsKnown = false }: { readonly ids: readonly Id[]; readonly saslIsKnown?: boolean },
  path: string,
): Acl[] {
  const fixed: Acl[] = [];
  for (const entry of acl) {
    const { scheme, id } = entry.id;
    if (scheme === 'auth') {
      const authenticated = ids.filter((own) => own.scheme === 'digest' || own.scheme === 'sasl');
      if (authenticated.length === 0) throw invalidAcl(path, 'nobody is authenticated, which "auth" stands for');
      for (const own of authenticated) add(fixed, { perms: entry.perms, id: own });
    } else if (
      (scheme === 'world' && id === 'anyone') ||
      (scheme === 'digest' && /^[^:]*:[^:]+:*$/.test(id)) ||
      (scheme === 'ip' && parseNetwork(id) !== undefined) ||
      (scheme === 'sasl' && saslIsKnown && /^[^@]*(@[^/@]*)?$/.test(id))
    ) {
      add(fixed, entry);
    } else {
      throw invalidAcl(
        path,
        `${scheme}:${id} is none of world:anyone, auth:, digest:USER:HASH, ip:ADDRESS[/BITS]${saslIsKnown ? ', sasl:USER' : ''}`,
      );
    }
  }
  if (fixed.length === 0) throw invalidAcl(path, 'the list is empty');
  return fixed;
}

/**
 * What a client that may read a znode, but not administer it, sees of its list: no password hashes.
 */
export function withoutHashes(acl: readonly Acl[]): Acl[] {
  return acl.map(({ perms, id }) => ({
    perms,
    id: id.scheme === 'digest' ? { scheme: id.scheme, id: id.id.replace(/:.*/, ':x') } : id,
  }));
}

/** Whether administering is allowed, which shows hashes. */
export function mayAdminister(acl: readonly Acl[], ids: readonly Id[]): boolean {
  return allows(acl, Perms.admin, ids);
}

function add(to: Acl[], entry: Acl): void {
  const has = to.some(
    ({ perms, id }) => perms === entry.perms && id.scheme === entry.id.scheme && id.id === entry.id.id,
  );
  if (!has) to.push(entry);
}

function invalidAcl(path: string, why: string): KeeperException {
  return new KeeperException(KeeperCode.INVALIDACL, path, `INVALIDACL for ${path}: ${why}`);
}

function addressMatches(address: string, expression: string): boolean {
  const network = parseNetwork(expression);
  const own = parseAddress(address);
  if (network === undefined || own === undefined) return false;
  const mask = network.bits === 0 ? 0 : -1 << (32 - network.bits);
  return (network.address & mask) === (own & mask);
}

// IPv4 only, as in ZooKeeper.
function parseNetwork(expression: string): { address: number; bits: number } | undefined {
  const slash = expression.indexOf('/');
  const address = parseAddress(slash < 0 ? expression : expression.slice(0, slash));
  const bits = slash < 0 ? '32' : expression.slice(slash + 1);
  if (address === undefined || !/^\d{1,2}$/.test(bits) || Number(bits) > 32) return undefined;
  return { address, bits: Number(bits) };
}

function parseAddress(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let address = 0;
  for (const part of parts) {
    if (!/^\d{1,3}$/.test(part) || Number(part) > 255) return undefined;
    address = (address << 8) | Number(part);
  }
  return address;
}
