import { ErrorCode } from '../protocol/errors';

/** Clients know PRODUCER_FENCED since KIP-588; to older ones it is INVALID_PRODUCER_EPOCH. */
export function fencedError(errorCode: ErrorCode, knowsFenced: boolean): ErrorCode {
  return errorCode === ErrorCode.PRODUCER_FENCED && !knowsFenced ? ErrorCode.INVALID_PRODUCER_EPOCH : errorCode;
}
