import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { nodeIo } from '../../../broker/src/io/node/index';
import { silentLogger } from '../../../broker/src/logging/logger';
import { ZooKeeperClient } from '../../../broker/src/zookeeper/client';
import { isKeeperException } from '../../../broker/src/zookeeper/keeper-exception';
import { KeeperCode } from '../../../broker/src/zookeeper/requests';
import { ZooKeeperServer } from '../../../broker/src/zookeeper/server/zookeeper-server';

const io = nodeIo();

interface Outcome {
  readonly name: string;
  answers: number;
  path: string | undefined;
  isLost: boolean;
}

it('no write is answered twice, and every one that is answered was done once, over any losses of the connection', async () => {
  const server = await ZooKeeperServer.start(io, silentLogger, { tickTime: 100, maxSessionTimeout: 60_000 });
  const connectString = server.connectString;
  const options = { connectString, sessionTimeoutMs: 20_000, connectionTimeoutMs: 20_000, maxInFlightRequests: 3 };
  const client = new ZooKeeperClient(io, silentLogger, options);
  await client.connect();
  const { sessionId } = client;
  let runs = 0;
  try {
    // true: a write; false: every connection is cut; a number: so many turns of the loop pass.
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.constant(true) },
      { weight: 1, arbitrary: fc.constant(false) },
      { weight: 2, arbitrary: fc.integer({ min: 1, max: 4 }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const top = `/run-${runs++}`;
        await client.retryUntilConnected(() => client.create(top, null)).catch(ignoreExisting);
        const outcomes: Outcome[] = [];
        const writes: Promise<void>[] = [];
        for (const step of steps) {
          if (step === true) {
            const outcome: Outcome = { name: `w${outcomes.length}`, answers: 0, path: undefined, isLost: false };
            outcomes.push(outcome);
            writes.push(
              client.create(`${top}/${outcome.name}`, null).then(
                (path) => {
                  outcome.answers++;
                  outcome.path = path;
                },
                (error: unknown) => {
                  outcome.answers++;
                  outcome.isLost = isKeeperException(error, KeeperCode.CONNECTIONLOSS);
                },
              ),
            );
          } else if (step === false) {
            server.disconnectClients();
          } else {
            for (let i = 0; i < step; i++) await new Promise((resolve) => setImmediate(resolve));
          }
        }
        await Promise.all(writes);
        const there = new Set(await client.retryUntilConnected(() => client.getChildren(top)));
        for (const { name, answers, path, isLost } of outcomes) {
          expect(answers).toBe(1);
          expect(isLost).toBe(path === undefined);
          // One that was lost may have been done.
          if (path !== undefined) expect(there.has(name)).toBe(true);
        }
        expect(client.sessionId).toBe(sessionId);
      }),
      { numRuns: 60 },
    );
  } finally {
    await client.close();
    await server.close();
  }
});

function ignoreExisting(error: unknown): void {
  if (!isKeeperException(error, KeeperCode.NODEEXISTS)) throw error;
}
