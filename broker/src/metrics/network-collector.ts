import { apis } from '../protocol/api-keys';
import type { MetricsRegistry, Sample } from './metrics-registry';
import { type ListenerMetrics, type NetworkMetrics, type RequestMetrics, timeBoundsMs } from './network-metrics';

/** Shows the numbers of the network. */
export function addNetworkMetrics(registry: MetricsRegistry, metrics: NetworkMetrics): void {
  registry.add({
    name: 'kafka_network_requestmetrics_requests_total',
    help: 'Requests that were answered, by API.',
    type: 'counter',
    *collect() {
      for (const [apiKey, { count }] of metrics.requests) {
        yield { value: count, labels: { request: requestName(apiKey) } };
      }
    },
  });
  registry.add({
    name: 'kafka_network_requestmetrics_totaltimems',
    help: 'Milliseconds from a whole request to its answer, by API.',
    type: 'histogram',
    *collect() {
      for (const [apiKey, ofApi] of metrics.requests) {
        yield* timeSamples(requestName(apiKey), ofApi);
      }
    },
  });
  registry.addValue(
    'counter',
    'kafka_network_invalid_requests_total',
    'Frames that were no request, and lengths that are not accepted; each closed its connection.',
    () => metrics.invalidRequests,
  );
  for (const [field, type, suffix, help] of listenerFields) {
    registry.add({
      name: `kafka_server_socketservermetrics_${suffix}`,
      help,
      type,
      *collect() {
        for (const [listener, ofListener] of metrics.listeners) {
          yield { value: ofListener[field], labels: { listener } };
        }
      },
    });
  }
}

const listenerFields: readonly [keyof ListenerMetrics, 'counter' | 'gauge', string, string][] = [
  ['connectionCount', 'gauge', 'connection_count', 'Open connections.'],
  ['connectionCreationTotal', 'counter', 'connection_creation_total', 'Connections that were accepted.'],
  ['connectionCloseTotal', 'counter', 'connection_close_total', 'Connections that were closed, by either side.'],
  ['connectionRejectedTotal', 'counter', 'connection_rejected_total', 'Connections refused for a limit.'],
  [
    'expiredConnectionsKilledCount',
    'counter',
    'expired_connections_killed_count',
    'Connections closed for connections.max.idle.ms.',
  ],
  ['incomingByteTotal', 'counter', 'incoming_byte_total', 'Bytes received.'],
  ['outgoingByteTotal', 'counter', 'outgoing_byte_total', 'Bytes sent.'],
];

function requestName(apiKey: number): string {
  return apis.get(apiKey)?.name ?? String(apiKey);
}

function* timeSamples(request: string, { count, totalTimeMs, timeCounts }: RequestMetrics): Iterable<Sample> {
  let sum = 0;
  for (let index = 0; index < timeBoundsMs.length; index++) {
    sum += timeCounts[index];
    yield { suffix: '_bucket', value: sum, labels: { request, le: timeBoundsMs[index] } };
  }
  yield { suffix: '_bucket', value: count, labels: { request, le: '+Inf' } };
  yield { suffix: '_sum', value: totalTimeMs, labels: { request } };
  yield { suffix: '_count', value: count, labels: { request } };
}
