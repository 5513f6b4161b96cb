import type { Metric, Registry } from 'prom-client';

/** One value of a metric, with its labels. */
export interface Sample {
  readonly value: number;
  readonly labels?: Readonly<Record<string, string | number>>;
  /** Put behind the metric's name: `_bucket`, `_sum` and `_count` of a histogram. */
  readonly suffix?: string;
}

/** A metric whose values are read when somebody scrapes: what is measured keeps plain numbers. */
export interface MetricDefinition {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  collect(): Iterable<Sample>;
}

export interface MetricsRegistryOptions {
  /** Whether to add what Node knows about the process: CPU, memory, garbage collection, event loop lag. */
  readonly processMetrics: boolean;
}

const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

/** What a broker tells Prometheus. Names follow those that the usual JMX exporter rules give Kafka's own. */
export class MetricsRegistry {
  readonly contentType = 'text/plain; version=0.0.4; charset=utf-8';
  readonly #definitions = new Map<string, MetricDefinition>();
  readonly #options: MetricsRegistryOptions;
  #registry: Promise<Registry> | undefined;

  constructor(options: MetricsRegistryOptions = { processMetrics: false }) {
    this.#options = options;
  }

  add(definition: MetricDefinition): void {
    const { name } = definition;
    if (!metricName.test(name)) {
      throw new Error(`${name} is not a metric's name: accepted are letters, digits, underscores and colons.`);
    }
    if (this.#definitions.has(name)) {
      throw new Error(`The metric ${name} is there already.`);
    }
    this.#definitions.set(name, definition);
    void this.#registry?.then((registry) => register(registry, definition));
  }

  /** A counter or gauge of one value. */
  addValue(type: 'counter' | 'gauge', name: string, help: string, value: () => number): void {
    this.add({ name, help, type, collect: () => [{ value: value() }] });
  }

  /** Everything, in Prometheus' text format. */
  async text(): Promise<string> {
    this.#registry ??= this.#create();
    return (await this.#registry).metrics();
  }

  /** On the first scrape: loading prom-client takes longer than all else that a broker's start does. */
  async #create(): Promise<Registry> {
    const prom = await import('prom-client');
    const registry = new prom.Registry();
    for (const definition of this.#definitions.values()) {
      register(registry, definition);
    }
    if (this.#options.processMetrics) {
      prom.collectDefaultMetrics({ register: registry });
    }
    return registry;
  }
}

/** prom-client's metrics keep values of their own; ours are only asked, through the one method that it calls. */
function register(registry: Registry, { name, help, type, collect }: MetricDefinition): void {
  const get = () => ({
    name,
    help,
    type,
    values: Array.from(collect(), ({ value, labels = {}, suffix = '' }) => ({
      value,
      labels,
      metricName: name + suffix,
    })),
  });
  registry.registerMetric({ name, help, type, get } as unknown as Metric);
}
