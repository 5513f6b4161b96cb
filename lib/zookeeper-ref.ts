import { ZooKeeperAuthentication } from './zookeeper-authentication';

/** A ZooKeeper that a KafkaCluster can stand on: a ZooKeeperEnsemble, or one that is there already. */
export interface IZooKeeper {
  /** HOST:PORT,HOST:PORT…, with a chroot behind it or without. */
  readonly connectString: string;
  readonly authentication: ZooKeeperAuthentication;
}

/**
 * A ZooKeeper outside this app, or one with a chroot, by its connect string.
 *
 * @example
 * const zookeeper = ZooKeeperRef.at('zk1.example.com:2181,zk2.example.com:2181,zk3.example.com:2181/kafka');
 */
export class ZooKeeperRef implements IZooKeeper {
  /**
   * @param authentication nobody logs in, unless it says so
   */
  static at(connectString: string, authentication?: ZooKeeperAuthentication): ZooKeeperRef {
    return new ZooKeeperRef(connectString, authentication ?? ZooKeeperAuthentication.anonymous());
  }

  private constructor(
    readonly connectString: string,
    readonly authentication: ZooKeeperAuthentication,
  ) {
    const slash = connectString.indexOf('/');
    const servers = slash < 0 ? connectString : connectString.slice(0, slash);
    const chroot = slash < 0 ? '' : connectString.slice(slash);
    const server = /^([A-Za-z0-9][-A-Za-z0-9_.]*|\[[0-9a-fA-F:.]+\])(:\d{1,5})?$/;
    const isServer = (each: string): boolean => {
      const port = server.exec(each)?.[2];
      return (
        server.test(each) && (port === undefined || (Number(port.slice(1)) >= 1 && Number(port.slice(1)) <= 65535))
      );
    };
    if (!servers.split(',').every(isServer) || !isChroot(chroot)) {
      throw new Error(
        `ZooKeeperRef.at: ${JSON.stringify(connectString)} is refused; accepted: HOST:PORT with a port of 1 to 65535, several with commas, with /CHROOT behind the last or without`,
      );
    }
  }
}

/** Nothing, or an absolute znode path without empty parts, a slash at its end, or what is special to a shell. */
export function isChroot(path: string): boolean {
  return path === '' || /^(\/[^/\s,'"`$\\]+)+$/.test(path);
}
