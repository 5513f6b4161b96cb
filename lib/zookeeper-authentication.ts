/** A Secret that holds a user's name and password; only its name is in the manifests. */
export interface SaslCredentials {
  /** The Secret's name; it must be in the namespace of each construct that uses it. */
  readonly secretName: string;
  /**
   * @default 'username'
   */
  readonly usernameKey?: string;
  /**
   * @default 'password'
   */
  readonly passwordKey?: string;
}

/**
 * How clients log in to ZooKeeper.
 *
 * @example
 * const authentication = ZooKeeperAuthentication.sasl({ secretName: 'zookeeper-kafka' });
 */
export class ZooKeeperAuthentication {
  /** Nobody logs in; who reaches the port may do everything. */
  static anonymous(): ZooKeeperAuthentication {
    return new ZooKeeperAuthentication();
  }

  /** SASL DIGEST-MD5: one user, from a Secret; a client that does not log in is refused. */
  static sasl(credentials: SaslCredentials): ZooKeeperAuthentication {
    return new ZooKeeperAuthentication(credentials);
  }

  private constructor(
    /** Nothing where nobody logs in. */
    readonly credentials?: SaslCredentials,
  ) {}
}
