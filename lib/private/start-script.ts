import type { ListenerSpec } from '../listener';
import type { Rack } from '../rack';
import { addressesOf, httpPort } from './advertised';
import { clientEntries, writeJaas } from './zookeeper-login';

/** What the start script is made from. */
export interface StartScriptInput {
  readonly odradek: boolean;
  readonly brokers: number;
  readonly firstBrokerId: number;
  readonly listeners: readonly ListenerSpec[];
  /** What follows the pod's name: HEADLESS.NAMESPACE.svc.DOMAIN. */
  readonly podDomain: string;
  readonly rack?: Rack;
  readonly connectString: string;
  readonly zooKeeperLogin: boolean;
}

/** Where the files of one cluster are mounted. */
export const configDirectory = '/etc/kafka';
/** Where an init container leaves what it has found out, and the start script its secrets. */
export const runDirectory = '/run/kafka';

/**
 * Bash for both images: what differs between the pods becomes overrides of the one server.properties, and then the
 * broker takes the shell's place, so that it is PID 1 and gets SIGTERM.
 */
export function startScript(input: StartScriptInput): string {
  const { firstBrokerId: first, rack } = input;
  return [
    '#!/bin/bash',
    '# Starts the broker of this pod: what differs from pod to pod becomes --override.',
    'set -euo pipefail',
    'ordinal=${POD_NAME##*-}',
    first === 0 ? 'broker_id=$ordinal' : `broker_id=$((ordinal + ${first}))`,
    ...advertised(input),
    'overrides=(--override "broker.id=$broker_id" --override "advertised.listeners=$advertised")',
    ...rackLines(rack),
    ...(input.zooKeeperLogin ? loginLines() : []),
    ...(input.odradek
      ? [
          `exec odradek broker ${configDirectory}/server.properties --wait-for-zookeeper --http :${httpPort} "\${overrides[@]}"`,
        ]
      : [
          ...waitForZooKeeper(input.connectString),
          `exec /opt/kafka/bin/kafka-server-start.sh ${configDirectory}/server.properties "\${overrides[@]}"`,
        ]),
    '',
  ].join('\n');
}

function advertised({ listeners, podDomain, brokers }: StartScriptInput): string[] {
  const lines: string[] = [];
  const endpoints = listeners.map((spec) => {
    if (spec.kind === 'internal') return `${spec.name}://$POD_NAME.${podDomain}:${spec.port}`;
    // A prefix: a listener may be called ORDINAL.
    const variable = `at_${spec.name.toLowerCase()}`;
    const addresses = addressesOf(spec, brokers);
    lines.push(
      addresses === undefined
        ? `${variable}=$(cat ${runDirectory}/${spec.name})`
        : `${variable}=(${addresses.map((address) => `'${address}'`).join(' ')})`,
    );
    return addresses === undefined ? `${spec.name}://$${variable}` : `${spec.name}://\${${variable}[$ordinal]}`;
  });
  return [...lines, `advertised="${endpoints.join(',')}"`];
}

function rackLines(rack: Rack | undefined): string[] {
  if (rack?.racks) {
    const names = rack.racks.map((name) => `'${name}'`).join(' ');
    return [`racks=(${names})`, `overrides+=(--override "broker.rack=\${racks[$((ordinal % ${rack.racks.length}))]}")`];
  }
  return rack ? ['[ -z "${RACK:-}" ] || overrides+=(--override "broker.rack=$RACK")'] : [];
}

function loginLines(): string[] {
  const file = `${runDirectory}/zookeeper-jaas.conf`;
  return [
    ...writeJaas(file, 'Client', clientEntries),
    `export KAFKA_OPTS="\${KAFKA_OPTS:-} -Djava.security.auth.login.config=${file}"`,
  ];
}

/** Apache's broker gives up after zookeeper.connection.timeout.ms; waiting here spares the first apply its restarts. */
function waitForZooKeeper(connectString: string): string[] {
  const servers = connectString
    .split('/')[0]
    .split(',')
    .map((server) => {
      const [, host, port = '2181'] = /^(\[.*\]|[^:]+)(?::(\d+))?$/.exec(server) ?? ['', server];
      return `/dev/tcp/${host.replace(/[[\]]/g, '')}/${port}`;
    });
  return [
    'reachable() {',
    '  local server',
    `  for server in ${servers.join(' ')}; do`,
    '    timeout 5 bash -c "exec 3<>$server" 2>/dev/null && return',
    '  done',
    '  return 1',
    '}',
    'until reachable; do',
    `  echo 'waiting for ZooKeeper: ${connectString}'`,
    '  sleep 2',
    'done',
  ];
}
