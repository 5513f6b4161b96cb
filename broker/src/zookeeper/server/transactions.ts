import {
  bool,
  buffer,
  decodeRecord,
  encodeRecord,
  int,
  JuteError,
  long,
  record,
  time,
  ustring,
  vector,
  type JuteReader,
  type JuteType,
  type JuteValue,
  type JuteWriter,
} from '../jute';
import { Acl, OpCode } from '../requests';

/** Before every transaction of the log: the session that asked for it, its xid, and when. */
export const TxnHeader = record({ clientId: long, cxid: int, zxid: long, time, type: int });
export type TxnHeader = JuteValue<typeof TxnHeader>;

/** What a request has become once it is known to succeed: applying it needs no check (ZooKeeper's txn records). */
export type Txn =
  | {
      readonly type: typeof OpCode.create | typeof OpCode.create2;
      readonly path: string;
      readonly data: Buffer | null;
      readonly acl: readonly Acl[];
      readonly ephemeral: boolean;
      /** The parent's count of creations afterwards; -1: one more than now. */
      readonly parentCVersion: number;
    }
  | {
      readonly type: typeof OpCode.createContainer;
      readonly path: string;
      readonly data: Buffer | null;
      readonly acl: readonly Acl[];
      readonly parentCVersion: number;
    }
  | {
      readonly type: typeof OpCode.createTTL;
      readonly path: string;
      readonly data: Buffer | null;
      readonly acl: readonly Acl[];
      readonly parentCVersion: number;
      readonly ttl: bigint;
    }
  | { readonly type: typeof OpCode.delete | typeof OpCode.deleteContainer; readonly path: string }
  | {
      readonly type: typeof OpCode.setData | typeof OpCode.reconfig;
      readonly path: string;
      readonly data: Buffer | null;
      /** The version afterwards. */
      readonly version: number;
    }
  | {
      readonly type: typeof OpCode.setACL;
      readonly path: string;
      readonly acl: readonly Acl[];
      readonly version: number;
    }
  | { readonly type: typeof OpCode.check; readonly path: string; readonly version: number }
  | { readonly type: typeof OpCode.createSession; readonly timeOut: number }
  | {
      readonly type: typeof OpCode.closeSession;
      /** The session's ephemerals; null in logs of servers before 3.6: all it has. */
      readonly paths2Delete: readonly string[] | null;
    }
  | { readonly type: typeof OpCode.error; readonly err: number }
  | { readonly type: typeof OpCode.multi; readonly txns: readonly Txn[] };

// Logs of servers before 3.4.3 have no parentCVersion.
const optionalInt: JuteType<number> = {
  minBytes: 0,
  write: (to, value) => to.int(value),
  read: (from) => (from.remaining === 0 ? -1 : from.int()),
};

const optionalPaths: JuteType<readonly string[] | null> = {
  minBytes: 0,
  write: (to, value) => vector(ustring).write(to, value ?? []),
  read: (from) => (from.remaining === 0 ? null : vector(ustring).read(from)),
};

const acls = vector(Acl);
const CreateTxn = record({ path: ustring, data: buffer, acl: acls, ephemeral: bool, parentCVersion: optionalInt });
const DeleteTxn = record({ path: ustring });
const SetDataTxn = record({ path: ustring, data: buffer, version: int });
const SubTxn = record({ type: int, data: buffer });

const MultiTxn: JuteType<{ readonly txns: readonly Txn[] }> = {
  minBytes: 4,
  write(to, { txns }) {
    to.int(txns.length);
    for (const txn of txns) SubTxn.write(to, { type: txn.type, data: encodeRecord(bodyOf(txn.type), txn) });
  },
  read(from) {
    const txns: Txn[] = [];
    for (let left = from.count(SubTxn.minBytes); left > 0; left--) {
      const { type, data } = SubTxn.read(from);
      txns.push({ ...(decodeRecord(bodyOf(type), data ?? Buffer.alloc(0)) as object), type } as Txn);
    }
    return { txns };
  },
};

const bodies: ReadonlyMap<number, JuteType<unknown>> = new Map<number, JuteType<unknown>>([
  [OpCode.create, CreateTxn],
  [OpCode.create2, CreateTxn],
  [OpCode.createContainer, record({ path: ustring, data: buffer, acl: acls, parentCVersion: int })],
  [OpCode.createTTL, record({ path: ustring, data: buffer, acl: acls, parentCVersion: int, ttl: long })],
  [OpCode.delete, DeleteTxn],
  [OpCode.deleteContainer, DeleteTxn],
  [OpCode.setData, SetDataTxn],
  [OpCode.reconfig, SetDataTxn],
  [OpCode.setACL, record({ path: ustring, acl: acls, version: int })],
  [OpCode.check, record({ path: ustring, version: int })],
  [OpCode.createSession, record({ timeOut: int })],
  [OpCode.closeSession, record({ paths2Delete: optionalPaths })],
  [OpCode.error, record({ err: int })],
  [OpCode.multi, MultiTxn],
]);

function bodyOf(type: number): JuteType<unknown> {
  const body = bodies.get(type);
  if (body === undefined) throw new JuteError(`there is no transaction of type ${type}`);
  return body;
}

/** Writes an entry of the log, without its checksum and length. */
export function writeTxn(to: JuteWriter, header: TxnHeader, txn: Txn): void {
  TxnHeader.write(to, header);
  bodyOf(txn.type).write(to, txn);
}

/** Reads an entry of the log; a digest that ZooKeeper 3.6 and later writes after it is left. Buffers are slices. */
export function readTxn(from: JuteReader): { readonly header: TxnHeader; readonly txn: Txn } {
  const header = TxnHeader.read(from);
  return { header, txn: { ...(bodyOf(header.type).read(from) as object), type: header.type } as Txn };
}
