import { createHash, timingSafeEqual } from 'node:crypto';

// SASL DIGEST-MD5 (RFC 2831) as ZooKeeper uses it: qop auth, no reauthentication. All hosts of an ensemble go by one
// name, so that a client need not know a server's.

export interface SaslCredentials {
  readonly username: string;
  readonly password: string;
}

/** An exchange that failed: what the peer sent is not valid, or its secret is another. */
export class SaslException extends Error {
  override readonly name = 'SaslException';
}

const realm = 'zk-sasl-md5';
const digestUri = `zookeeper/${realm}`;
const firstUse = '00000001';
const mostBytes = 4096;

/** A client's side of one exchange. The first token, which it sends unasked, is empty. */
export class DigestMd5Client {
  private expectedProof: Buffer | undefined;
  private done = false;

  /** `cnonce`: random, of this exchange alone. */
  constructor(
    private readonly credentials: SaslCredentials,
    private readonly cnonce: string,
  ) {}

  /** The server's challenge has come. */
  get isAnswering(): boolean {
    return this.expectedProof !== undefined;
  }

  /** The server has proved that it knows the password, too. */
  get isComplete(): boolean {
    return this.done;
  }

  /**
   * What is sent to the server next; undefined: nothing, it is complete.
   * @throws SaslException
   */
  evaluate(token: Buffer): Buffer | undefined {
    const directives = parseDirectives(token);
    if (this.expectedProof !== undefined) {
      const proof = Buffer.from(single(directives, 'rspauth') ?? '', 'latin1');
      if (proof.length !== this.expectedProof.length || !timingSafeEqual(proof, this.expectedProof)) {
        throw new SaslException('the server does not know the password: its answer is another than it would be');
      }
      this.done = true;
      return undefined;
    }
    const nonce = single(directives, 'nonce');
    const algorithm = single(directives, 'algorithm');
    if (nonce === undefined || algorithm !== 'md5-sess') {
      throw new SaslException("the server's challenge has no nonce, or another algorithm than md5-sess");
    }
    const qops = (single(directives, 'qop') ?? 'auth').split(',').map((qop) => qop.trim());
    if (!qops.includes('auth')) throw new SaslException(`the server wants qop ${qops.join(', ')}: only auth is known`);
    const realmGiven = directives.get('realm')?.[0] ?? realm;
    const { username, password } = this.credentials;
    const values = {
      username,
      password,
      realm: realmGiven,
      nonce,
      cnonce: this.cnonce,
      nc: firstUse,
      digestUri,
      authzid: username,
    };
    this.expectedProof = Buffer.from(digest({ ...values, isServer: true }), 'latin1');
    const isUtf8 = single(directives, 'charset') === 'utf-8';
    const text = [
      ...(isUtf8 ? ['charset=utf-8'] : []),
      `username=${quoted(username)}`,
      `realm=${quoted(realmGiven)}`,
      `nonce=${quoted(nonce)}`,
      `nc=${firstUse}`,
      `cnonce=${quoted(this.cnonce)}`,
      `digest-uri=${quoted(digestUri)}`,
      'maxbuf=65536',
      `response=${digest({ ...values, isServer: false })}`,
      'qop=auth',
      `authzid=${quoted(username)}`,
    ].join(',');
    return Buffer.from(text, isUtf8 ? 'utf8' : 'latin1');
  }
}

/** A server's side of one exchange. */
export class DigestMd5Server {
  private challenged = false;
  private user: string | undefined;

  /** `nonce`: random, of this exchange alone. */
  constructor(
    private readonly passwordOf: (username: string) => string | undefined,
    private readonly nonce: string,
  ) {}

  /** Who has logged in, when it is complete. */
  get username(): string | undefined {
    return this.user;
  }

  /**
   * What is sent to the client next.
   * @throws SaslException
   */
  evaluate(token: Buffer): Buffer {
    if (this.user !== undefined) throw new SaslException('the exchange is over');
    if (!this.challenged) {
      this.challenged = true;
      return Buffer.from(
        `realm=${quoted(realm)},nonce=${quoted(this.nonce)},qop="auth",charset=utf-8,algorithm=md5-sess`,
      );
    }
    const directives = parseDirectives(token);
    const needed = (name: string): string => {
      const value = single(directives, name);
      if (value === undefined) throw new SaslException(`the client's answer has no ${name}`);
      return value;
    };
    const username = needed('username');
    const response = Buffer.from(needed('response'), 'latin1');
    if (needed('nonce') !== this.nonce || needed('nc') !== firstUse) {
      throw new SaslException('the client answers another challenge than its own');
    }
    if ((single(directives, 'qop') ?? 'auth') !== 'auth') throw new SaslException('only qop auth is known');
    const password = this.passwordOf(username);
    const values = {
      username,
      password: password ?? '',
      realm: single(directives, 'realm') ?? '',
      nonce: this.nonce,
      cnonce: needed('cnonce'),
      nc: firstUse,
      digestUri: needed('digest-uri'),
      authzid: single(directives, 'authzid'),
    };
    const expected = Buffer.from(digest({ ...values, isServer: false }), 'latin1');
    const isRight = response.length === expected.length && timingSafeEqual(response, expected);
    if (!isRight || password === undefined) {
      throw new SaslException(`user '${username}' is not known here, or the password is another`);
    }
    this.user = username;
    return Buffer.from(`rspauth=${digest({ ...values, isServer: true })}`);
  }
}

interface DigestInput {
  readonly username: string;
  readonly password: string;
  readonly realm: string;
  readonly nonce: string;
  readonly cnonce: string;
  readonly nc: string;
  readonly digestUri: string;
  readonly authzid: string | undefined;
  readonly isServer: boolean;
}

function digest(input: DigestInput): string {
  const { username, password, nonce, cnonce, nc, digestUri, authzid } = input;
  const secret = md5(narrow(username), ':', narrow(input.realm), ':', narrow(password)).digest();
  const a1 = md5(secret, `:${nonce}:${cnonce}${authzid === undefined ? '' : `:${authzid}`}`).digest('hex');
  const a2 = md5(`${input.isServer ? '' : 'AUTHENTICATE'}:${digestUri}`).digest('hex');
  return md5(`${a1}:${nonce}:${nc}:${cnonce}:auth:${a2}`).digest('hex');
}

function md5(...parts: readonly (string | Buffer)[]) {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash;
}

// What has only characters of ISO 8859-1 is hashed in it, everything else in UTF-8.
function narrow(text: string): Buffer {
  return Buffer.from(text, /^[\u0000-\u00ff]*$/.test(text) ? 'latin1' : 'utf8');
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}

function single(directives: ReadonlyMap<string, readonly string[]>, name: string): string | undefined {
  return directives.get(name)?.[0];
}

/** `name=value,name="value"`; a name may come several times. */
function parseDirectives(token: Buffer): ReadonlyMap<string, readonly string[]> {
  if (token.length > mostBytes)
    throw new SaslException(`a token has ${token.length} bytes: at most ${mostBytes} are valid`);
  const text = token.toString('utf8');
  const directives = new Map<string, string[]>();
  const directive = /[\s,]*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\[^])*)"|([^\s,"]*))\s*(?=,|$)/y;
  while (directive.lastIndex < text.length) {
    const match = directive.exec(text);
    if (match === null) throw new SaslException('a token is not a list of name=value');
    const name = match[1]!.toLowerCase();
    const value = match[2]?.replaceAll(/\\([^])/g, '$1') ?? match[3]!;
    const there = directives.get(name);
    if (there === undefined) directives.set(name, [value]);
    else there.push(value);
  }
  return directives;
}
