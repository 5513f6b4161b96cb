/** Suffixes of the files of a partition's directory. */
export const Suffix = {
  LOG: '.log',
  OFFSET_INDEX: '.index',
  TIME_INDEX: '.timeindex',
  TXN_INDEX: '.txnindex',
  PRODUCER_SNAPSHOT: '.snapshot',
  DELETED: '.deleted',
  CLEANED: '.cleaned',
  SWAP: '.swap',
} as const;

/** Base offset in 20 digits, so that names sort as offsets do. */
export function filenamePrefix(offset: number): string {
  return offset.toString().padStart(20, '0');
}

/** The offset at the start of a file name, `undefined` when there is none that a log could have. */
export function offsetFromFilename(name: string): number | undefined {
  const digits = /^(\d{1,20})\./.exec(name)?.[1];
  const offset = digits === undefined ? NaN : Number(digits);
  return Number.isSafeInteger(offset) ? offset : undefined;
}
