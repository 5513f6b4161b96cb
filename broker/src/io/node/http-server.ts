import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HttpHandler, HttpResponse } from '../http';
import type { HttpListenOptions, Listening } from '../network';

/** See `Network.serveHttp`. */
export function serveHttp(options: HttpListenOptions, handler: HttpHandler): Promise<Listening> {
  const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, (request, response) => {
    request.resume();
    void answer(request, response, handler);
  });
  server.maxConnections = 256;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const where = options.host === '' ? { port: options.port } : { port: options.port, host: options.host };
    server.listen(where, () => {
      server.off('error', reject);
      // A failed accept concerns that one caller, who tries again.
      server.on('error', () => {});
      const { address, port } = server.address() as AddressInfo;
      resolve({
        host: address,
        port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            server.closeAllConnections();
          }),
      });
    });
  });
}

async function answer(request: IncomingMessage, response: ServerResponse, handler: HttpHandler): Promise<void> {
  let result: HttpResponse;
  try {
    const path = (request.url ?? '/').replace(/[?#].*$/s, '');
    result = await handler({ method: request.method ?? 'GET', path });
  } catch (error) {
    result = { status: 500, contentType: 'text/plain; charset=utf-8', body: `${String(error)}\n` };
  }
  const length = typeof result.body === 'string' ? Buffer.byteLength(result.body) : result.body.byteLength;
  response.writeHead(result.status, { 'content-type': result.contentType, 'content-length': length });
  response.end(request.method === 'HEAD' ? undefined : result.body);
}
