import type { HttpHandler, HttpResponse } from '../io/http';
import type { MetricsRegistry } from './metrics-registry';

/** What the endpoints are about. */
export interface EndpointSources {
  readonly metrics: MetricsRegistry;
  /** Whether the broker serves; if not, why. */
  ready(): true | string;
}

/**
 * `/live` answers as long as the event loop turns, whatever else is wrong; `/ready` says whether clients are served;
 * `/metrics` is for Prometheus.
 */
export function httpEndpoints({ metrics, ready }: EndpointSources): HttpHandler {
  return async ({ method, path }) => {
    if (method !== 'GET' && method !== 'HEAD') {
      return text(405, `${method} is not accepted here; GET and HEAD are.`);
    }
    switch (path) {
      case '/live':
        return text(200, 'alive');
      case '/ready': {
        const answer = ready();
        return answer === true ? text(200, 'ready') : text(503, answer);
      }
      case '/metrics':
        return { status: 200, contentType: metrics.contentType, body: await metrics.text() };
      default:
        return text(404, `Nothing is at ${path}; /live, /ready and /metrics are there.`);
    }
  };
}

function text(status: number, body: string): HttpResponse {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${body}\n` };
}
