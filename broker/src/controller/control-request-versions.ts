import { isAtLeastVersion } from '../config/metadata-version';

/** The versions of a controller's requests that brokers of an inter.broker.protocol.version have. */
export interface ControlRequestVersions {
  readonly leaderAndIsr: number;
  readonly updateMetadata: number;
  readonly stopReplica: number;
}

type Steps = readonly (readonly [since: string, version: number])[];

const leaderAndIsr: Steps = [
  ['3.4-IV0', 7],
  ['3.2-IV0', 6],
  ['2.8-IV1', 5],
  ['2.4-IV1', 4],
  ['2.4-IV0', 3],
  ['2.2-IV0', 2],
  ['1.0-IV0', 1],
];
const updateMetadata: Steps = [
  ['3.4-IV0', 8],
  ['2.8-IV1', 7],
  ['2.4-IV1', 6],
  ['2.2-IV0', 5],
  ['1.0-IV0', 4],
  ['0.10.2-IV0', 3],
  ['0.10.0-IV1', 2],
  ['0.9.0', 1],
];
const stopReplica: Steps = [
  ['3.4-IV0', 4],
  ['2.6-IV0', 3],
  ['2.4-IV1', 2],
  ['2.2-IV0', 1],
];

export function controlRequestVersions(interBrokerProtocolVersion: string): ControlRequestVersions {
  const at = (steps: Steps): number =>
    steps.find(([since]) => isAtLeastVersion(interBrokerProtocolVersion, since))?.[1] ?? 0;
  return {
    leaderAndIsr: at(leaderAndIsr),
    updateMetadata: at(updateMetadata),
    stopReplica: at(stopReplica),
  };
}
