/** One key that cannot be used as it is. */
export interface ConfigProblem {
  readonly key: string;
  /** The value as written, hidden where the key is sensitive; absent where the key is missing. */
  readonly value?: string;
  /** What is wrong and what is accepted; begins in lower case, without a full stop. */
  readonly problem: string;
}

/** Kafka's own stand-in for a sensitive value. */
export const hiddenValue = '[hidden]';

// A value is quoted to be recognised, not to be copied whole into a log.
const longestQuote = 200;

function describe({ key, value, problem }: ConfigProblem): string {
  if (value === undefined) return `${key}: ${problem}`;
  const quoted = value.length > longestQuote ? `${value.slice(0, longestQuote)}…` : value;
  return `${key}=${quoted}: ${problem}`;
}

/** A configuration that cannot be used: every bad key, not only the first. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(readonly problems: readonly ConfigProblem[]) {
    super(
      problems.length === 1
        ? problems.map(describe).join('')
        : `${problems.length} problems in the configuration:\n${problems.map((one) => `  ${describe(one)}`).join('\n')}`,
    );
  }
}

/**
 * What a configuration says without effect, or may not mean: `unknown` keys, `removed` ones that older Kafka had,
 * `deprecated` ones, and those that are `without-effect` in this broker.
 */
export interface ConfigWarning {
  readonly key: string;
  readonly kind: 'unknown' | 'removed' | 'deprecated' | 'without-effect';
  /** A whole sentence that names the key. */
  readonly message: string;
}
