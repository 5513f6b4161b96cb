import { ErrorCode, KafkaError } from '../protocol/errors';

/** ConfigResource.Type, by its code. */
export const ConfigResourceType = { UNKNOWN: 0, TOPIC: 2, BROKER: 4, BROKER_LOGGER: 8, CLIENT_METRICS: 16 } as const;

const typeNames = new Map<number, string>(Object.entries(ConfigResourceType).map(([name, code]) => [code, name]));

/** A topic or a broker, as a request names it. */
export interface ConfigResource {
  /** One of ConfigResourceType, unless the client made it up. */
  readonly resourceType: number;
  readonly resourceName: string;
}

/** For messages, as Kafka writes it. */
export function formatConfigResource({ resourceType, resourceName }: ConfigResource): string {
  return `ConfigResource(type=${typeNames.get(resourceType) ?? 'UNKNOWN'}, name='${resourceName}')`;
}

/**
 * A broker's configuration is that of the broker asked: nobody else knows it.
 * @param what how Kafka calls the number in this place
 */
export function requireThisBroker(name: string, brokerId: number, what: string, accepted = `${brokerId}`): void {
  if (!/^[+-]?\d{1,10}$/.test(name)) {
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `${what} must be an integer, but it is: ${name}`);
  }
  if (Number(name) !== brokerId) {
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `Unexpected broker id, expected ${accepted}, but received ${name}`);
  }
}
