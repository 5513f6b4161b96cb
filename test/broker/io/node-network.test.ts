import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { Listening, Socket, SocketHandler } from '../../../broker/src/io/network';
import { NodeNetwork } from '../../../broker/src/io/node/network';

const network = new NodeNetwork();
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) {
    await cleanup();
  }
});

/** Collects what a socket tells; promises resolve as it happens. */
class Recorder implements SocketHandler {
  received = Buffer.alloc(0);
  drains = 0;
  readonly hasEnded: Promise<void>;
  readonly hasClosed: Promise<Error | undefined>;
  ended!: () => void;
  closed!: (error?: Error) => void;
  #waiting: { length: number; resolve: () => void }[] = [];

  constructor() {
    this.hasEnded = new Promise((resolve) => (this.ended = resolve));
    this.hasClosed = new Promise((resolve) => (this.closed = resolve));
  }

  data(bytes: Buffer): void {
    this.received = Buffer.concat([this.received, bytes]);
    this.#waiting = this.#waiting.filter(({ length, resolve }) => {
      if (this.received.length < length) {
        return true;
      }
      resolve();
      return false;
    });
  }

  drained(): void {
    this.drains++;
  }

  has(length: number): Promise<void> {
    return this.received.length >= length
      ? Promise.resolve()
      : new Promise((resolve) => this.#waiting.push({ length, resolve }));
  }
}

async function listen(tls?: Parameters<NodeNetwork['listen']>[0]['tls']) {
  const accepted: Socket[] = [];
  const failures: Error[] = [];
  const waiting: ((socket: Socket) => void)[] = [];
  const listening: Listening = await network.listen(
    { host: '127.0.0.1', port: 0, tls, acceptFailed: (error) => failures.push(error) },
    (socket) => {
      cleanups.push(() => socket.destroy());
      const next = waiting.shift();
      if (next) next(socket);
      else accepted.push(socket);
    },
  );
  cleanups.push(() => listening.close());
  const next = (): Promise<Socket> => {
    const socket = accepted.shift();
    return socket ? Promise.resolve(socket) : new Promise((resolve) => waiting.push(resolve));
  };
  return { listening, next, failures };
}

async function pair(tls?: { server: object; client: object }) {
  const server = await listen(tls && ({ verifyPeer: false, ...tls.server } as never));
  const client = await network.connect({
    host: '127.0.0.1',
    port: server.listening.port,
    timeoutMs: 10_000,
    ...(tls && { tls: { verifyPeer: false, ...tls.client } as never }),
  });
  cleanups.push(() => client.destroy());
  return { ...server, client, accepted: await server.next() };
}

function certificate() {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-tls-'));
  cleanups.push(() => rmSync(directory, { recursive: true }));
  const [key, cert] = [join(directory, 'key'), join(directory, 'cert')];
  const options = `req -x509 -newkey rsa:2048 -nodes -keyout ${key} -out ${cert} -days 2 -subj /CN=broker`.split(' ');
  const made = spawnSync('openssl', [...options, '-addext', 'subjectAltName=DNS:broker.example']);
  expect(made.status, String(made.stderr)).toBe(0);
  return { key: readFileSync(key), cert: readFileSync(cert) };
}

async function checkConversation(client: Socket, accepted: Socket) {
  const [here, there] = [new Recorder(), new Recorder()];
  client.handle(here);
  accepted.handle(there);
  const parts = Array.from({ length: 3000 }, (_, index) => Buffer.alloc(1 + (index % 1000), index));
  const whole = Buffer.concat(parts);
  let sent = 0;
  client.write(parts, () => sent++);
  await there.has(whole.length);
  expect(there.received.equals(whole)).toBe(true);
  accepted.write([Buffer.from('answer'), Buffer.alloc(0), Buffer.from('!')]);
  await here.has(7);
  expect(here.received.toString()).toBe('answer!');
  expect(sent).toBe(1);
  expect(client.pendingBytes).toBe(0);
  client.end();
  await there.hasEnded;
  accepted.end();
  expect(await there.hasClosed).toBeUndefined();
  expect(await here.hasClosed).toBeUndefined();
}

test('two ends talk, and close in order', async () => {
  const { client, accepted } = await pair();
  expect(accepted.remotePort).toBe(client.localPort);
  expect(client.remotePort).toBe(accepted.localPort);
  expect(accepted.remoteAddress).toBe('127.0.0.1');
  await checkConversation(client, accepted);
});

test('two ends talk over TLS, and close in order', async () => {
  const server = certificate();
  const client = { verifyPeer: true, ca: server.cert, serverName: 'broker.example' };
  const { client: ours, accepted } = await pair({ server, client });
  await checkConversation(ours, accepted);
});

test('a TLS certificate for another name is refused, and the listener says so and goes on', async () => {
  const server = certificate();
  const { listening, next } = await listen({ verifyPeer: false, ...server });
  const connect = (serverName: string) =>
    network.connect({
      host: '127.0.0.1',
      port: listening.port,
      timeoutMs: 10_000,
      tls: { verifyPeer: true, ca: server.cert, serverName },
    });
  await expect(connect('other.example')).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  const client = await connect('broker.example');
  cleanups.push(() => client.destroy());
  await next();
});

test('bytes that arrive before the handler is set are not lost', async () => {
  const { client, accepted } = await pair();
  client.handle(new Recorder());
  client.write([Buffer.from('early')]);
  const other = new Recorder();
  // A round trip on another connection: the early bytes are with the kernel by now.
  const second = await pair();
  second.client.handle(new Recorder());
  second.accepted.handle(other);
  second.client.write([Buffer.from('x')]);
  await other.has(1);
  const recorder = new Recorder();
  accepted.handle(recorder);
  await recorder.has(5);
  expect(recorder.received.toString()).toBe('early');
});

test('a paused socket hands out nothing; write says when the kernel is full, and drained when it is not', async () => {
  const { client, accepted } = await pair();
  const [here, there] = [new Recorder(), new Recorder()];
  client.handle(here);
  accepted.handle(there);
  accepted.pause();
  const block = Buffer.alloc(1024 * 1024, 7);
  let written = 0;
  do {
    written += block.length;
  } while (client.write([block]));
  expect(client.pendingBytes).toBeGreaterThan(0);
  expect(there.received.length).toBe(0);
  accepted.resume();
  await there.has(written);
  expect(there.received.length).toBe(written);
  expect(here.drains).toBe(1);
  expect(client.pendingBytes).toBe(0);
});

test('a handler that pauses inside data gets no further bytes in that turn', async () => {
  const { client, accepted } = await pair();
  client.handle(new Recorder());
  const chunks: number[] = [];
  let resume!: () => void;
  const paused = new Promise<void>((resolve) => (resume = resolve));
  const recorder = new Recorder();
  accepted.handle({
    data(bytes) {
      chunks.push(bytes.length);
      recorder.data(bytes);
      if (chunks.length === 1) {
        accepted.pause();
        setImmediate(() => setImmediate(resume));
      }
    },
    drained() {},
    ended() {},
    closed() {},
  });
  client.write([Buffer.alloc(400_000)]);
  await paused;
  expect(chunks.length).toBe(1);
  accepted.resume();
  await recorder.has(400_000);
  expect(chunks.length).toBeGreaterThan(1);
});

test('a half-closed peer still gets its answer', async () => {
  const { listening, next } = await listen();
  const client = net.connect({ host: '127.0.0.1', port: listening.port, allowHalfOpen: true });
  client.end('ruok');
  const accepted = await next();
  const recorder = new Recorder();
  accepted.handle(recorder);
  await recorder.hasEnded;
  accepted.write([Buffer.from('imok')]);
  accepted.end();
  let answer = '';
  for await (const part of client) answer += String(part);
  expect(answer).toBe('imok');
});

test('destroy closes both ends, and drops what was pending', async () => {
  const { client, accepted } = await pair();
  const [here, there] = [new Recorder(), new Recorder()];
  client.handle(here);
  accepted.handle(there);
  client.destroy();
  expect(await here.hasClosed).toBeUndefined();
  await Promise.race([there.hasEnded, there.hasClosed]);
});

describe('what cannot be connected to or listened on', () => {
  test('a port that is taken', async () => {
    const { listening } = await listen();
    await expect(network.listen({ host: '127.0.0.1', port: listening.port }, () => {})).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
  });

  test('a port is free again as soon as its listener is closed, and its connections stay', async () => {
    const { listening, client, accepted } = await pair();
    await listening.close();
    const again = await network.listen({ host: '127.0.0.1', port: listening.port }, () => {});
    await again.close();
    await expect(network.connect({ host: '127.0.0.1', port: listening.port, timeoutMs: 10_000 })).rejects.toMatchObject(
      { code: 'ECONNREFUSED' },
    );
    await checkConversation(client, accepted);
  });

  test('a peer that does not answer', async () => {
    // A listener whose handshake never comes: TLS to a plain listener that stays silent.
    const { listening } = await listen();
    await expect(
      network.connect({ host: '127.0.0.1', port: listening.port, timeoutMs: 20, tls: { verifyPeer: false } }),
    ).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  });
});

describe('the http server', () => {
  test('answers with what the handler says, and 500 when it throws', async () => {
    const listening = await network.serveHttp({ host: '127.0.0.1', port: 0 }, ({ path, method }) => {
      if (path === '/throws') throw new Error('broken');
      return { status: 200, contentType: 'text/plain', body: `${method} ${path}` };
    });
    cleanups.push(() => listening.close());
    const get = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${listening.port}${path}`);
      return [response.status, await response.text()];
    };
    expect(await get('/live?x=1')).toEqual([200, 'GET /live']);
    expect(await get('/throws')).toEqual([500, 'Error: broken\n']);
  });
});
