/**
 * The bare limit: what Node can do when a server does nothing. It speaks just enough of Kafka's protocol for librdkafka
 * to produce to it and to fetch from it, keeps nothing of what it is sent, and serves a fetch from one file that is
 * given to it, by pooled reads. Prints the port that it listens on.
 *
 *   discard-server TOPIC [SEGMENT_FILE]
 */
import fs from 'node:fs';
import net from 'node:net';
import { ApiKey, Apis } from '../src/protocol/api-keys';
import { decodeRequest, encodeResponse, parseRequestHeader } from '../src/protocol/headers';
import { toBuffer } from '../src/protocol/codec';

const [topic = 'bench', segmentFile] = process.argv.slice(2);

/** Highest versions that are served here. */
const versions = new Map<number, number>([
  [ApiKey.Produce, 7],
  [ApiKey.Fetch, 11],
  [ApiKey.ListOffsets, 5],
  [ApiKey.Metadata, 8],
  [ApiKey.ApiVersions, 3],
]);

const segment = segmentFile ? openSegment(segmentFile) : undefined;

function openSegment(path: string) {
  const fd = fs.openSync(path, 'r');
  const { size } = fs.fstatSync(fd);
  const header = Buffer.alloc(27);
  const positions: number[] = [];
  const offsets: number[] = [];
  let end = 0;
  for (let at = 0; at < size; at += header.readInt32BE(8) + 12) {
    fs.readSync(fd, header, 0, 27, at);
    positions.push(at);
    offsets.push(Number(header.readBigInt64BE(0)));
    end = Number(header.readBigInt64BE(0)) + header.readInt32BE(23) + 1;
  }
  return { fd, size, positions, offsets, end };
}

function positionOf(offset: number): number {
  if (!segment || offset >= segment.end) return -1;
  let low = 0;
  let high = segment.offsets.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (segment.offsets[middle] <= offset) low = middle;
    else high = middle - 1;
  }
  return segment.positions[low];
}

/** The answer to a Produce v3–v7 request, from its first bytes; the records are not looked at. */
function produced(head: Buffer): Buffer {
  const version = head.readInt16BE(2);
  let at = 8;
  const text = (): void => {
    at += 2 + Math.max(0, head.readInt16BE(at));
  };
  text(); // client id
  text(); // transactional id
  at += 2 + 4 + 4;
  const nameAt = at;
  text();
  const name = head.subarray(nameAt, at);
  const partition = head.readInt32BE(at + 4);
  const answer = Buffer.alloc(4 + 4 + 4 + name.length + 4 + 4 + 2 + 8 + 8 + (version >= 5 ? 8 : 0) + 4);
  answer.writeInt32BE(answer.length - 4, 0);
  head.copy(answer, 4, 4, 8);
  answer.writeInt32BE(1, 8);
  name.copy(answer, 12);
  at = 12 + name.length;
  answer.writeInt32BE(1, at);
  answer.writeInt32BE(partition, at + 4);
  return answer;
}

const pool = Buffer.allocUnsafe(1024 * 1024);

function answerTo(frame: Buffer, port: number): Buffer {
  const header = parseRequestHeader(frame);
  const { apiKey, apiVersion, correlationId } = header;
  switch (apiKey) {
    case ApiKey.ApiVersions:
      return toBuffer(
        'ApiVersions',
        encodeResponse(Apis.ApiVersions, apiVersion, correlationId, {
          errorCode: 0,
          apiKeys: [...versions].map(([key, maxVersion]) => ({ apiKey: key, minVersion: 0, maxVersion })),
        }),
      );
    case ApiKey.Metadata:
      return toBuffer(
        'Metadata',
        encodeResponse(Apis.Metadata, apiVersion, correlationId, {
          brokers: [{ nodeId: 0, host: '127.0.0.1', port }],
          clusterId: 'discard',
          controllerId: 0,
          topics: [
            {
              errorCode: 0,
              name: topic,
              partitions: [
                { errorCode: 0, partitionIndex: 0, leaderId: 0, replicaNodes: [0], isrNodes: [0], offlineReplicas: [] },
              ],
            },
          ],
        }),
      );
    case ApiKey.ListOffsets:
      return toBuffer(
        'ListOffsets',
        encodeResponse(Apis.ListOffsets, apiVersion, correlationId, {
          topics: [{ name: topic, partitions: [{ partitionIndex: 0, errorCode: 0, timestamp: -1n, offset: 0 }] }],
        }),
      );
    case ApiKey.Fetch: {
      const request = decodeRequest(Apis.Fetch, header, frame);
      const wanted = request.topics[0].partitions[0];
      const position = positionOf(wanted.fetchOffset);
      let length = 0;
      if (segment && position >= 0) {
        length = fs.readSync(segment.fd, pool, 0, Math.min(pool.length, wanted.partitionMaxBytes), position);
      }
      return toBuffer(
        'Fetch',
        encodeResponse(Apis.Fetch, apiVersion, correlationId, {
          errorCode: 0,
          responses: [
            {
              topic,
              partitions: [
                {
                  partitionIndex: 0,
                  errorCode: 0,
                  highWatermark: segment?.end ?? 0,
                  lastStableOffset: segment?.end ?? 0,
                  logStartOffset: 0,
                  abortedTransactions: null,
                  records: pool.subarray(0, length),
                },
              ],
            },
          ],
        }),
      );
    }
    default:
      throw new Error(`API key ${apiKey} is not served by the bare limit`);
  }
}

/** Bytes of a frame that are kept: enough for everything but a Produce. */
const headBytes = 64 * 1024;

const server = net.createServer({ noDelay: true, highWaterMark: 1024 * 1024 }, serve);

function serve(socket: net.Socket): void {
  const head = Buffer.allocUnsafe(headBytes + 4);
  let have = 0;
  let left = -1;
  socket.on('data', (bytes: Buffer) => {
    for (let at = 0; at < bytes.length;) {
      if (left < 0) {
        const take = Math.min(4 - have, bytes.length - at);
        bytes.copy(head, have, at, at + take);
        have += take;
        at += take;
        if (have === 4) left = head.readInt32BE(0);
        continue;
      }
      const take = Math.min(left, bytes.length - at);
      if (have < head.length) have += bytes.copy(head, have, at, at + Math.min(take, head.length - have));
      left -= take;
      at += take;
      if (left === 0) {
        const frame = head.subarray(4, have);
        const { port } = server.address() as net.AddressInfo;
        socket.write(frame.readInt16BE(0) === ApiKey.Produce ? produced(frame) : answerTo(frame, port));
        have = 0;
        left = -1;
      }
    }
  });
  socket.on('error', () => socket.destroy());
}

server.listen(0, '127.0.0.1', () => console.log((server.address() as net.AddressInfo).port));
