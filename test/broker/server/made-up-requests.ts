import { apis, Apis, type Api } from '../../../broker/src/protocol/api-keys';
import type { Field, Fields } from '../../../broker/src/protocol/schema';
import { buildBatch } from '../../../broker/src/records/build-batch';
import { makeValue, type Choices, type Value } from '../protocol/values';

/** Things that are there, for requests to be about. */
export interface Existing {
  readonly topics: readonly string[];
  readonly topicIds: readonly string[];
  readonly groups: readonly string[];
}

const topicFields = new Set(['name', 'topic', 'topicName', 'topicNames', 'resourceName']);
const waitingFields = new Set(['timeoutMs', 'maxWaitMs', 'maxWaitTime', 'rebalanceTimeoutMs', 'sessionTimeoutMs']);

/**
 * A request with every field of its version, of which some name what is there. Nobody waits long for its answer, and it
 * asks for few partitions: it is about what is understood, not about load.
 */
export function makeRequest(api: Api, version: number, choices: Choices, existing: Existing): Value {
  const value = makeValue(api.request, version, choices, { long: false });
  adapt(api.request.fields, value, choices, existing);
  if (isOfController(api)) Object.assign(value, { controllerEpoch: -1 });
  return value;
}

/**
 * What only a controller sends. A broker believes it: made up requests are those of a controller that is none any more,
 * which are refused once they are understood.
 */
export function isOfController({ key }: Api): boolean {
  return key === Apis.LeaderAndIsr.key || key === Apis.StopReplica.key || key === Apis.UpdateMetadata.key;
}

function adapt(fields: Fields, value: Value, choices: Choices, existing: Existing): void {
  const pick = <T>(from: readonly T[]): T => from[choices.draw(from.length)];
  for (const [key, field] of Object.entries(fields)) {
    const given = value[key];
    if (given === undefined || given === null) continue;
    if (waitingFields.has(key) && field.kind === 'int32') value[key] = choices.draw(3);
    else if (key === 'numPartitions' || key === 'count') value[key] = choices.draw(4) - 1;
    else if (key === 'replicationFactor') value[key] = choices.draw(4) - 1;
    else if (field.kind === 'records') value[key] = makeRecords(choices);
    else if (field.kind === 'uuid' && choices.draw(2) === 1) value[key] = pick(existing.topicIds);
    else if (field.kind === 'string' && choices.draw(4) > 0) {
      if (topicFields.has(key)) value[key] = pick(existing.topics);
      else if (key === 'groupId' || key === 'key') value[key] = pick(existing.groups);
    } else if (/^(partition|partitionIndex|index)$/.test(key) && choices.draw(4) > 0) {
      value[key] = choices.draw(2);
    } else if (field.kind === 'struct') {
      adapt(field.fields!, given as Value, choices, existing);
    } else if (field.kind === 'array') {
      adaptArray(key, field.element!, given as unknown[], choices, existing);
    }
  }
}

function adaptArray(key: string, element: Field, items: unknown[], choices: Choices, existing: Existing): void {
  items.forEach((item, i) => {
    if (element.kind === 'struct') adapt(element.fields!, item as Value, choices, existing);
    else if (element.kind === 'int32' && choices.draw(4) > 0) items[i] = choices.draw(2);
    else if (element.kind === 'string' && choices.draw(4) > 0) {
      items[i] = (/group/i.test(key) ? existing.groups : existing.topics)[0];
    }
  });
}

function makeRecords(choices: Choices): Buffer {
  const records = Array.from({ length: 1 + choices.draw(3) }, (_, i) => ({ key: `k${i}`, value: `v${i}` }));
  const idempotent = choices.draw(2) === 1;
  const batch = buildBatch({
    records,
    ...(idempotent ? { producerId: choices.draw(5), producerEpoch: 0, baseSequence: choices.draw(5) } : {}),
  });
  if (choices.draw(4) === 0) batch[choices.draw(batch.length)] ^= 1 << choices.draw(8);
  return batch;
}

/** Every version of the APIs. */
export function versionsOfApis(keys: readonly number[]): (readonly [name: string, version: number, api: Api])[] {
  return keys.flatMap((key) => {
    const api = apis.get(key)!;
    const { minVersion, maxVersion } = api;
    return Array.from({ length: maxVersion - minVersion + 1 }, (_, i) => [api.name, minVersion + i, api] as const);
  });
}
