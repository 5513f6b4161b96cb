/** `log.1a` or `snapshot.1a`: a prefix and the zxid in hexadecimal. */
export function zxidFileName(prefix: string, zxid: bigint): string {
  return `${prefix}.${zxid.toString(16)}`;
}

/** The files among `names` with the prefix, by rising zxid. Other names are passed over. */
export function zxidFiles(names: readonly string[], prefix: string): { name: string; zxid: bigint }[] {
  const files: { name: string; zxid: bigint }[] = [];
  for (const name of names) {
    const hex = name.startsWith(`${prefix}.`) ? name.slice(prefix.length + 1) : '';
    if (/^[0-9a-f]{1,16}$/.test(hex)) files.push({ name, zxid: BigInt.asIntN(64, BigInt(`0x${hex}`)) });
  }
  return files.sort((a, b) => (a.zxid < b.zxid ? -1 : a.zxid > b.zxid ? 1 : 0));
}

/** In hexadecimal, as ZooKeeper prints zxids and session ids. */
export function hex(id: bigint): string {
  return `0x${BigInt.asUintN(64, id).toString(16)}`;
}
