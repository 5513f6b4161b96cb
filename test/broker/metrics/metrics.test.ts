import { describe, expect, test } from 'vitest';
import { httpEndpoints } from '../../../broker/src/metrics/http-endpoints';
import { MetricsRegistry } from '../../../broker/src/metrics/metrics-registry';
import { addNetworkMetrics } from '../../../broker/src/metrics/network-collector';
import { NetworkMetrics, RequestMetrics, timeBoundsMs } from '../../../broker/src/metrics/network-metrics';

describe('the registry', () => {
  test('shows what the numbers are when it is asked, in the text format', async () => {
    const registry = new MetricsRegistry();
    let value = 1;
    registry.addValue('gauge', 'a_value', 'A value.', () => value);
    expect(await registry.text()).toBe('# HELP a_value A value.\n# TYPE a_value gauge\na_value 1\n');
    value = 2;
    registry.add({
      name: 'more',
      help: 'Later.',
      type: 'counter',
      collect: () => [{ value: 3, labels: { topic: 'a"b\\c\nd' } }],
    });
    const text = await registry.text();
    expect(text).toContain('a_value 2\n');
    expect(text).toContain('more{topic="a\\"b\\\\c\\nd"} 3\n');
  });

  test('refuses a name that is there, and one that is none', () => {
    const registry = new MetricsRegistry();
    registry.addValue('gauge', 'x', 'X.', () => 1);
    expect(() => registry.addValue('gauge', 'x', 'X.', () => 1)).toThrow('The metric x is there already.');
    expect(() => registry.addValue('gauge', 'x-y', 'X.', () => 1)).toThrow(/x-y is not a metric's name/);
  });

  test('shows the process, with its event loop lag', async () => {
    const text = await new MetricsRegistry({ processMetrics: true }).text();
    expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds /m);
    expect(text).toMatch(/^process_resident_memory_bytes \d+/m);
  });
});

test('a request time falls into the first bucket whose bound is not below it', () => {
  const times = [0, 0.05, 0.1, 0.1001, 0.2, 0.3, 0.4, 0.5, 1, 7000, 13107.2, 13107.3, 1e9, 1e15];
  const metrics = new RequestMetrics();
  const expected = new Float64Array(timeBoundsMs.length + 1);
  for (const time of times) {
    metrics.answered(time);
    const bucket = timeBoundsMs.findIndex((bound) => time <= bound);
    expected[bucket < 0 ? timeBoundsMs.length : bucket]++;
  }
  expect([...metrics.timeCounts]).toEqual([...expected]);
  expect(metrics.count).toBe(times.length);
});

test('network metrics are shown by API and by listener', async () => {
  const registry = new MetricsRegistry();
  const metrics = new NetworkMetrics();
  addNetworkMetrics(registry, metrics);
  metrics.ofApi(0).answered(0.15);
  metrics.ofApi(0).answered(99999);
  metrics.ofListener('CLIENT').incomingByteTotal = 77;
  metrics.invalidRequests = 4;
  const lines = (await registry.text()).split('\n');
  for (const line of [
    'kafka_network_requestmetrics_requests_total{request="Produce"} 2',
    '# TYPE kafka_network_requestmetrics_totaltimems histogram',
    'kafka_network_requestmetrics_totaltimems_bucket{request="Produce",le="0.1"} 0',
    'kafka_network_requestmetrics_totaltimems_bucket{request="Produce",le="0.2"} 1',
    'kafka_network_requestmetrics_totaltimems_bucket{request="Produce",le="+Inf"} 2',
    'kafka_network_requestmetrics_totaltimems_count{request="Produce"} 2',
    'kafka_server_socketservermetrics_incoming_byte_total{listener="CLIENT"} 77',
    'kafka_network_invalid_requests_total 4',
  ]) {
    expect(lines).toContain(line);
  }
});

test('the endpoints say whether the process turns, whether it serves, and how it is', async () => {
  let ready: true | string = 'waiting for ZooKeeper';
  const metrics = new MetricsRegistry();
  metrics.addValue('gauge', 'x', 'X.', () => 1);
  const handle = httpEndpoints({ metrics, ready: () => ready });
  const get = (path: string, method = 'GET') => handle({ method, path });
  expect(await get('/live')).toMatchObject({ status: 200, body: 'alive\n' });
  expect(await get('/ready')).toMatchObject({ status: 503, body: 'waiting for ZooKeeper\n' });
  ready = true;
  expect(await get('/ready', 'HEAD')).toMatchObject({ status: 200, body: 'ready\n' });
  expect(await get('/metrics')).toMatchObject({ status: 200, body: '# HELP x X.\n# TYPE x gauge\nx 1\n' });
  expect(await get('/other')).toMatchObject({ status: 404 });
  expect(await get('/live', 'POST')).toMatchObject({ status: 405 });
});
