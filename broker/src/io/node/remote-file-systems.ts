/** The types that Linux gives in statfs(2) to file systems for which something else than a local disk has to answer. */
const remoteTypes = new Set([
  0x6969, // NFS
  0x65735546, // FUSE, and with it GlusterFS, sshfs, virtiofs, …
  0x517b, // SMB
  0xff534d42, // CIFS
  0xfe534d42, // SMB 2 and later
  0x00c36400, // Ceph
  0x01021997, // 9p
  0x0bd00bd0, // Lustre
  0x5346414f, // AFS
  0x6b414653, // kAFS
  0x73757245, // Coda
  0x47504653, // GPFS
  0x19830326, // BeeGFS
  0x01161970, // GFS2
  0x7461636f, // OCFS2
  0xaad7aaea, // PanFS
  0x786f4256, // VirtualBox's shared folders
]);

/** `type` as statfs(2) has it. */
export function isRemoteFileSystem(type: number): boolean {
  return process.platform === 'linux' && remoteTypes.has(type >>> 0);
}
