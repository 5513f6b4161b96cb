import type { CliContext } from '../context';
import { required } from '../options';
import { parseBootstrapServers } from './bootstrap-servers';
import { clientNumber, readPropertiesFile, requirePlaintext, type ClientProperties } from './client-properties';
import { ClusterClient } from './cluster-client';

export interface ConnectionOptions {
  readonly bootstrapServer: string | undefined;
  readonly commandConfig?: string | undefined;
  /** How long an operation is tried, where no properties say. */
  readonly timeout?: number;
}

/** A client for a command that was given `--bootstrap-server` and perhaps `--command-config`. */
export async function connectCluster(context: CliContext, options: ConnectionOptions): Promise<ClusterClient> {
  const servers = required('bootstrap-server', options.bootstrapServer);
  const properties = await readPropertiesFile(context.io.files, '--command-config', options.commandConfig);
  const timeoutKey = 'default.api.timeout.ms';
  if (options.timeout !== undefined && !properties.has(timeoutKey)) properties.set(timeoutKey, String(options.timeout));
  return clusterClient(context, servers, properties, 'odradek-admin');
}

export function clusterClient(
  context: CliContext,
  bootstrapServers: string,
  properties: ClientProperties,
  clientId: string,
  /** How long an operation is tried, where the properties do not say. */
  timeoutMs = 60_000,
): ClusterClient {
  requirePlaintext(properties);
  return new ClusterClient(context.io, {
    bootstrapServers: parseBootstrapServers(bootstrapServers, '--bootstrap-server'),
    clientId: properties.get('client.id') ?? clientId,
    requestTimeoutMs: clientNumber(properties, 'request.timeout.ms', 30_000),
    timeoutMs: clientNumber(properties, 'default.api.timeout.ms', timeoutMs),
    warn: (message) => context.stderr.line(`WARN ${message}`),
  });
}

/** Runs with a client that is closed in every case. */
export async function withCluster<T>(
  context: CliContext,
  options: ConnectionOptions,
  run: (cluster: ClusterClient) => Promise<T>,
): Promise<T> {
  const cluster = await connectCluster(context, options);
  try {
    return await run(cluster);
  } finally {
    cluster.close();
  }
}
