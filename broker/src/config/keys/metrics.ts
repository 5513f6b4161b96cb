import type { KeyTable } from '../key-definition';
import { accepted, notes } from '../support';
import { atLeast } from '../validators';

/** Keys of metrics. */
export const metricsKeys = {
  'metrics.num.samples': {
    type: 'int',
    default: '2',
    valid: atLeast(1),
    importance: 'low',
    support: accepted(notes.metrics),
    doc: "How many samples Apache Kafka's metrics keep.",
  },
  'metrics.sample.window.ms': {
    type: 'long',
    default: '30000',
    valid: atLeast(1),
    importance: 'low',
    support: accepted(notes.metrics),
    doc: "Length of a sample of Apache Kafka's metrics.",
  },
  'metric.reporters': {
    type: 'list',
    default: '',
    importance: 'low',
    mode: 'cluster-wide',
    support: accepted(notes.metrics),
    doc: "Classes that report Apache Kafka's metrics.",
  },
  'metrics.recording.level': {
    type: 'string',
    default: 'INFO',
    importance: 'low',
    support: accepted(notes.metrics),
    doc: "How detailed Apache Kafka's metrics are: INFO, DEBUG or TRACE.",
  },
  'auto.include.jmx.reporter': {
    type: 'boolean',
    default: 'true',
    importance: 'low',
    deprecated: 'use metric.reporters',
    support: accepted(notes.metrics),
    doc: 'Whether JmxReporter is added to metric.reporters.',
  },
  'kafka.metrics.reporters': {
    type: 'list',
    default: '',
    importance: 'low',
    support: accepted(notes.metrics),
    doc: "Classes that report Apache Kafka's Yammer metrics.",
  },
  'kafka.metrics.polling.interval.secs': {
    type: 'int',
    default: '10',
    valid: atLeast(1),
    importance: 'low',
    support: accepted(notes.metrics),
    doc: "How often Apache Kafka's Yammer reporters poll.",
  },
  'telemetry.max.bytes': {
    type: 'int',
    default: '1048576',
    valid: atLeast(1),
    importance: 'low',
    support: accepted(notes.kraft),
    doc: 'Largest client metrics push (KIP-714).',
  },
} as const satisfies KeyTable;
