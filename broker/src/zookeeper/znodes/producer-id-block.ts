import { JsonReader } from './json-reader';
import { jsonBytes, JsonObject } from './json-writer';

/** Producer ids that a broker may give out: `firstProducerId` and the `size - 1` after it. */
export interface ProducerIdsBlock {
  readonly brokerId: number;
  readonly firstProducerId: number;
  readonly size: number;
}

/** ProducerIdsBlock.PRODUCER_ID_BLOCK_SIZE */
export const producerIdBlockSize = 1000;

/** /latest_producer_id_block: the block given out last; version 1 of the JSON. */
export const ProducerIdBlockZNode = {
  path: '/latest_producer_id_block',

  encode(block: ProducerIdsBlock): Buffer {
    return jsonBytes(
      new JsonObject([
        ['version', 1],
        ['broker', block.brokerId],
        ['block_start', String(block.firstProducerId)],
        ['block_end', String(block.firstProducerId + block.size - 1)],
      ]),
    );
  },

  decode(data: Buffer | null): ProducerIdsBlock {
    const json = JsonReader.parse(ProducerIdBlockZNode.path, data);
    const firstProducerId = json.field('block_start').longString();
    const end = json.field('block_end');
    const size = end.longString() - firstProducerId + 1;
    if (size < 1 || size > 0x7fffffff) end.refuse('a number not below block_start is accepted');
    return { brokerId: json.field('broker').int(), firstProducerId, size };
  },
} as const;
