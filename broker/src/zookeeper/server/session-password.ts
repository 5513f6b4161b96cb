// What ZooKeeper mixes into a session's id, the same in every server: the password guards against mistakes, not
// against attackers.
const superSecret = 0xb3415c00n;
const mask48 = (1n << 48n) - 1n;

/**
 * The password of a session: the first 16 bytes of java.util.Random seeded from the id. As it is made from the id alone
 * it holds over restarts, and on a real ZooKeeper that goes on with our files.
 */
export function sessionPassword(sessionId: bigint): Buffer {
  const password = Buffer.alloc(16);
  let seed = (sessionId ^ superSecret ^ 0x5deece66dn) & mask48;
  for (let at = 0; at < 16; at += 4) {
    seed = (seed * 0x5deece66dn + 0xbn) & mask48;
    password.writeUInt32LE(Number(seed >> 16n), at);
  }
  return password;
}
