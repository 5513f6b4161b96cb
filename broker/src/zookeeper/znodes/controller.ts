import { JsonReader } from './json-reader';
import { jsonBytes, JsonObject } from './json-writer';
import { ZnodeError } from './znode-error';

export interface ControllerRegistration {
  readonly brokerId: number;
  /** 0 and more: a KRaft controller has taken over. -1: none. */
  readonly kraftControllerEpoch: number;
}

/** /controller, ephemeral, of the broker that is the controller: version 2 of the JSON. */
export const ControllerZNode = {
  path: '/controller',

  encode(brokerId: number, timestampMs: number): Buffer {
    return jsonBytes(
      new JsonObject([
        ['version', 2],
        ['brokerid', brokerId],
        ['timestamp', String(timestampMs)],
        ['kraftControllerEpoch', -1],
      ]),
    );
  },

  decode(data: Buffer | null): ControllerRegistration {
    const json = JsonReader.parse(ControllerZNode.path, data);
    return {
      brokerId: json.field('brokerid').int(),
      kraftControllerEpoch: json.optional('kraftControllerEpoch')?.int() ?? -1,
    };
  },
} as const;

/** /controller_epoch: a decimal number that each new controller raises. */
export const ControllerEpochZNode = {
  path: '/controller_epoch',
  /** What it is created with: the first controller's epoch is one more. */
  initialEpoch: 0,

  encode: (epoch: number): Buffer => Buffer.from(String(epoch)),

  decode(data: Buffer | null): number {
    const text = data?.toString('utf8') ?? '';
    const epoch = /^-?\d{1,10}$/.test(text) ? Number(text) : NaN;
    if (!(epoch >= -0x80000000 && epoch <= 0x7fffffff)) {
      throw new ZnodeError(ControllerEpochZNode.path, text, 'a 32-bit decimal number is accepted');
    }
    return epoch;
  },
} as const;
