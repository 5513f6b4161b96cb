import { SecurityProtocol } from './security-protocol';

/** A port for clients inside the Kubernetes cluster, and for the brokers among themselves. */
export interface InternalListenerProps {
  /**
   * @default 'INTERNAL'
   */
  readonly name?: string;
  /**
   * @default 9092
   */
  readonly port?: number;
  /**
   * @default SecurityProtocol.PLAINTEXT
   */
  readonly securityProtocol?: SecurityProtocol;
}

/** A port for clients outside: what clients are told to connect to must be said, or found out in the pod. */
export interface ExternalListenerProps {
  /**
   * @default 'EXTERNAL'
   */
  readonly name?: string;
  /**
   * The port in the pod, and of a load balancer.
   *
   * @default 9094
   */
  readonly port?: number;
  /**
   * @default SecurityProtocol.PLAINTEXT
   */
  readonly securityProtocol?: SecurityProtocol;
  /**
   * The address that clients connect to; `{ordinal}` in it is the pod's: `kafka-{ordinal}.example.com`.
   *
   * @default - `hosts` or `discover`
   */
  readonly host?: string;
  /**
   * The addresses, one for each broker, in their order.
   *
   * @default - `host` or `discover`
   */
  readonly hosts?: string[];
  /**
   * Ask the Kubernetes API in each pod, before the broker starts: the load balancer's address, or the node's and the
   * node port's. Only this gives the pods a token, in an init container alone, and the roles to read that.
   *
   * @default false
   */
  readonly discover?: boolean;
  /**
   * Annotations of each pod's Service; `{ordinal}` in a value is the pod's.
   *
   * @default - none
   */
  readonly annotations?: { readonly [key: string]: string };
}

export interface NodePortListenerProps extends ExternalListenerProps {
  /**
   * Broker N gets this node port plus N.
   *
   * @default - `nodePorts`; with `discover`, Kubernetes chooses
   */
  readonly firstNodePort?: number;
  /**
   * The node ports, one for each broker, in their order.
   *
   * @default - `firstNodePort`; with `discover`, Kubernetes chooses
   */
  readonly nodePorts?: number[];
}

export interface LoadBalancerListenerProps extends ExternalListenerProps {
  /**
   * Who may connect: addresses as CIDR.
   *
   * @default - everybody
   */
  readonly sourceRanges?: string[];
  /**
   * Which load balancer implementation is meant.
   *
   * @default - the Kubernetes cluster's own
   */
  readonly loadBalancerClass?: string;
}

/** What all listeners come down to. */
export interface ListenerSpec {
  readonly kind: 'internal' | 'nodePort' | 'loadBalancer';
  readonly name: string;
  readonly port: number;
  readonly securityProtocol: SecurityProtocol;
  readonly external: ExternalListenerProps & NodePortListenerProps & LoadBalancerListenerProps;
}

/**
 * A port of the brokers, and the address that each of them advertises for it.
 *
 * @example
 * const listeners = [Listener.internal(), Listener.nodePort({ host: 'node.example.com', firstNodePort: 30090 })];
 */
export abstract class Listener {
  /** Reached by the pods' own names; the first of them is the one that brokers use among themselves. */
  static internal(props: InternalListenerProps = {}): Listener {
    return new AnyListener({
      kind: 'internal',
      name: props.name ?? 'INTERNAL',
      port: props.port ?? 9092,
      securityProtocol: props.securityProtocol ?? SecurityProtocol.PLAINTEXT,
      external: {},
    });
  }

  /** Reached by a port of the nodes: one Service a pod. */
  static nodePort(props: NodePortListenerProps): Listener {
    return external('nodePort', props);
  }

  /** Reached by a load balancer: one Service a pod. */
  static loadBalancer(props: LoadBalancerListenerProps): Listener {
    return external('loadBalancer', props);
  }

  abstract readonly name: string;
  abstract readonly port: number;
  abstract readonly securityProtocol: SecurityProtocol;

  /** @internal */
  abstract readonly _spec: ListenerSpec;
}

function external(
  kind: 'nodePort' | 'loadBalancer',
  props: NodePortListenerProps & LoadBalancerListenerProps,
): Listener {
  return new AnyListener({
    kind,
    name: props.name ?? 'EXTERNAL',
    port: props.port ?? 9094,
    securityProtocol: props.securityProtocol ?? SecurityProtocol.PLAINTEXT,
    external: props,
  });
}

class AnyListener extends Listener {
  constructor(readonly _spec: ListenerSpec) {
    super();
  }

  get name(): string {
    return this._spec.name;
  }

  get port(): number {
    return this._spec.port;
  }

  get securityProtocol(): SecurityProtocol {
    return this._spec.securityProtocol;
  }
}
