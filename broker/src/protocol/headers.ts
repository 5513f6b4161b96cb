import { ApiKey, apis } from './api-keys';
import type { Api } from './api-keys';
import { decodedEnd, decodeMessage, encodeFrame } from './codec';
import type { Chunk } from './codec';
import { ErrorCode, ProtocolError } from './errors';
import { RequestHeader, ResponseHeader } from './messages/header';
import type { InputOf, MessageOf } from './schema';

/** Which header stands before a request. */
export function requestHeaderVersion(api: Api, version: number): number {
  if (version >= api.firstFlexibleVersion) return 2;
  return api.key === ApiKey.ControlledShutdown && version === 0 ? 0 : 1;
}

/** Which header stands before a response: that of ApiVersions is never flexible, its reader does not know the version yet. */
export function responseHeaderVersion(api: Api, version: number): number {
  return version >= api.firstFlexibleVersion && api.key !== ApiKey.ApiVersions ? 1 : 0;
}

/** The header of a request, and where in the frame its body starts. */
export interface ParsedRequestHeader {
  /** One of the keys of `apis`: `apis.get(header.apiKey)`. */
  readonly apiKey: number;
  /**
   * A version that the API has, except for ApiVersions: there it may be any, and the header is read in the form of the
   * newest version (a broker answers it with UNSUPPORTED_VERSION in a body of version 0).
   */
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
  readonly bodyOffset: number;
}

/**
 * Reads the header of a request from a frame without its length prefix. An API or a version that nobody offered, and a
 * header that ends early, are ProtocolErrors: the connection has to be closed, as Kafka does.
 */
export function parseRequestHeader(frame: Buffer): ParsedRequestHeader {
  if (frame.length < 8) throw new ProtocolError(`RequestHeader: a request of ${frame.length} bytes`);
  const apiKey = frame.readInt16BE(0);
  const apiVersion = frame.readInt16BE(2);
  const api = apis.get(apiKey);
  if (api === undefined) throw new ProtocolError(`RequestHeader.requestApiKey: ${apiKey} is unknown`);
  const known = apiVersion >= api.minVersion && apiVersion <= api.maxVersion;
  if (!known && apiKey !== ApiKey.ApiVersions) {
    throw new ProtocolError(
      `RequestHeader.requestApiVersion: ${api.name} has versions ${api.minVersion} to ${api.maxVersion}, not ${apiVersion}`,
    );
  }
  const header = decodeMessage(RequestHeader, requestHeaderVersion(api, apiVersion), frame);
  return {
    apiKey,
    apiVersion,
    correlationId: header.correlationId,
    clientId: header.clientId,
    bodyOffset: decodedEnd(),
  };
}

/** A response with its header, as a frame with its length prefix. */
export function encodeResponse<A extends Api>(
  api: A,
  version: number,
  correlationId: number,
  body: InputOf<A['response']>,
): Chunk[] {
  return encodeFrame(
    ResponseHeader,
    responseHeaderVersion(api, version),
    { correlationId },
    api.response as A['response'],
    version,
    body,
  );
}

/** The client's side: a request with its header, as a frame with its length prefix. */
export function encodeRequest<A extends Api>(
  api: A,
  version: number,
  correlationId: number,
  clientId: string | null,
  body: InputOf<A['request']>,
): Chunk[] {
  return encodeFrame(
    RequestHeader,
    requestHeaderVersion(api, version),
    { requestApiKey: api.key, requestApiVersion: version, correlationId, clientId },
    api.request as A['request'],
    version,
    body,
  );
}

/** The body of a request whose header is parsed. */
export function decodeRequest<A extends Api>(
  api: A,
  header: ParsedRequestHeader,
  frame: Buffer,
): MessageOf<A['request']> {
  return decodeMessage(api.request as A['request'], header.apiVersion, frame, header.bodyOffset);
}

/** The client's side: which request a frame (without its length prefix) answers. */
export function responseCorrelationId(frame: Buffer): number {
  if (frame.length < 4) throw new ProtocolError(`ResponseHeader: a response of ${frame.length} bytes`);
  return frame.readInt32BE(0);
}

/**
 * The client's side: the body of a response, from a frame without its length prefix. A broker that lacks the asked
 * version of ApiVersions answers in version 0 with UNSUPPORTED_VERSION, and it is read so.
 */
export function decodeResponse<A extends Api>(api: A, version: number, frame: Buffer): MessageOf<A['response']> {
  decodeMessage(ResponseHeader, responseHeaderVersion(api, version), frame);
  const offset = decodedEnd();
  const old = api.key === ApiKey.ApiVersions && isUnsupportedVersion(frame, offset);
  return decodeMessage(api.response as A['response'], old ? 0 : version, frame, offset);
}

function isUnsupportedVersion(frame: Buffer, offset: number): boolean {
  return frame.length >= offset + 2 && frame.readInt16BE(offset) === ErrorCode.UNSUPPORTED_VERSION;
}
