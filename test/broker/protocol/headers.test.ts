import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ApiKey, Apis, apis } from '../../../broker/src/protocol/api-keys';
import { encodeToBuffer, toBuffer } from '../../../broker/src/protocol/codec';
import { ErrorCode, ProtocolError } from '../../../broker/src/protocol/errors';
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  parseRequestHeader,
  responseCorrelationId,
} from '../../../broker/src/protocol/headers';
import { ApiVersionsResponse } from '../../../broker/src/protocol/messages/api-versions';
import { seeded } from './values';

/** A frame without its length prefix, which must be right. */
function body(chunks: Parameters<typeof toBuffer>[1]): Buffer {
  const frame = toBuffer('frame', chunks);
  expect(frame.readInt32BE(0)).toBe(frame.length - 4);
  return frame.subarray(4);
}

test('the API keys and versions are those that Apache Kafka 3.9 lists in ZooKeeper mode', () => {
  const listing = readFileSync(join(__dirname, '..', '..', 'fixtures', 'api-versions-3.9.txt'), 'utf8');
  const first = listing.slice(0, listing.indexOf(')\n'));
  const theirs = [...first.matchAll(/(\w+)\((\d+)\): (\d+)(?: to (\d+))? \[/g)].map(
    ([, name, key, min, max]) => `${name} ${key} ${min} ${max ?? min}`,
  );
  const ours = [...apis.values()].map((api) => `${api.name} ${api.key} ${api.minVersion} ${api.maxVersion}`);
  expect(theirs.length).toBe(62);
  expect(ours).toEqual(theirs);
});

describe('request headers', () => {
  test('version 1: client id, no tagged fields', () => {
    const frame = body(encodeRequest(Apis.Metadata, 1, 77, 'me', { topics: [] }));
    expect(frame.toString('hex')).toBe('000300010000004d00026d6500000000');
    const header = parseRequestHeader(frame);
    expect(header).toEqual({ apiKey: 3, apiVersion: 1, correlationId: 77, clientId: 'me', bodyOffset: 12 });
    expect(decodeRequest(Apis.Metadata, header, frame).topics).toEqual([]);
  });

  test('version 2: the client id keeps its 2-byte length, then tagged fields', () => {
    const frame = body(encodeRequest(Apis.Metadata, 9, 77, null, { topics: null }));
    expect(frame.toString('hex')).toBe('000300090000004dffff0000' + '01' + '000000');
    expect(parseRequestHeader(frame)).toMatchObject({ clientId: null, bodyOffset: 11 });
  });

  test('version 0: ControlledShutdown 0 has no client id', () => {
    const frame = body(encodeRequest(Apis.ControlledShutdown, 0, 5, null, { brokerId: 3 }));
    expect(frame.toString('hex')).toBe('000700000000000500000003');
    const header = parseRequestHeader(frame);
    expect(decodeRequest(Apis.ControlledShutdown, header, frame).brokerId).toBe(3);
  });

  test('an unknown API, an unknown version and a short header are refused', () => {
    const header = (key: number, version: number): Buffer => {
      const frame = Buffer.alloc(14);
      frame.writeInt16BE(key, 0);
      frame.writeInt16BE(version, 2);
      return frame;
    };
    expect(() => parseRequestHeader(header(99, 0))).toThrow('RequestHeader.requestApiKey: 99 is unknown');
    expect(() => parseRequestHeader(header(-1, 0))).toThrow(ProtocolError);
    expect(() => parseRequestHeader(header(1, 18))).toThrow('Fetch has versions 0 to 17, not 18');
    expect(() => parseRequestHeader(header(1, -1))).toThrow(ProtocolError);
    expect(() => parseRequestHeader(Buffer.alloc(7))).toThrow('a request of 7 bytes');
    expect(() => parseRequestHeader(header(3, 1).subarray(0, 9))).toThrow('RequestHeader.clientId: needs 2 bytes');
  });

  test('ApiVersions of any version has a header', () => {
    const frame = Buffer.from('0012006300000005' + '0001' + '78' + '00', 'hex');
    expect(parseRequestHeader(frame)).toEqual({
      apiKey: ApiKey.ApiVersions,
      apiVersion: 99,
      correlationId: 5,
      clientId: 'x',
      bodyOffset: 12,
    });
  });

  test('random bytes are a header or a ProtocolError', () => {
    const choices = seeded(1);
    let taken = 0;
    for (let i = 0; i < 20_000; i++) {
      const frame = Buffer.from(Array.from({ length: choices.draw(40) }, () => choices.draw(256)));
      if (frame.length > 9 && i % 2 === 0) {
        frame.writeInt16BE(choices.draw(70), 0);
        frame.writeInt16BE(choices.draw(4), 2);
        frame.writeInt16BE(choices.draw(32) - 2, 8);
      }
      try {
        parseRequestHeader(frame);
        taken++;
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }
    expect(taken).toBeGreaterThan(1000);
  });
});

describe('responses', () => {
  test('a flexible version has tagged fields in its header', () => {
    const frame = body(encodeResponse(Apis.Heartbeat, 4, 9, { errorCode: 27 }));
    expect(frame.toString('hex')).toBe('00000009' + '00' + '00000000' + '001b' + '00');
    expect(responseCorrelationId(frame)).toBe(9);
    expect(decodeResponse(Apis.Heartbeat, 4, frame)).toEqual({ throttleTimeMs: 0, errorCode: 27 });
  });

  test('that of ApiVersions has none in any version', () => {
    const frame = body(encodeResponse(Apis.ApiVersions, 3, 9, { errorCode: 0, apiKeys: [] }));
    expect(frame.toString('hex')).toBe('00000009' + '0000' + '01' + '00000000' + '00');
    expect(decodeResponse(Apis.ApiVersions, 3, frame).apiKeys).toEqual([]);
  });

  test('UNSUPPORTED_VERSION for ApiVersions comes in version 0, whatever was asked', () => {
    const answer = {
      errorCode: ErrorCode.UNSUPPORTED_VERSION,
      apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 3 }],
    };
    const frame = Buffer.concat([Buffer.from('00000009', 'hex'), encodeToBuffer(ApiVersionsResponse, 0, answer)]);
    expect(decodeResponse(Apis.ApiVersions, 4, frame)).toMatchObject(answer);
  });

  test('a response that is too short for a header is refused', () => {
    expect(() => responseCorrelationId(Buffer.alloc(3))).toThrow('ResponseHeader: a response of 3 bytes');
    expect(() => decodeResponse(Apis.Heartbeat, 0, Buffer.alloc(3))).toThrow(ProtocolError);
  });
});
