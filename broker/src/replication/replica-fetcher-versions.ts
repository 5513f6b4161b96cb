import { isAtLeastVersion } from '../config/metadata-version';

/** Newest first: from which inter.broker.protocol.version on an API's version is used (Kafka's MetadataVersion). */
type Steps = readonly (readonly [since: string, version: number])[];

const fetchVersions: Steps = [
  ['3.9-IV0', 17],
  ['3.7-IV4', 16],
  ['3.5-IV1', 15],
  ['3.5-IV0', 14],
  ['3.1-IV0', 13],
  ['2.7-IV1', 12],
  ['2.3-IV1', 11],
  ['2.1-IV2', 10],
  ['2.0-IV1', 8],
  ['1.1-IV0', 7],
  ['0.11.0-IV1', 5],
  ['0.11.0-IV0', 4],
  ['0.10.1-IV1', 3],
  ['0.10.0-IV0', 2],
  ['0.9.0', 1],
];

const offsetForLeaderEpochVersions: Steps = [
  ['2.8-IV0', 4],
  ['2.3-IV1', 3],
  ['2.1-IV1', 2],
  ['2.0-IV0', 1],
  ['0.11.0-IV2', 0],
];

const listOffsetsVersions: Steps = [
  ['3.9-IV0', 9],
  ['3.5-IV0', 8],
  ['3.0-IV1', 7],
  ['2.8-IV0', 6],
  ['2.2-IV1', 5],
  ['2.1-IV1', 4],
  ['2.0-IV1', 3],
  ['0.11.0-IV0', 2],
  ['0.10.1-IV2', 1],
];

/** The newest versions of a follower's requests that an inter.broker.protocol.version allows. */
export interface FollowerVersions {
  readonly fetch: number;
  readonly listOffsets: number;
  /** `undefined`: older than leader epochs. */
  readonly offsetForLeaderEpoch: number | undefined;
}

export function followerVersions(interBrokerProtocolVersion: string): FollowerVersions {
  const newest = (steps: Steps) => steps.find(([since]) => isAtLeastVersion(interBrokerProtocolVersion, since))?.[1];
  return {
    fetch: newest(fetchVersions) ?? 0,
    listOffsets: newest(listOffsetsVersions) ?? 0,
    offsetForLeaderEpoch: newest(offsetForLeaderEpochVersions),
  };
}
