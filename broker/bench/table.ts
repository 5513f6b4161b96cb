import type { Target } from './targets';
import type { Result } from './workload';

function shown(value: number, figure: Result['figure']): string {
  switch (figure) {
    case 'recordsPerSecond':
      return value >= 1e6 ? `${(value / 1e6).toFixed(2)} M/s` : `${(value / 1e3).toFixed(0)} k/s`;
    case 'transactionsPerSecond':
      return `${value.toFixed(0)} /s`;
    case 'bytesPerSecond':
      return `${(value / 1048576).toFixed(0)} MiB/s`;
    case 'bytes':
      return `${(value / 1048576).toFixed(0)} MiB`;
    case 'times':
      return `${value.toFixed(2)}x`;
    case 'ms':
      return `${value.toFixed(0)} ms`;
    default:
      return `${value.toFixed(0)} µs`;
  }
}

/** The figures and their ratios, as Markdown. */
export function table(results: readonly Result[]): string {
  const lines = [
    '| workload | odradek | bare limit | Apache Kafka 3.9 | to the bare limit | to Apache | CPU to Apache |',
    '|---|---|---|---|---|---|---|',
  ];
  for (const { name, figure, values, cpuSeconds } of results) {
    const text = (of: Target['name']): string => (values.has(of) ? shown(values.get(of)!, figure) : '–');
    const ratio = (of: ReadonlyMap<Target['name'], number> | undefined, to: Target['name']): string => {
      const [ours, other] = [of?.get('odradek'), of?.get(to)];
      return ours !== undefined && other ? `${(ours / other).toFixed(2)}x` : '–';
    };
    const ratios = [ratio(values, 'bare'), ratio(values, 'apache'), ratio(cpuSeconds, 'apache')];
    lines.push(`| ${[name, text('odradek'), text('bare'), text('apache'), ...ratios].join(' | ')} |`);
  }
  return lines.join('\n');
}
