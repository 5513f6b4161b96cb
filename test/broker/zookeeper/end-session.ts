import type { Io } from '../../../broker/src/io/io';
import type { ZooKeeperClient } from '../../../broker/src/zookeeper/client';
import { parseConnectString } from '../../../broker/src/zookeeper/connect-string';
import { JuteWriter } from '../../../broker/src/zookeeper/jute';
import { ConnectRequest, OpCode, RequestHeader } from '../../../broker/src/zookeeper/requests';

/** Ends a client's session behind its back, and returns when the client knows. */
export async function endSession(io: Io, connectString: string, client: ZooKeeperClient): Promise<void> {
  const { sessionId, sessionPassword } = client;
  while (client.sessionId === sessionId && client.state !== 'expired') {
    // The client may take the session back before the close is done: then it is taken again.
    await takeOverAndClose(io, connectString, sessionId, sessionPassword);
    await client.waitUntilConnected().catch(() => {});
  }
}

async function takeOverAndClose(io: Io, connectString: string, sessionId: bigint, passwd: Buffer): Promise<void> {
  const { host, port } = parseConnectString(connectString).servers[0]!;
  const socket = await io.network.connect({ host, port, timeoutMs: 10_000 });
  await new Promise<void>((resolve) => {
    socket.handle({ data: () => {}, drained: () => {}, ended: () => socket.end(), closed: () => resolve() });
    const connect = new JuteWriter();
    ConnectRequest.write(connect, {
      protocolVersion: 0,
      lastZxidSeen: 0n,
      timeOut: 6000,
      sessionId,
      passwd,
      readOnly: false,
    });
    const close = new JuteWriter();
    RequestHeader.write(close, { xid: 1, type: OpCode.closeSession });
    // The server closes the connection when the session has ended.
    socket.write([connect.frame(), close.frame()]);
  });
}
