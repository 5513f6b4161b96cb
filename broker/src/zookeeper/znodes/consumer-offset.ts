import { ZnodeError } from './znode-error';

/** /consumers/GROUP/offsets/TOPIC/PARTITION: an offset that OffsetCommit v0 has committed; a decimal number. */
export const ConsumerOffsetZNode = {
  path: (group: string, topic: string, partition: number): string =>
    `/consumers/${group}/offsets/${topic}/${partition}`,

  encode: (offset: number): Buffer => Buffer.from(String(offset)),

  decode(path: string, data: Buffer | null): number {
    const text = data?.toString('latin1') ?? '';
    const offset = Number(text);
    if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(offset)) {
      throw new ZnodeError(path, text, 'an offset as a decimal number is accepted');
    }
    return offset;
  },
} as const;
