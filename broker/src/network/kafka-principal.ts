/** Who is at the other end of a connection. */
export interface KafkaPrincipal {
  /** `User`, unless a principal builder says otherwise. */
  readonly principalType: string;
  readonly name: string;
}

/** The principal of a connection that did not authenticate. */
export const anonymous: KafkaPrincipal = { principalType: 'User', name: 'ANONYMOUS' };

/** `User:alice`, as ACLs and Kafka's logs have it. */
export function formatPrincipal({ principalType, name }: KafkaPrincipal): string {
  return `${principalType}:${name}`;
}
