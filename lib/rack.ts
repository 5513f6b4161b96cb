/**
 * Where a broker gets its `broker.rack` from, by which Kafka spreads replicas.
 *
 * @example
 * const rack = Rack.podLabel('topology.kubernetes.io/zone');
 */
export class Rack {
  /** Broker N gets the Nth of these, and they start again at the end. The pods must really run there. */
  static list(...racks: string[]): Rack {
    if (racks.length === 0 || racks.some((rack) => !/^[A-Za-z0-9._-]+$/.test(rack))) {
      throw new Error(
        `Rack.list: ${JSON.stringify(racks)} is refused; accepted: one or more of A-Z, a-z, 0-9, ., _ and -`,
      );
    }
    return new Rack(racks);
  }

  /**
   * A label of the pod. Kubernetes 1.35 and later copies topology.kubernetes.io/zone and region from the node to the
   * pod; on older ones something else must set the label. Without it a broker has no rack.
   */
  static podLabel(label: string): Rack {
    if (!/^([a-z0-9.-]+\/)?[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(label)) {
      throw new Error(`Rack.podLabel: ${JSON.stringify(label)} is refused; accepted: a label's key`);
    }
    return new Rack(undefined, label);
  }

  private constructor(
    readonly racks?: string[],
    readonly label?: string,
  ) {}
}
