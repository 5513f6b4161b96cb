import type { Value } from './key-definition';
import { isMetadataVersion, metadataVersions } from './metadata-version';

/** A check of a parsed value, as ConfigDef.Validator. */
export interface Validator {
  /** The values in the notation of Kafka's documentation. */
  readonly notation: string;
  /** What is accepted, to end the sentence "accepted is …". */
  readonly accepts: string;
  isValid(value: Value): boolean;
}

/** ConfigDef.Range without an upper bound. Like Kafka's it compares doubles, so NaN passes. */
export function atLeast(min: number): Validator {
  return {
    notation: `[${min},...]`,
    accepts: `${min} or more`,
    isValid: (value) => value !== null && !((value as number) < min),
  };
}

/** ConfigDef.Range, both ends included. */
export function between(min: number, max: number): Validator {
  return {
    notation: `[${min},...,${max}]`,
    accepts: `from ${min} to ${max}`,
    isValid: (value) => value !== null && !((value as number) < min) && !((value as number) > max),
  };
}

/** ConfigDef.ValidString. */
export function oneOf(...values: readonly string[]): Validator {
  return {
    notation: `[${values.join(', ')}]`,
    accepts: `one of ${values.join(', ')}`,
    isValid: (value) => values.includes(value as string),
  };
}

/** ConfigDef.CaseInsensitiveValidString. */
export function oneOfIgnoringCase(...values: readonly string[]): Validator {
  return {
    notation: `(case insensitive) [${values.join(', ')}]`,
    accepts: `one of ${values.join(', ')} in upper or lower case`,
    isValid: (value) => value !== null && values.includes((value as string).toUpperCase()),
  };
}

/** ConfigDef.ValidList: an empty list and repetitions are fine. */
export function listOf(...values: readonly string[]): Validator {
  return {
    notation: `[${values.join(', ')}]`,
    accepts: `a list of ${values.join(', ')}`,
    isValid: (value) => (value as readonly string[]).every((element) => values.includes(element)),
  };
}

/** ConfigDef.NonEmptyString: null passes. */
export const nonEmptyString: Validator = {
  notation: 'non-empty string',
  accepts: 'not empty',
  isValid: (value) => value !== '',
};

export const nonNull: Validator = {
  notation: 'non-null string',
  accepts: 'any text, also none',
  isValid: (value) => value !== null,
};

export const gzipLevel: Validator = {
  notation: '[1,...,9] or -1',
  accepts: 'from 1 to 9, or -1',
  isValid: (value) => value === -1 || ((value as number) >= 1 && (value as number) <= 9),
};

/** A number of threads, or -1 for that of another pool. */
export const threadsOrFallback: Validator = {
  notation: '[1,...] or -1',
  accepts: '1 or more, or -1',
  isValid: (value) => value === -1 || (value as number) >= 1,
};

export const metadataVersion: Validator = {
  notation: `[${metadataVersions.join(', ')}]`,
  accepts: 'a version of Kafka from 0.8.0 to 3.9',
  isValid: (value) => value !== null && isMetadataVersion(value as string),
};

export const throttledReplicas: Validator = {
  notation: '[partitionId]:[brokerId],[partitionId]:[brokerId],...',
  accepts: '* or a list of PARTITION:BROKER',
  isValid(value) {
    const replicas = (value as readonly string[]).map((replica) => replica.trim());
    return replicas.every((replica) => /^([0-9]+:[0-9]+)?$/.test(replica)) || replicas.join('') === '*';
  },
};

// What Kafka's Utils.getHost and getPort take, with anything in front.
const hostAndPort = /^.*?\[?([0-9a-zA-Z\-%._:]*)\]?:([0-9]+)$/;

function isHostAndPort(text: string): boolean {
  const port = hostAndPort.exec(text)?.[2];
  return port !== undefined && Number(port) <= 65535;
}

export const quorumVoters: Validator = {
  notation: 'non-empty list',
  accepts: 'a list of ID@HOST:PORT',
  isValid: (value) =>
    (value as readonly string[]).every((voter) => {
      const [id, address, ...rest] = voter.replace(/@+$/, '').split('@');
      return address !== undefined && rest.length === 0 && /^[+-]?\d{1,10}$/.test(id ?? '') && isHostAndPort(address);
    }),
};

export const bootstrapServers: Validator = {
  notation: 'non-empty list',
  accepts: 'a list of HOST:PORT',
  isValid: (value) => (value as readonly string[]).every(isHostAndPort),
};
