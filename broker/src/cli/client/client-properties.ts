import type { Files } from '../../io/files';
import { decodeProperties, parseProperties } from '../../config/properties';
import { CommandError, messageOf } from '../cli-error';

/** What a client takes from a properties file or from `--…-property`, by Kafka's names. */
export type ClientProperties = ReadonlyMap<string, string>;

/** Reads a properties file that was named on the command line. */
export async function readPropertiesFile(
  files: Files,
  option: string,
  path: string | undefined,
): Promise<Map<string, string>> {
  if (path === undefined) return new Map();
  try {
    return parseProperties(decodeProperties(await files.readFile(path)));
  } catch (error) {
    throw new CommandError(`${option} ${path}: ${messageOf(error)}`);
  }
}

/** A whole number of milliseconds (or bytes, …) that is not negative. */
export function clientNumber(properties: ClientProperties, key: string, fallback: number): number {
  const text = properties.get(key);
  if (text === undefined) return fallback;
  const number = Number(text.trim());
  if (!/^\d+$/.test(text.trim()) || !Number.isSafeInteger(number)) {
    throw new CommandError(`${key}=${text}: a whole number from 0 on is accepted`);
  }
  return number;
}

/** The commands speak plain text so far: says so rather than to wait at a port that speaks TLS. */
export function requirePlaintext(properties: ClientProperties): void {
  const protocol = properties.get('security.protocol')?.trim().toUpperCase() ?? 'PLAINTEXT';
  if (protocol !== 'PLAINTEXT') {
    throw new CommandError(`security.protocol=${protocol}: these commands can only use PLAINTEXT listeners`);
  }
}
