import { readFileSync } from 'node:fs';
import net from 'node:net';
import { expect, it } from 'vitest';
import { Apis } from '../../broker/src/protocol/api-keys';
import { toBuffer } from '../../broker/src/protocol/codec';
import { encodeRequest } from '../../broker/src/protocol/headers';
import { batchOfBytes, BrokerClient, fetchRequest, nameOf, valuesOf } from '../broker/server/broker-client';
import { startBrokerProcess, temporaryDirectory } from './harness';

const consumers = 500;
const fetchBytes = 50 * 1024 * 1024;
/** Generous: what is meant to be held is some tens of megabytes. */
const mostGrowthMb = 250;

function residentMb(pid: number): number {
  const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  return Math.round(Number(kilobytes) / 1024);
}

it(`${consumers} consumers that asked for 50 MB and do not read cost the broker little`, async () => {
  using directory = temporaryDirectory();
  await using process_ = await startBrokerProcess(directory.path, { 'num.partitions': '1' });
  const { pid } = process_.broker;
  using client = await BrokerClient.connect(process_.bootstrap);
  const idleMb = residentMb(pid);
  await client.createTopic('large');
  const batch = batchOfBytes(900_000);
  for (let bytes = 0; bytes < fetchBytes + batch.length; bytes += batch.length) {
    expect(nameOf(await client.produce('large', batch))).toBe('NONE');
  }
  const beforeMb = residentMb(pid);
  const [host, port] = process_.bootstrap.split(':');
  const limits = { maxBytes: fetchBytes, partitionMaxBytes: fetchBytes };
  const request = toBuffer('Fetch', encodeRequest(Apis.Fetch, 11, 1, 'stalled', fetchRequest('large', 0, limits)));
  const sockets: net.Socket[] = [];
  let mostMb = beforeMb;
  try {
    // The first bytes of each answer are read: then it is outstanding, and nobody reads on.
    await Promise.all(
      Array.from({ length: consumers }, async () => {
        const socket = net.connect({ host, port: Number(port) });
        sockets.push(socket);
        const size = await new Promise<number>((resolve, reject) => {
          socket.on('error', reject);
          socket.once('data', (bytes) => {
            socket.pause();
            resolve(bytes.readInt32BE(0));
          });
          socket.write(request);
        });
        expect(size).toBeGreaterThan(fetchBytes - batch.length);
      }),
    );
    // Another client is served beside them; it gives the broker turns enough to fill what it would fill.
    await client.createTopic('beside');
    for (let i = 0; i < 200; i++) {
      await client.produceValues('beside', `${i}`);
      mostMb = Math.max(mostMb, residentMb(pid));
    }
    expect(valuesOf(await client.fetch('beside', 199))).toEqual(['199']);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
  console.info(
    `${consumers} stalled consumers, ${Math.round((consumers * fetchBytes) / 1e9)} GB outstanding: broker RSS ${idleMb} MB idle, ` +
      `${beforeMb} MB after producing, at most ${mostMb} MB with the consumers`,
  );
  expect(mostMb - beforeMb).toBeLessThan(mostGrowthMb);
});
