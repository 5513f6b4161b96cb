/** Upper bounds of the request time histogram: 2^n times 0.1 ms, the last one open. */
const firstBoundMs = 0.1;
export const timeBoundsMs: readonly number[] = Array.from({ length: 18 }, (_, index) => firstBoundMs * 2 ** index);

/** The requests of one API. */
export class RequestMetrics {
  count = 0;
  totalTimeMs = 0;
  /** Requests by their time: element n counts those of at most `timeBoundsMs[n]` and more than the one before. */
  readonly timeCounts = new Float64Array(timeBoundsMs.length + 1);

  /** A request was answered, `elapsedMs` after it had arrived. */
  answered(elapsedMs: number): void {
    this.count++;
    this.totalTimeMs += elapsedMs;
    const steps = elapsedMs / firstBoundMs;
    const bucket = steps <= 1 ? 0 : 32 - Math.clz32(Math.ceil(Math.min(steps, 2 ** 31)) - 1);
    this.timeCounts[Math.min(bucket, timeBoundsMs.length)]++;
  }
}

/** The connections of one listener. */
export class ListenerMetrics {
  connectionCount = 0;
  connectionCreationTotal = 0;
  connectionCloseTotal = 0;
  /** Refused for max.connections.per.ip. */
  connectionRejectedTotal = 0;
  expiredConnectionsKilledCount = 0;
  incomingByteTotal = 0;
  outgoingByteTotal = 0;
}

/** Plain numbers that the network adds to; they are collected when somebody scrapes. */
export class NetworkMetrics {
  /** By API key. */
  readonly requests = new Map<number, RequestMetrics>();
  readonly listeners = new Map<string, ListenerMetrics>();
  /** Frames that nobody could make sense of, and lengths that are not accepted. */
  invalidRequests = 0;

  ofApi(apiKey: number): RequestMetrics {
    let metrics = this.requests.get(apiKey);
    if (metrics === undefined) {
      metrics = new RequestMetrics();
      this.requests.set(apiKey, metrics);
    }
    return metrics;
  }

  ofListener(listenerName: string): ListenerMetrics {
    let metrics = this.listeners.get(listenerName);
    if (metrics === undefined) {
      metrics = new ListenerMetrics();
      this.listeners.set(listenerName, metrics);
    }
    return metrics;
  }
}
