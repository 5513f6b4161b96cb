import type { ErrorCode } from '../protocol/errors';

/** In place of a member id: the client has none yet. */
export const unknownMemberId = '';
export const noGeneration = -1;

export interface JoinGroupMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly metadata: Buffer;
}

/** The answer to JoinGroup. `protocolName` is null where there is none; before version 7 that is '' on the wire. */
export interface JoinGroupResult {
  readonly errorCode: ErrorCode;
  readonly generationId: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly leader: string;
  /** The leader is to leave the assignment as it is (a static leader that came back, from version 9). */
  readonly skipAssignment: boolean;
  readonly memberId: string;
  /** With their subscriptions, for the leader alone. */
  readonly members: readonly JoinGroupMember[];
}

export function failedJoin(memberId: string, errorCode: ErrorCode): JoinGroupResult {
  return {
    errorCode,
    generationId: noGeneration,
    protocolType: null,
    protocolName: null,
    leader: '',
    skipAssignment: false,
    memberId,
    members: [],
  };
}

export interface SyncGroupResult {
  readonly errorCode: ErrorCode;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly assignment: Buffer;
}

export const noBytes = Buffer.alloc(0);

export function failedSync(errorCode: ErrorCode): SyncGroupResult {
  return { errorCode, protocolType: null, protocolName: null, assignment: noBytes };
}

export type JoinCallback = (result: JoinGroupResult) => void;
export type SyncCallback = (result: SyncGroupResult) => void;

export interface LeaveGroupResult {
  readonly errorCode: ErrorCode;
  readonly members: readonly {
    readonly memberId: string;
    readonly groupInstanceId: string | null;
    readonly errorCode: ErrorCode;
  }[];
}

export interface FetchedOffset {
  readonly partitionIndex: number;
  /** -1: none. */
  readonly committedOffset: number;
  readonly committedLeaderEpoch: number;
  readonly metadata: string;
  readonly errorCode: ErrorCode;
}

export interface FetchOffsetsResult {
  readonly errorCode: ErrorCode;
  readonly topics: readonly { readonly name: string; readonly partitions: readonly FetchedOffset[] }[];
}

/** A group in ListGroups. */
export interface GroupOverview {
  readonly groupId: string;
  readonly protocolType: string;
  readonly groupState: string;
  readonly groupType: string;
}

/** A group in DescribeGroups. */
export interface DescribedGroup {
  readonly errorCode: ErrorCode;
  readonly groupId: string;
  readonly groupState: string;
  readonly protocolType: string;
  readonly protocolData: string;
  readonly members: readonly {
    readonly memberId: string;
    readonly groupInstanceId: string | null;
    readonly clientId: string;
    readonly clientHost: string;
    readonly memberMetadata: Buffer;
    readonly memberAssignment: Buffer;
  }[];
}
