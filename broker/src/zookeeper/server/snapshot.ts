import type { Files, OpenFile } from '../../io/files';
import type { Logger } from '../../logging/logger';
import { encodeRecord, int, JuteReader, JuteWriter, long, record, vector } from '../jute';
import { Acl, openAcl, StatPersisted } from '../requests';
import { adler32 } from './adler32';
import { DataNode, ownData } from './data-node';
import type { DataTree, NodeImage, TreeView } from './data-tree';
import { hex, zxidFileName, zxidFiles } from './zxid-file-name';

const prefix = 'snapshot';
// Not a name that ZooKeeper takes for a snapshot.
const unfinishedPrefix = 'unfinished.snapshot.';
const FileHeader = record({ magic: int, version: int, dbid: long });
const magic = Buffer.from('ZKSN').readInt32BE(0);
const acls = vector(Acl);
const rootPath = '';
const endPath = '/';

// How much is gathered before it is written; other work runs between two writes.
const chunkBytes = 256 * 1024;

/**
 * Writes `snapshot.<zxid of the view>` (FileSnap): sessions with their timeouts, access control lists, znodes, an
 * Adler-32. It is there as a whole or not at all. The caller closes the view.
 */
export async function writeSnapshot(
  files: Files,
  directory: string,
  view: TreeView,
  sessions: ReadonlyMap<bigint, number>,
): Promise<void> {
  const name = zxidFileName(prefix, view.zxid);
  const unfinished = `${directory}/${unfinishedPrefix}${view.zxid.toString(16)}`;
  await files.remove(unfinished);
  const file = await files.open(unfinished, 'create');
  try {
    await writeContent(file, view, sessions);
    await file.sync();
  } finally {
    await file.close();
  }
  await files.rename(unfinished, `${directory}/${name}`);
  await files.syncDirectory(directory);
}

async function writeContent(file: OpenFile, view: TreeView, sessions: ReadonlyMap<bigint, number>): Promise<void> {
  let position = 0;
  let checksum = 1;
  const write = async (bytes: Buffer) => {
    checksum = adler32(bytes, 0, bytes.length, checksum);
    await file.write([bytes], position);
    position += bytes.length;
  };

  let to = new JuteWriter(chunkBytes * 2);
  to.raw(encodeRecord(FileHeader, { magic, version: 2, dbid: -1n }));
  to.int(sessions.size);
  for (const [id, timeout] of sessions) {
    to.long(id);
    to.int(timeout);
  }
  to.int(view.acls.length);
  for (const { id, acl } of view.acls) {
    to.long(id);
    acls.write(to, acl);
  }
  for (const [path, image] of view.entries()) {
    to.ustring(path === '/' ? rootPath : path);
    to.buffer(image.data);
    to.long(image.acl.id);
    StatPersisted.write(to, persisted(image));
    if (to.length < chunkBytes) continue;
    await write(to.record());
    to = new JuteWriter(chunkBytes * 2);
  }
  to.ustring(endPath);
  await write(to.record());
  const seal = new JuteWriter();
  seal.long(BigInt(checksum));
  seal.ustring(endPath);
  await write(seal.record());
}

function persisted(image: NodeImage): StatPersisted {
  const { czxid, mzxid, pzxid, ctime, mtime, version, cversion, aversion, ephemeralOwner } = image;
  return { czxid, mzxid, pzxid, ctime, mtime, version, cversion, aversion, ephemeralOwner };
}

/** Names and zxids of the snapshots in a directory, the oldest first. */
export async function listSnapshots(files: Files, directory: string): Promise<{ name: string; zxid: bigint }[]> {
  return zxidFiles(await files.list(directory), prefix);
}

/** Removes what a crash left of a snapshot that was being written. */
export async function removeUnfinishedSnapshots(files: Files, directory: string): Promise<void> {
  for (const name of await files.list(directory)) {
    if (name.startsWith(unfinishedPrefix)) await files.remove(`${directory}/${name}`);
  }
}

/**
 * Loads the newest whole snapshot into the tree and the sessions. Returns its zxid, undefined when there is none.
 * Throws when there are snapshots and none is whole.
 */
export async function loadNewestSnapshot(
  files: Files,
  directory: string,
  tree: DataTree,
  sessions: Map<bigint, number>,
  logger: Logger,
): Promise<bigint | undefined> {
  const snapshots = await listSnapshots(files, directory);
  for (const { name, zxid } of [...snapshots].reverse()) {
    const path = `${directory}/${name}`;
    try {
      readSnapshot(await files.readFile(path), tree, sessions);
    } catch (error) {
      logger.warn(`Snapshot ${path} cannot be read, trying the one before: ${(error as Error).message}`, { error });
      continue;
    }
    tree.lastProcessedZxid = zxid;
    return zxid;
  }
  if (snapshots.length === 0) return undefined;
  throw new Error(`None of the ${snapshots.length} snapshots in ${directory} can be read: see the lines above.`);
}

function readSnapshot(bytes: Buffer, tree: DataTree, sessions: Map<bigint, number>): void {
  const from = new JuteReader(bytes);
  const header = FileHeader.read(from);
  if (header.magic !== magic) throw new Error(`it begins with ${hex(BigInt(header.magic))} instead of ZKSN`);
  sessions.clear();
  tree.clear();
  for (let left = from.count(12); left > 0; left--) {
    const id = from.long();
    sessions.set(id, from.int());
  }
  // -1 is not in the table.
  const table = new Map<bigint, readonly Acl[]>([[-1n, openAcl]]);
  for (let left = from.count(12); left > 0; left--) {
    const id = from.long();
    table.set(id, acls.read(from));
  }
  for (let path = from.ustring(); path !== endPath; path = from.ustring()) {
    const data = from.buffer();
    const aclId = from.long();
    // A list may be missing when ZooKeeper wrote the snapshot while transactions went on: their replay sets it.
    const node = new DataNode(ownData(data), tree.acls.use(table.get(aclId) ?? nobody));
    Object.assign(node, StatPersisted.read(from));
    if (!tree.load(path === rootPath ? '/' : path, node)) throw new Error(`the parent of ${path} is missing`);
  }
  const checksum = BigInt(adler32(bytes, 0, from.offset));
  const expected = from.long();
  if (checksum !== expected) throw new Error(`its checksum is ${hex(checksum)} instead of ${hex(expected)}`);
  tree.loaded();
}

const nobody: readonly Acl[] = [{ perms: 0, id: { scheme: 'world', id: 'anyone' } }];
