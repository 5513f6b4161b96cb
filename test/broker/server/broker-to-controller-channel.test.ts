import { describe, expect, it } from 'vitest';
import { nodeIo } from '../../../broker/src/io/node';
import { DisconnectedError, type ClientConnection } from '../../../broker/src/network/client-connection';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import type { BrokerNode } from '../../../broker/src/server/broker-connections';
import {
  BrokerToControllerChannel,
  ControllerUnavailableError,
} from '../../../broker/src/server/broker-to-controller-channel';
import { FakeClock } from '../network/fake-io';
import { recordingLogger } from './recording-logger';

/** Counts its timers. */
class CountingClock extends FakeClock {
  readonly waiting = new Set<object>();

  override timer(delayMs: number, fire: () => void) {
    const key = {};
    const timer = super.timer(delayMs, () => {
      this.waiting.delete(key);
      fire();
    });
    this.waiting.add(key);
    return {
      cancel: () => {
        this.waiting.delete(key);
        timer.cancel();
      },
    };
  }
}

/** Brokers that answer as a test says, and who of them is said to be the controller. */
class Bed {
  readonly clock = new CountingClock();
  readonly asked: string[] = [];
  readonly answers = new Map<number, () => Promise<{ readonly errorCode: number }>>();
  controllerId: number | undefined;
  readonly channel = new BrokerToControllerChannel({ ...nodeIo(), clock: this.clock }, recordingLogger(), {
    brokerId: 1,
    controller: () => (this.controllerId === undefined ? undefined : node(this.controllerId)),
    connect: ({ id }) => Promise.resolve(this.#connection(id)),
    handleLocally: () => Promise.reject(new Error('it is not this broker')),
  });

  send(options = {}): Promise<{ readonly errorCode: number }> {
    return this.channel.send(Apis.AllocateProducerIds, { brokerId: 1, brokerEpoch: 1n }, options);
  }

  /** What is under way goes as far as it can without time. */
  async settle(): Promise<void> {
    for (let i = 0; i < 50; i++) await Promise.resolve();
  }

  #connection(id: number): ClientConnection {
    let close!: (error: DisconnectedError) => void;
    const whenClosed = new Promise<DisconnectedError>((resolve) => (close = resolve));
    return {
      whenClosed,
      negotiate: () => Promise.resolve(new Map()),
      versionOf: () => 0,
      send: () => {
        this.asked.push(String(id));
        return Promise.race([this.answers.get(id)!(), whenClosed.then((error) => Promise.reject(error))]);
      },
      close: () => {
        this.asked.push(`${id} closed`);
        close(new DisconnectedError('it is closed'));
      },
    } as unknown as ClientConnection;
  }
}

function node(id: number): BrokerNode {
  return { id, host: `broker-${id}`, port: 9092 };
}

const answered = (errorCode: ErrorCode) => () => Promise.resolve({ errorCode });
const hangs = () => new Promise<never>(() => undefined);

describe('A request to the controller', () => {
  it('waits for one, and goes on at the one that there is then', async () => {
    const bed = new Bed();
    bed.answers.set(2, answered(ErrorCode.NOT_CONTROLLER)).set(3, answered(ErrorCode.NONE));
    const sent = bed.send();
    await bed.settle();
    expect(bed.asked).toEqual([]);
    bed.controllerId = 2;
    bed.channel.controllerChanged();
    await bed.settle();
    expect(bed.asked).toEqual(['2']);
    bed.controllerId = 3;
    bed.channel.controllerChanged();
    expect(await sent).toEqual({ errorCode: ErrorCode.NONE });
    expect(bed.asked).toEqual(['2', '2 closed', '3']);
    expect(bed.clock.waiting.size).toBe(0);
  });

  it('that a former controller does not answer goes to the new one', async () => {
    const bed = new Bed();
    bed.answers.set(2, hangs).set(3, answered(ErrorCode.NONE));
    bed.controllerId = 2;
    const sent = bed.send();
    await bed.settle();
    bed.controllerId = 3;
    bed.channel.controllerChanged();
    await bed.settle();
    bed.clock.advance(50);
    expect(await sent).toEqual({ errorCode: ErrorCode.NONE });
    expect(bed.asked).toEqual(['2', '2 closed', '3']);
  });

  it('that is answered in time leaves nothing behind', async () => {
    const bed = new Bed();
    bed.answers.set(2, answered(ErrorCode.NONE));
    bed.controllerId = 2;
    for (let i = 0; i < 3; i++) await bed.send({ deadlineMs: 30_000 });
    expect(bed.clock.waiting.size).toBe(0);
  });

  it('is given up at its deadline, and when the channel is closed', async () => {
    const bed = new Bed();
    bed.answers.set(2, hangs);
    bed.controllerId = 2;
    const late = bed.send({ deadlineMs: 1000 });
    const forEver = bed.send();
    await bed.settle();
    bed.clock.advance(1000);
    await expect(late).rejects.toThrow(/AllocateProducerIds was not answered by the controller in 1000 ms/);
    bed.channel.close();
    await expect(forEver).rejects.toThrow(ControllerUnavailableError);
    await expect(bed.send()).rejects.toThrow(ControllerUnavailableError);
    expect(bed.clock.waiting.size).toBe(0);
  });

  it('that is to be tried once is answered with whatever comes', async () => {
    const bed = new Bed();
    await expect(bed.send({ once: true })).rejects.toThrow(/no controller is known/);
    bed.answers.set(2, answered(ErrorCode.NOT_CONTROLLER));
    bed.controllerId = 2;
    expect(await bed.send({ once: true })).toEqual({ errorCode: ErrorCode.NOT_CONTROLLER });
  });
});
