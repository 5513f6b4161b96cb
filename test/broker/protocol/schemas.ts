import { apis } from '../../../broker/src/protocol/api-keys';
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
} from '../../../broker/src/protocol/internal/consumer-protocol';
import { DefaultPrincipalData } from '../../../broker/src/protocol/internal/default-principal';
import { GroupMetadataKey, GroupMetadataValue } from '../../../broker/src/protocol/internal/group-metadata';
import { OffsetCommitKey, OffsetCommitValue } from '../../../broker/src/protocol/internal/offset-commit';
import { TransactionLogKey, TransactionLogValue } from '../../../broker/src/protocol/internal/transaction-log';
import { RequestHeader, ResponseHeader } from '../../../broker/src/protocol/messages/header';
import type { MessageSchema } from '../../../broker/src/protocol/schema';

/** The requests and responses of the API keys. */
export const apiMessages: readonly MessageSchema[] = [...apis.values()].flatMap((api) => [api.request, api.response]);

/** What else has a schema: headers, records of internal topics, what consumers put into bytes. */
export const otherMessages: readonly MessageSchema[] = [
  RequestHeader,
  ResponseHeader,
  OffsetCommitKey,
  OffsetCommitValue,
  GroupMetadataKey,
  GroupMetadataValue,
  TransactionLogKey,
  TransactionLogValue,
  ConsumerProtocolSubscription,
  ConsumerProtocolAssignment,
  DefaultPrincipalData,
];

export interface MessageVersion {
  readonly schema: MessageSchema;
  readonly version: number;
}

export function versionsOf(schemas: readonly MessageSchema[]): MessageVersion[] {
  return schemas.flatMap((schema) =>
    Array.from({ length: schema.maxVersion - schema.minVersion + 1 }, (_, i) => ({
      schema,
      version: schema.minVersion + i,
    })),
  );
}
