import { bool, buffer, int, long, record, time, ustring, vector, type JuteType, type JuteValue } from './jute';

/** Operation codes (ZooDefs.OpCode). */
export const OpCode = {
  notification: 0,
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getACL: 6,
  setACL: 7,
  getChildren: 8,
  sync: 9,
  ping: 11,
  getChildren2: 12,
  check: 13,
  multi: 14,
  create2: 15,
  reconfig: 16,
  checkWatches: 17,
  removeWatches: 18,
  createContainer: 19,
  deleteContainer: 20,
  createTTL: 21,
  multiRead: 22,
  auth: 100,
  setWatches: 101,
  sasl: 102,
  getEphemerals: 103,
  getAllChildrenNumber: 104,
  setWatches2: 105,
  addWatch: 106,
  whoAmI: 107,
  createSession: -10,
  closeSession: -11,
  error: -1,
} as const;
export type OpCode = (typeof OpCode)[keyof typeof OpCode];

/** xids that are not a request's number. */
export const Xid = {
  /** A watch event, from the server. */
  notification: -1,
  ping: -2,
  auth: -4,
  setWatches: -8,
} as const;

/** Result codes (KeeperException.Code). */
export const KeeperCode = {
  OK: 0,
  SYSTEMERROR: -1,
  RUNTIMEINCONSISTENCY: -2,
  DATAINCONSISTENCY: -3,
  CONNECTIONLOSS: -4,
  MARSHALLINGERROR: -5,
  UNIMPLEMENTED: -6,
  OPERATIONTIMEOUT: -7,
  BADARGUMENTS: -8,
  UNKNOWNSESSION: -12,
  NEWCONFIGNOQUORUM: -13,
  RECONFIGINPROGRESS: -14,
  APIERROR: -100,
  NONODE: -101,
  NOAUTH: -102,
  BADVERSION: -103,
  NOCHILDRENFOREPHEMERALS: -108,
  NODEEXISTS: -110,
  NOTEMPTY: -111,
  SESSIONEXPIRED: -112,
  INVALIDCALLBACK: -113,
  INVALIDACL: -114,
  AUTHFAILED: -115,
  SESSIONMOVED: -118,
  NOTREADONLY: -119,
  EPHEMERALONLOCALSESSION: -120,
  NOWATCHER: -121,
  REQUESTTIMEOUT: -122,
  RECONFIGDISABLED: -123,
  SESSIONCLOSEDREQUIRESASLAUTH: -124,
  QUOTAEXCEEDED: -125,
  THROTTLEDOP: -127,
} as const;
export type KeeperCode = (typeof KeeperCode)[keyof typeof KeeperCode];

const codeNames = new Map<number, string>(Object.entries(KeeperCode).map(([name, code]) => [code, name]));

/** The name of a result code, or the number of one that is not known. */
export function keeperCodeName(code: number): string {
  return codeNames.get(code) ?? String(code);
}

/** Flags of CreateRequest (CreateMode). */
export const CreateMode = {
  persistent: 0,
  ephemeral: 1,
  persistentSequential: 2,
  ephemeralSequential: 3,
  container: 4,
  persistentWithTTL: 5,
  persistentSequentialWithTTL: 6,
} as const;
export type CreateMode = (typeof CreateMode)[keyof typeof CreateMode];

/** Watcher.Event.EventType. */
export const EventType = {
  none: -1,
  nodeCreated: 1,
  nodeDeleted: 2,
  nodeDataChanged: 3,
  nodeChildrenChanged: 4,
  dataWatchRemoved: 5,
  childWatchRemoved: 6,
  persistentWatchRemoved: 7,
} as const;
export type EventType = (typeof EventType)[keyof typeof EventType];

/** Watcher.Event.KeeperState, the `state` of a WatcherEvent. */
export const KeeperState = {
  disconnected: 0,
  syncConnected: 3,
  authFailed: 4,
  connectedReadOnly: 5,
  saslAuthenticated: 6,
  expired: -112,
  closed: 7,
} as const;
export type KeeperState = (typeof KeeperState)[keyof typeof KeeperState];

/** The `type` of CheckWatchesRequest and RemoveWatchesRequest (Watcher.WatcherType). */
export const WatcherType = { children: 1, data: 2, any: 3, persistent: 4, persistentRecursive: 5 } as const;

/** The `mode` of AddWatchRequest (AddWatchMode). */
export const AddWatchMode = { persistent: 0, persistentRecursive: 1 } as const;
export type AddWatchMode = (typeof AddWatchMode)[keyof typeof AddWatchMode];

/** Permission bits of an ACL (ZooDefs.Perms). */
export const Perms = { read: 1, write: 2, create: 4, delete: 8, admin: 16, all: 31 } as const;

/** A version that matches every version. */
export const anyVersion = -1;

export const Id = record({ scheme: ustring, id: ustring });
export type Id = JuteValue<typeof Id>;

export const Acl = record({ perms: int, id: Id });
export type Acl = JuteValue<typeof Acl>;

/** world:anyone with every permission (ZooDefs.Ids.OPEN_ACL_UNSAFE). */
export const openAcl: readonly Acl[] = [{ perms: Perms.all, id: { scheme: 'world', id: 'anyone' } }];
/** Every permission for whoever creates the node (ZooDefs.Ids.CREATOR_ALL_ACL). */
export const creatorAllAcl: readonly Acl[] = [{ perms: Perms.all, id: { scheme: 'auth', id: '' } }];
/** Reading for world:anyone (ZooDefs.Ids.READ_ACL_UNSAFE). */
export const readAcl: readonly Acl[] = [{ perms: Perms.read, id: { scheme: 'world', id: 'anyone' } }];

/** What a znode is besides its data. zxids and the owner's session id are bigint, times milliseconds since the epoch. */
export const Stat = record({
  czxid: long,
  mzxid: long,
  ctime: time,
  mtime: time,
  version: int,
  cversion: int,
  aversion: int,
  /** 0n: not ephemeral. */
  ephemeralOwner: long,
  dataLength: int,
  numChildren: int,
  pzxid: long,
});
export type Stat = JuteValue<typeof Stat>;

/** What a znode is besides its data, as snapshots and logs hold it. */
export const StatPersisted = record({
  czxid: long,
  mzxid: long,
  ctime: time,
  mtime: time,
  version: int,
  cversion: int,
  aversion: int,
  ephemeralOwner: long,
  pzxid: long,
});
export type StatPersisted = JuteValue<typeof StatPersisted>;

// A boolean that clients and servers before 3.4 leave out at the end of a record.
const optionalBool: JuteType<boolean> = {
  minBytes: 0,
  write: (to, value) => to.bool(value),
  read: (from) => from.remaining > 0 && from.bool(),
};

/** The first frame of a connection. A new session has sessionId 0n and a password of 16 zero bytes. */
export const ConnectRequest = record({
  protocolVersion: int,
  lastZxidSeen: long,
  /** Session timeout in milliseconds that is asked for. */
  timeOut: int,
  sessionId: long,
  passwd: buffer,
  readOnly: optionalBool,
});
export type ConnectRequest = JuteValue<typeof ConnectRequest>;

/** A timeOut of 0 (and sessionId 0n): the session is gone. */
export const ConnectResponse = record({
  protocolVersion: int,
  timeOut: int,
  sessionId: long,
  passwd: buffer,
  readOnly: optionalBool,
});
export type ConnectResponse = JuteValue<typeof ConnectResponse>;

export const RequestHeader = record({ xid: int, type: int });
export type RequestHeader = JuteValue<typeof RequestHeader>;
export const ReplyHeader = record({ xid: int, zxid: long, err: int });
export type ReplyHeader = JuteValue<typeof ReplyHeader>;

/** The body of a reply with xid -1; `type` is an EventType, `state` a KeeperState. */
export const WatcherEvent = record({ type: int, state: int, path: ustring });
export type WatcherEvent = JuteValue<typeof WatcherEvent>;

const paths = vector(ustring);

/** Re-arms watches; whatever happened after `relativeZxid` is told at once. */
export const SetWatchesRequest = record({
  relativeZxid: long,
  dataWatches: paths,
  existWatches: paths,
  childWatches: paths,
});
export type SetWatchesRequest = JuteValue<typeof SetWatchesRequest>;
export const SetWatches2Request = record({
  relativeZxid: long,
  dataWatches: paths,
  existWatches: paths,
  childWatches: paths,
  persistentWatches: paths,
  persistentRecursiveWatches: paths,
});
export type SetWatches2Request = JuteValue<typeof SetWatches2Request>;
export const AddWatchRequest = record({ path: ustring, mode: int });
export type AddWatchRequest = JuteValue<typeof AddWatchRequest>;
export const CheckWatchesRequest = record({ path: ustring, type: int });
export type CheckWatchesRequest = JuteValue<typeof CheckWatchesRequest>;
export const RemoveWatchesRequest = record({ path: ustring, type: int });
export type RemoveWatchesRequest = JuteValue<typeof RemoveWatchesRequest>;

export const AuthPacket = record({ type: int, scheme: ustring, auth: buffer });
export type AuthPacket = JuteValue<typeof AuthPacket>;
export const GetSASLRequest = record({ token: buffer });
export type GetSASLRequest = JuteValue<typeof GetSASLRequest>;
export const SetSASLResponse = record({ token: buffer });
export type SetSASLResponse = JuteValue<typeof SetSASLResponse>;

/** Of create, create2 and createContainer; `flags` is a CreateMode. */
export const CreateRequest = record({ path: ustring, data: buffer, acl: vector(Acl), flags: int });
export type CreateRequest = JuteValue<typeof CreateRequest>;
export const CreateTTLRequest = record({ path: ustring, data: buffer, acl: vector(Acl), flags: int, ttl: long });
export type CreateTTLRequest = JuteValue<typeof CreateTTLRequest>;
/** Of create alone. */
export const CreateResponse = record({ path: ustring });
export type CreateResponse = JuteValue<typeof CreateResponse>;
/** Of create2, createContainer and createTTL. */
export const Create2Response = record({ path: ustring, stat: Stat });
export type Create2Response = JuteValue<typeof Create2Response>;

export const DeleteRequest = record({ path: ustring, version: int });
export type DeleteRequest = JuteValue<typeof DeleteRequest>;

/** Of containers, and of znodes with a time to live. */
export const DeleteContainerRequest = record({ path: ustring });
export type DeleteContainerRequest = JuteValue<typeof DeleteContainerRequest>;

export const ExistsRequest = record({ path: ustring, watch: bool });
export type ExistsRequest = JuteValue<typeof ExistsRequest>;
export const ExistsResponse = record({ stat: Stat });
export type ExistsResponse = JuteValue<typeof ExistsResponse>;

export const GetDataRequest = record({ path: ustring, watch: bool });
export type GetDataRequest = JuteValue<typeof GetDataRequest>;
export const GetDataResponse = record({ data: buffer, stat: Stat });
export type GetDataResponse = JuteValue<typeof GetDataResponse>;

export const SetDataRequest = record({ path: ustring, data: buffer, version: int });
export type SetDataRequest = JuteValue<typeof SetDataRequest>;
export const SetDataResponse = record({ stat: Stat });
export type SetDataResponse = JuteValue<typeof SetDataResponse>;

export const GetACLRequest = record({ path: ustring });
export type GetACLRequest = JuteValue<typeof GetACLRequest>;
export const GetACLResponse = record({ acl: vector(Acl), stat: Stat });
export type GetACLResponse = JuteValue<typeof GetACLResponse>;

/** `version` is the ACL's own, Stat.aversion. */
export const SetACLRequest = record({ path: ustring, acl: vector(Acl), version: int });
export type SetACLRequest = JuteValue<typeof SetACLRequest>;
export const SetACLResponse = record({ stat: Stat });
export type SetACLResponse = JuteValue<typeof SetACLResponse>;

/** Of getChildren and getChildren2. */
export const GetChildrenRequest = record({ path: ustring, watch: bool });
export type GetChildrenRequest = JuteValue<typeof GetChildrenRequest>;
export const GetChildrenResponse = record({ children: paths });
export type GetChildrenResponse = JuteValue<typeof GetChildrenResponse>;
export const GetChildren2Response = record({ children: paths, stat: Stat });
export type GetChildren2Response = JuteValue<typeof GetChildren2Response>;

export const SyncRequest = record({ path: ustring });
export type SyncRequest = JuteValue<typeof SyncRequest>;
export const SyncResponse = record({ path: ustring });
export type SyncResponse = JuteValue<typeof SyncResponse>;

export const CheckVersionRequest = record({ path: ustring, version: int });
export type CheckVersionRequest = JuteValue<typeof CheckVersionRequest>;

/** Before every operation and result of a multi, and (with `done`) after the last. */
export const MultiHeader = record({ type: int, done: bool, err: int });
export type MultiHeader = JuteValue<typeof MultiHeader>;
/** The result of an operation of a multi that failed, or was not done because another failed. */
export const ErrorResponse = record({ err: int });
export type ErrorResponse = JuteValue<typeof ErrorResponse>;

export const GetEphemeralsRequest = record({ prefixPath: ustring });
export type GetEphemeralsRequest = JuteValue<typeof GetEphemeralsRequest>;
export const GetEphemeralsResponse = record({ ephemerals: paths });
export type GetEphemeralsResponse = JuteValue<typeof GetEphemeralsResponse>;
export const GetAllChildrenNumberRequest = record({ path: ustring });
export type GetAllChildrenNumberRequest = JuteValue<typeof GetAllChildrenNumberRequest>;
export const GetAllChildrenNumberResponse = record({ totalNumber: int });
export type GetAllChildrenNumberResponse = JuteValue<typeof GetAllChildrenNumberResponse>;

export const ClientInfo = record({ authScheme: ustring, user: ustring });
export type ClientInfo = JuteValue<typeof ClientInfo>;
export const WhoAmIResponse = record({ clientInfo: vector(ClientInfo) });
export type WhoAmIResponse = JuteValue<typeof WhoAmIResponse>;

export const ReconfigRequest = record({
  joiningServers: ustring,
  leavingServers: ustring,
  newMembers: ustring,
  curConfigId: long,
});
export type ReconfigRequest = JuteValue<typeof ReconfigRequest>;
