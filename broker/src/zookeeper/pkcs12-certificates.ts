import { createDecipheriv, createHash, pbkdf2Sync } from 'node:crypto';

// Node takes PKCS #12 only where a private key is in it; a trust store has none. RFC 7292, in DER.

const oid = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  certBag: '1.2.840.113549.1.12.10.1.3',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
  sha1And3Des: '1.2.840.113549.1.12.1.3',
} as const;

const digests: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
};
const ciphers: Readonly<Record<string, { readonly name: string; readonly keyBytes: number }>> = {
  '2.16.840.1.101.3.4.1.2': { name: 'aes-128-cbc', keyBytes: 16 },
  '2.16.840.1.101.3.4.1.22': { name: 'aes-192-cbc', keyBytes: 24 },
  '2.16.840.1.101.3.4.1.42': { name: 'aes-256-cbc', keyBytes: 32 },
};
const mostIterations = 10_000_000;

/** A PKCS #12 file that cannot be read: it is none, the password is another, or it is encrypted in a way of old. */
export class Pkcs12Error extends Error {
  override readonly name = 'Pkcs12Error';
}

/**
 * The certificates of a PKCS #12 file, as PEM, in its order. Its integrity is not checked: it is as trusted as the
 * directory it lies in.
 * @throws Pkcs12Error
 */
export function pkcs12Certificates(file: Buffer, password: string): string[] {
  try {
    const pfx = Der.read(file).children();
    const found: string[] = [];
    for (const content of Der.read(contentOf(pfx[1]!)).children()) {
      for (const bag of Der.read(safeContents(content, password)).children()) collect(bag, found);
    }
    return found;
  } catch (error) {
    if (error instanceof Pkcs12Error) throw error;
    throw new Pkcs12Error('it is no PKCS #12 file, or damaged', { cause: error });
  }
}

function collect(bag: Der, found: string[]): void {
  const [id, value] = bag.children();
  if (id!.oid() !== oid.certBag) return;
  const [type, certificate] = value!.child(0).children();
  if (type!.oid() !== oid.x509Certificate) return;
  const base64 = certificate!
    .child(0)
    .content.toString('base64')
    .replaceAll(/.{64}(?=.)/g, '$&\n');
  found.push(`-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`);
}

function contentOf(contentInfo: Der): Buffer {
  const [type, content] = contentInfo.children();
  if (type!.oid() !== oid.data) throw new Pkcs12Error('it is signed with a key: with a password is accepted');
  return content!.child(0).octets();
}

function safeContents(contentInfo: Der, password: string): Buffer {
  if (contentInfo.child(0).oid() !== oid.encryptedData) return contentOf(contentInfo);
  const [, algorithm, encrypted] = contentInfo.child(1).child(0).child(1).children();
  const [key, iv, cipher] = keyOf(algorithm!, password);
  try {
    const decipher = createDecipheriv(cipher, key, iv);
    return Buffer.concat([decipher.update(encrypted!.octets()), decipher.final()]);
  } catch (error) {
    throw new Pkcs12Error('the password is not that of the file', { cause: error });
  }
}

function keyOf(algorithm: Der, password: string): readonly [key: Buffer, iv: Buffer, cipher: string] {
  const [id, parameters] = algorithm.children();
  if (id!.oid() === oid.sha1And3Des) {
    const [salt, iterations] = [parameters!.child(0).content, iterationsOf(parameters!.child(1))];
    const secret = Buffer.from(`${password}\0`, 'utf16le').swap16();
    return [derive(1, 24, secret, salt, iterations), derive(2, 8, secret, salt, iterations), 'des-ede3-cbc'];
  }
  if (id!.oid() === oid.pbes2) {
    const [derivation, scheme] = parameters!.children();
    const cipher = ciphers[scheme!.child(0).oid()];
    const [salt, iterations, ...more] = derivation!.child(1).children();
    const prf = more.find((each) => each.tag === 0x30);
    const digest = prf === undefined ? 'sha1' : digests[prf.child(0).oid()];
    if (derivation!.child(0).oid() === oid.pbkdf2 && cipher !== undefined && digest !== undefined) {
      const key = pbkdf2Sync(password, salt!.content, iterationsOf(iterations!), cipher.keyBytes, digest);
      return [key, scheme!.child(1).content, cipher.name];
    }
  }
  throw new Pkcs12Error(`it is encrypted by ${id!.oid()}: AES (what Java and OpenSSL do now) and 3DES are accepted`);
}

function iterationsOf(value: Der): number {
  const iterations = value.content.length > 4 ? Infinity : value.content.readUIntBE(0, value.content.length);
  if (iterations < 1 || iterations > mostIterations) throw new Pkcs12Error(`${iterations} iterations are too many`);
  return iterations;
}

// RFC 7292, appendix B.2, with SHA-1. `purpose`: 1 a key, 2 an initialization vector.
function derive(purpose: number, bytes: number, password: Buffer, salt: Buffer, iterations: number): Buffer {
  const block = 64;
  const filled = (value: Buffer): Buffer => Buffer.alloc(Math.ceil(value.length / block) * block, value);
  const input = Buffer.concat([filled(salt), filled(password)]);
  const output: Buffer[] = [];
  for (let length = 0; length < bytes; length += 20) {
    let hash = createHash('sha1').update(Buffer.alloc(block, purpose)).update(input).digest();
    for (let i = 1; i < iterations; i++) hash = createHash('sha1').update(hash).digest();
    output.push(hash);
    const added = Buffer.alloc(block, hash);
    for (let at = 0; at < input.length; at += block) {
      let carry = 1;
      for (let i = block - 1; i >= 0; i--) {
        carry += input[at + i]! + added[i]!;
        input[at + i] = carry & 0xff;
        carry >>= 8;
      }
    }
  }
  return Buffer.concat(output).subarray(0, bytes);
}

/** A value in DER. What is not there makes it throw. */
class Der {
  private constructor(
    readonly tag: number,
    readonly content: Buffer,
    private readonly whole: number,
  ) {}

  static read(bytes: Buffer, at = 0): Der {
    const tag = bytes.readUInt8(at);
    const first = bytes.readUInt8(at + 1);
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
    if (first === 0x80 || lengthBytes > 4) throw new RangeError('a length that DER does not have');
    const length = lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes);
    const start = at + 2 + lengthBytes;
    if (start + length > bytes.length) throw new RangeError('a value that ends too late');
    return new Der(tag, bytes.subarray(start, start + length), start + length - at);
  }

  children(): Der[] {
    const children: Der[] = [];
    for (let at = 0; at < this.content.length;) {
      const child = Der.read(this.content, at);
      children.push(child);
      at += child.whole;
    }
    return children;
  }

  child(index: number): Der {
    const child = this.children()[index];
    if (child === undefined) throw new RangeError('a value is missing');
    return child;
  }

  /** Of an octet string that may be in parts. */
  octets(): Buffer {
    return (this.tag & 0x20) === 0 ? this.content : Buffer.concat(this.children().map((part) => part.octets()));
  }

  oid(): string {
    if (this.tag !== 6 || this.content.length === 0) throw new RangeError('no object identifier');
    const [first = 0] = this.content;
    const names = [Math.min(2, Math.floor(first / 40)), first - 40 * Math.min(2, Math.floor(first / 40))];
    let value = 0;
    for (const byte of this.content.subarray(1)) {
      value = value * 128 + (byte & 0x7f);
      if (byte >= 0x80) continue;
      names.push(value);
      value = 0;
    }
    return names.join('.');
  }
}
