import type { MessageToProduce } from '@platformatic/kafka';
import { brokerErrorName, libraryErrorText, type BytesProducer } from './library-error';
import type { ReadRecord } from './line-message-reader';
import type { Partitioner } from './partitioner';

type Message = MessageToProduce<Buffer, Buffer, Buffer, Buffer>;

export interface BatchSenderOptions {
  readonly topic: string;
  /** Bytes of keys and values that make a batch. */
  readonly batchBytes: number;
  /** How long a record waits for more. */
  readonly lingerMs: number;
  readonly failed: (message: string, records: number) => void;
}

/**
 * Collects records to batches and sends them one after the other, so that they stay in order. A batch that cannot be
 * delivered is told to `failed`; the next ones are tried all the same.
 */
export class BatchSender {
  readonly #producer: BytesProducer;
  readonly #partitioner: Partitioner;
  readonly #options: BatchSenderOptions;
  #batch: Message[] = [];
  #bytes = 0;
  #linger: NodeJS.Timeout | undefined;
  #sending: Promise<void> = Promise.resolve();

  constructor(producer: BytesProducer, partitioner: Partitioner, options: BatchSenderOptions) {
    this.#producer = producer;
    this.#partitioner = partitioner;
    this.#options = options;
  }

  /** Resolves when there is room for the next record. */
  async add({ key, value, headers }: ReadRecord): Promise<void> {
    const message: Message = {
      topic: this.#options.topic,
      partition: this.#partitioner.partition(key),
      // The library takes `undefined` for null.
      ...(key === null ? {} : { key }),
      ...(value === null ? { value: undefined as unknown as Buffer } : { value }),
      // Buffers are told apart by identity: a header may come twice.
      ...(headers.length === 0 ? {} : { headers: new Map(headers as [Buffer, Buffer][]) }),
    };
    this.#batch.push(message);
    this.#bytes += (key?.length ?? 0) + (value?.length ?? 0);
    if (this.#bytes >= this.#options.batchBytes) await this.flush();
    else this.#linger ??= setTimeout(() => void this.flush(), this.#options.lingerMs);
  }

  /** Sends what was added; resolves when all of it is delivered, or was told to have failed. */
  flush(): Promise<void> {
    clearTimeout(this.#linger);
    this.#linger = undefined;
    const batch = this.#batch;
    if (batch.length > 0) {
      this.#batch = [];
      this.#bytes = 0;
      this.#partitioner.newBatch();
      this.#sending = this.#sending.then(() => this.#send(batch));
    }
    return this.#sending;
  }

  async #send(messages: Message[]): Promise<void> {
    try {
      const { unwritableNodes = [] } = await this.#producer.send({ messages });
      if (unwritableNodes.length > 0) throw new Error(`broker ${unwritableNodes.join(', ')} cannot be written to`);
    } catch (error) {
      if (brokerErrorName(error) === 'MESSAGE_TOO_LARGE' && messages.length > 1) {
        const half = Math.ceil(messages.length / 2);
        await this.#send(messages.slice(0, half));
        await this.#send(messages.slice(half));
        return;
      }
      this.#options.failed(libraryErrorText(error), messages.length);
    }
  }
}
