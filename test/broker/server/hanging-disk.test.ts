import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Clock } from '../../../broker/src/io/clock';
import type { Files, Volume } from '../../../broker/src/io/files';
import type { Io } from '../../../broker/src/io/io';
import type { Network } from '../../../broker/src/io/network';
import { nodeIo } from '../../../broker/src/io/node';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { faultyFiles, type Faults } from '../log/faulty-files';
import { BrokerBed } from './broker-bed';
import { BrokerClient, nameOf } from './broker-client';

/** Time passes ten times as fast: a shutdown waits 15 s for a disk. */
function fast({ clock }: Io): Clock {
  return {
    wallMs: () => clock.wallMs(),
    monotonicMs: () => clock.monotonicMs() * 10,
    timer: (delayMs, fire) => clock.timer(delayMs / 10, fire),
    defer: (run) => clock.defer(run),
  };
}

it('A shutdown does not wait for ever for groups in a log directory that does not answer', async () => {
  await using bed = await BrokerBed.start();
  const io = nodeIo();
  const faults: Faults = {};
  const remote = bed.join('remote');
  const files: Files = new Proxy(faultyFiles(io.files, faults), {
    get: (target, name) =>
      name === 'volume'
        ? async (path: string): Promise<Volume> => ({ ...(await io.files.volume(path)), isRemote: path === remote })
        : (Reflect.get(target, name) as unknown),
  });
  const properties = { 'log.dirs': remote, 'zookeeper.session.timeout.ms': 60_000 };
  const first = await bed.startBroker({ properties });
  using client = await BrokerClient.connect(first.bootstrapServers);
  await client.groupCoordinatorIsThere();
  await expect
    .poll(async () => {
      const { topics } = await client.send(Apis.OffsetCommit, 8, {
        groupId: 'g',
        generationIdOrMemberEpoch: -1,
        memberId: '',
        topics: [
          {
            name: '__consumer_offsets',
            partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }],
          },
        ],
      });
      return nameOf(topics[0].partitions[0]);
    })
    .toBe('NONE');
  await first.close();
  const local = bed.join('local');
  const reading = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  let isLoaded = false;
  faults.hold = (operation, path) => {
    if (!isLoaded) return undefined;
    if (operation !== 'read' || !path.includes('__consumer_offsets') || !path.endsWith('.log')) return undefined;
    reading.resolve();
    return answer.promise;
  };
  const network: Network = {
    connect: (...args) => io.network.connect(...args),
    hostname: () => io.network.hostname(),
    serveHttp: (...args) => io.network.serveHttp(...args),
    listen: (...args) => {
      isLoaded = true;
      return io.network.listen(...args);
    },
  };
  const second = await bed.startBroker({
    io: { ...io, clock: fast(io), files, network },
    properties: { ...properties, 'log.dirs': `${remote},${local}` },
  });
  await reading.promise;
  await second.close();
  expect([remote, local].map((directory) => existsSync(join(directory, '.kafka_cleanshutdown')))).toEqual([
    false,
    true,
  ]);
  answer.resolve();
});
