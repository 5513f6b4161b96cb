import type { Io } from '../../../broker/src/io/io';
import { parseConnectString } from '../../../broker/src/zookeeper/connect-string';
import { JuteWriter } from '../../../broker/src/zookeeper/jute';
import { ConnectRequest, OpCode, RequestHeader } from '../../../broker/src/zookeeper/requests';

/** Ends another client's session behind its back: takes it over and closes it. */
export async function endSession(
  io: Io,
  connectString: string,
  session: { readonly sessionId: bigint; readonly sessionPassword: Buffer },
): Promise<void> {
  const { host, port } = parseConnectString(connectString).servers[0]!;
  const socket = await io.network.connect({ host, port, timeoutMs: 10_000 });
  await new Promise<void>((resolve) => {
    socket.handle({ data: () => {}, drained: () => {}, ended: () => socket.end(), closed: () => resolve() });
    const connect = new JuteWriter();
    ConnectRequest.write(connect, {
      protocolVersion: 0,
      lastZxidSeen: 0n,
      timeOut: 6000,
      sessionId: session.sessionId,
      passwd: session.sessionPassword,
      readOnly: false,
    });
    const close = new JuteWriter();
    RequestHeader.write(close, { xid: 1, type: OpCode.closeSession });
    // The server closes the connection when the session has ended.
    socket.write([connect.frame(), close.frame()]);
  });
}
