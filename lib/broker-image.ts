export interface OdradekImageProps {
  /** The image's name with its registry, without the tag. There is no default: build it, push it, say where. */
  readonly repository: string;
  /** A tag other than `latest`. */
  readonly tag: string;
}

export interface ApacheImageProps {
  /**
   * @default 'docker.io/apache/kafka'
   */
  readonly repository?: string;
}

/**
 * The image that a KafkaCluster's pods run: this project's broker, or Apache Kafka's. Both get the same
 * server.properties and write the same log directory as the same user, so that one can take the other's place.
 *
 * @example
 * const image = BrokerImage.odradek({ repository: 'registry.example/odradek', tag: '0.1.0' });
 */
export class BrokerImage {
  /** This project's image (broker/Dockerfile): the broker, and the command-line tools. */
  static odradek(props: OdradekImageProps): BrokerImage {
    requireRepository('BrokerImage.odradek', props.repository);
    requireTag('BrokerImage.odradek', props.tag);
    return new BrokerImage('odradek', `${props.repository}:${props.tag}`, labelValue(props.tag));
  }

  /**
   * Apache Kafka's own image.
   *
   * @param version 3.7.0 to 3.9.x: Apache published no image before, and 4.0 has no ZooKeeper mode
   */
  static apache(version: string, props: ApacheImageProps = {}): BrokerImage {
    if (!/^3\.[789]\.\d+$/.test(version)) {
      throw new Error(
        `BrokerImage.apache: ${JSON.stringify(version)} is refused; accepted: 3.7.x, 3.8.x or 3.9.x (there is no image of an older one, and 4.0 has no ZooKeeper mode)`,
      );
    }
    if (props.repository !== undefined) requireRepository('BrokerImage.apache', props.repository);
    return new BrokerImage('apache', `${props.repository ?? 'docker.io/apache/kafka'}:${version}`, version);
  }

  private constructor(
    /** Whose broker it is: `odradek` or `apache`. */
    readonly kind: string,
    /** What the pods' image is: REPOSITORY:TAG. */
    readonly reference: string,
    /** For the label app.kubernetes.io/version. */
    readonly version: string,
  ) {}

  /** Whether it has this project's command-line tools. */
  get isOdradek(): boolean {
    return this.kind === 'odradek';
  }
}

/** A tag may be longer than a label's value, and begin or end with what that may not. */
function labelValue(tag: string): string {
  return tag
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 63)
    .replace(/[^A-Za-z0-9]+$/, '');
}

/** As container engines take it: a registry with or without a port, and parts in lower case. */
function requireRepository(what: string, repository: string): void {
  const part = '[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*';
  const registry = '([A-Za-z0-9][-A-Za-z0-9.]*(:\\d{1,5})?/)?';
  if (!new RegExp(`^${registry}${part}(/${part})*$`).test(repository)) {
    throw new Error(
      `${what}: repository: ${JSON.stringify(repository)} is refused; accepted: [REGISTRY[:PORT]/]NAME[/NAME…] in lower case, without a tag`,
    );
  }
}

function requireTag(what: string, tag: string): void {
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(tag) || tag === 'latest') {
    throw new Error(`${what}: tag: ${JSON.stringify(tag)} is refused; accepted: a tag other than latest`);
  }
}
