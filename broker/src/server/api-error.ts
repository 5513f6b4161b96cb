import { ConfigError } from '../config/config-error';
import { ErrorCode, errorName, KafkaError } from '../protocol/errors';
import { ControllerMovedException } from '../zookeeper/zk-operations';

/** What became of one thing that a request asked for (Kafka's ApiError). */
export interface ApiError {
  readonly errorCode: ErrorCode;
  /** Null where it would say no more than the code. */
  readonly errorMessage: string | null;
}

export const noError: ApiError = { errorCode: ErrorCode.NONE, errorMessage: null };

export function apiError(errorCode: ErrorCode, errorMessage: string | null = null): ApiError {
  return { errorCode, errorMessage };
}

/** The error in the response for what was thrown. */
export function apiErrorOf(error: unknown): ApiError {
  if (error instanceof KafkaError) {
    return apiError(error.code, error.message === errorName(error.code) ? null : error.message);
  }
  if (error instanceof ConfigError) return apiError(ErrorCode.INVALID_CONFIG, error.message);
  if (error instanceof ControllerMovedException) return apiError(ErrorCode.STALE_CONTROLLER_EPOCH, error.message);
  return apiError(ErrorCode.UNKNOWN_SERVER_ERROR, error instanceof Error ? error.message : String(error));
}

/** Whether it is the broker's own fault, and not something that the client asked for wrongly. */
export function isUnexpected(error: unknown): boolean {
  return apiErrorOf(error).errorCode === ErrorCode.UNKNOWN_SERVER_ERROR;
}
