import { UsageError } from '../cli-error';

/** `HOST:PORT`, an IPv6 address in brackets; without a host every address. */
export function hostAndPort(option: string, value: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain = '', digits] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(value) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65535) {
    throw new UsageError(`${option} ${value}: accepted is HOST:PORT, as 0.0.0.0:9404`);
  }
  return { host: bracketed ?? plain, port };
}
