/**
 * What a listener speaks: Kafka's four security protocols. This project's broker has PLAINTEXT for now; the others
 * are for BrokerImage.apache(), with the ssl.* and sasl.* keys in `extraProperties` and their files from `secrets`.
 *
 * @example
 * const listener = Listener.internal({ name: 'SECURE', port: 9093, securityProtocol: SecurityProtocol.SSL });
 */
export class SecurityProtocol {
  static readonly PLAINTEXT = new SecurityProtocol('PLAINTEXT');
  static readonly SSL = new SecurityProtocol('SSL');
  static readonly SASL_PLAINTEXT = new SecurityProtocol('SASL_PLAINTEXT');
  static readonly SASL_SSL = new SecurityProtocol('SASL_SSL');

  private constructor(
    /** Kafka's name of it. */
    readonly name: string,
  ) {}
}
