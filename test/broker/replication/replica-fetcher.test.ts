import { afterEach, describe, expect, it } from 'vitest';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import { fetcherIdOf } from '../../../broker/src/replication/replica-fetcher-manager';
import { faultyFiles, type Faults } from '../log/faulty-files';
import { append, batchOf, ioWith, readRecordsFrom, valuesOf } from '../log/support';
import { FakeLeader, type LedPartition } from './fake-leader';
import type { Follower } from './follower-bed';
import { Bed, type BedOptions, sameLogs, topicId } from './follower-bed';

let bed: Bed;

async function open(options: BedOptions = {}): Promise<Bed> {
  return (bed = await Bed.open(options));
}

afterEach(() => bed.close());

/** Appends as leaders of these epochs would: [epoch, values]. */
async function history(
  log: LedPartition['log'],
  parts: readonly (readonly [number, readonly string[]])[],
): Promise<void> {
  for (const [epoch, values] of parts) {
    if (log.latestEpoch !== epoch) log.assignEpochStartOffset(epoch, log.logEndOffset);
    for (const value of values) await append(log, batchOf([value]), { leaderEpoch: epoch });
  }
}

const fetches = () => bed.leader.requests(Apis.Fetch);

describe('A follower', () => {
  it('fetches what its leader has, and its high watermark and log start follow', async () => {
    await open();
    const led = await bed.led('t-0');
    const follower = await bed.follower('t-0');
    await bed.lead(led, ['a', 'b'], 1);
    bed.follow(follower);
    await bed.caughtUp(follower, led);
    expect(follower.log.highWatermark).toBe(1);
    await bed.lead(led, ['c']);
    await bed.caughtUp(follower, led);
    expect(valuesOf(await readRecordsFrom(follower.log))).toEqual(['a', 'b', 'c']);
    await bed.until(() => bed.leader.releases === fetches().length - 1, 'giving the memory of answers back');
    expect(follower.log.leaderEpochs).toEqual(led.log.leaderEpochs);
    expect(bed.told).toContain(follower);
    expect(bed.fetchers.maxLag).toBe(0);

    led.log.maybeIncrementLogStartOffset(2);
    await bed.untilLater(() => follower.log.logStartOffset === 2);
    const inLastRequest = () => fetches().at(-1)!.topics[0]?.partitions[0]?.logStartOffset;
    await bed.untilLater(() => inLastRequest() === 2, 'telling the leader of the new start');
  });

  it('says who it is, as the version can', async () => {
    await open();
    await bed.led('t-0');
    bed.follow(await bed.follower('t-0'));
    await bed.until(() => fetches().length > 0);
    expect(bed.leader.seen[0]).toMatchObject({ api: 'Fetch', version: 17, clientId: 'broker-0-fetcher-0' });
    expect(fetches()[0]).toMatchObject({
      replicaId: -1,
      replicaState: { replicaId: 0, replicaEpoch: 77n },
      maxWaitMs: 500,
      minBytes: 1,
      maxBytes: 10485760,
      topics: [
        { topicId, partitions: [{ partition: 0, currentLeaderEpoch: 1, fetchOffset: 0, lastFetchedEpoch: -1 }] },
      ],
    });
  });

  it('asks in a session for what has changed, and says what is not wanted any more', async () => {
    await open();
    const [one, two] = [await bed.led('t-0'), await bed.led('t-1')];
    const [first, second] = [await bed.follower('t-0'), await bed.follower('t-1')];
    bed.follow(first, second);
    await bed.until(() => fetches().length === 1);
    expect(fetches()[0]).toMatchObject({ sessionId: 0, sessionEpoch: 0 });
    await bed.lead(one, ['a']);
    await bed.caughtUp(first, one);
    await bed.until(() => fetches().length === 2);
    expect(fetches()[1]).toMatchObject({
      sessionId: 100,
      sessionEpoch: 1,
      topics: [{ partitions: [{ partition: 0, fetchOffset: 1 }] }],
      forgottenTopicsData: [],
    });
    await bed.fetchers.remove([second]);
    await bed.lead(one, ['b']);
    await bed.until(() => fetches().length === 3);
    expect(fetches()[2]).toMatchObject({ sessionEpoch: 2, forgottenTopicsData: [{ topicId, partitions: [1] }] });
    await bed.lead(two, ['x']);
    await bed.lead(one, ['c']);
    await bed.caughtUp(first, one);
    expect(second.log.logEndOffset).toBe(0);
  });

  it.each([
    ['names it', 'FETCH_SESSION_ID_NOT_FOUND' as const, 0],
    ['has lost its place', 'INVALID_FETCH_SESSION_EPOCH' as const, 100],
    ['mixes names and ids', 'FETCH_SESSION_TOPIC_ID_ERROR' as const, 100],
  ])('begins another session when the leader does not know it any more (%s)', async (_, name, sessionId) => {
    await open();
    const led = await bed.led('t-0');
    const follower = await bed.follower('t-0');
    bed.follow(follower);
    await bed.until(() => fetches().length === 1);
    bed.leader.answerNext(Apis.Fetch, () => ({ errorCode: ErrorCode[name], sessionId: 0, responses: [] }));
    await bed.lead(led, ['a']);
    await bed.untilLater(() => fetches().length >= 3);
    expect(fetches()[2]).toMatchObject({ sessionId, sessionEpoch: 0, topics: [{ partitions: [{ fetchOffset: 1 }] }] });
    await bed.lead(led, ['b']);
    await bed.caughtUp(follower, led);
  });

  it('begins another session when an answer does not fit, and does not hurry a leader that goes on so', async () => {
    await open();
    await bed.led('t-0');
    const stray = {
      topicId: 'zzzzzzzzzzzzzzzzzzzzzA',
      partitions: [{ partitionIndex: 0, errorCode: 0, highWatermark: 5, records: null }],
    };
    const nonsense = () => ({ sessionId: 3, responses: [stray] });
    bed.leader.answerNext(Apis.Fetch, ...Array.from({ length: 20 }, () => nonsense));
    bed.follow(await bed.follower('t-0'));
    await bed.until(() => fetches().length === 2);
    await bed.quiet();
    expect(fetches().length).toBe(2);
    expect(bed.logger.lines.join('\n')).toContain('zzzzzzzzzzzzzzzzzzzzzA, which it was not asked for');
    await bed.untilLater(() => fetches().length === 21);
  });

  it('keeps to names where a topic has no id', async () => {
    await open();
    const led = await bed.led('t-0');
    const follower = await bed.follower('t-0', 1, null);
    await bed.lead(led, ['a']);
    bed.follow(follower);
    await bed.caughtUp(follower, led);
    expect(bed.leader.seen[0]).toMatchObject({ version: 12, request: { topics: [{ topic: 't' }] } });
  });
});

describe('Where its history parts from the leader’s, a follower', () => {
  /** The leader's log, the follower's, and both after it. */
  const diverge = async (
    theirs: readonly (readonly [number, readonly string[]])[],
    ours: readonly (readonly [number, readonly string[]])[],
    leaderEpoch: number,
  ) => {
    const led = await bed.led('t-0', theirs[0][0]);
    const follower = await bed.follower('t-0', leaderEpoch);
    await history(led.log, theirs);
    await history(follower.log, ours);
    led.leaderEpoch = leaderEpoch;
    if (led.log.latestEpoch !== leaderEpoch) led.log.assignEpochStartOffset(leaderEpoch, led.log.logEndOffset);
    led.log.updateHighWatermark(led.log.logEndOffset);
    bed.follow(follower);
    await bed.untilLater(() => follower.log.logEndOffset === led.log.logEndOffset && follower.log.highWatermark > 0);
    expect(await sameLogs(follower.log, led.log)).toBe(true);
    return { led, follower };
  };
  const theirs = [
    [1, ['a', 'b', 'c']],
    [3, ['d', 'e']],
    [6, ['f']],
  ] as const;
  const ours = [
    [1, ['a', 'b', 'c']],
    [2, ['x', 'y']],
    [4, ['z']],
    [5, ['w', 'v']],
  ] as const;

  it('cuts what the leader’s answers to Fetch say', async () => {
    await open();
    await diverge(theirs, ours, 6);
    expect(bed.leader.requests(Apis.OffsetForLeaderEpoch)).toEqual([]);
    expect(bed.logger.lines.join('\n')).toMatch(/t-0 is cut from 8 to \d[^]*t-0 is cut from \d to 3/);
  });

  it.each([
    ['2.6', 11, 3],
    ['2.2', 10, 2],
    ['2.0', 8, 1],
  ])(
    'asks for its epochs one after the other, below version 2.7 (%s)',
    async (interBrokerProtocolVersion, fetch, asks) => {
      await open({ fetcher: { interBrokerProtocolVersion } });
      await diverge(theirs, ours, 6);
      expect(bed.leader.requests(Apis.OffsetForLeaderEpoch).length).toBeGreaterThanOrEqual(2);
      const versions = bed.leader.seen.map(({ api, version }) => `${api} ${version}`);
      expect(versions).toContain(`Fetch ${fetch}`);
      expect(versions[0]).toBe(`OffsetForLeaderEpoch ${asks}`);
      expect(bed.leader.requests(Apis.OffsetForLeaderEpoch)[0].topics[0].partitions[0].leaderEpoch).toBe(5);
    },
  );

  it('asks for its epochs too when only the leader is that old', async () => {
    await open();
    bed.leader.newestFetch = 11;
    await diverge(theirs, ours, 6);
    expect(bed.leader.requests(Apis.OffsetForLeaderEpoch).length).toBeGreaterThanOrEqual(2);
  });

  it('trusts the leader’s offset where its answer has no epoch', async () => {
    await open({ fetcher: { interBrokerProtocolVersion: '1.1' } });
    await diverge([[1, ['a', 'b', 'c', 'd']]], [[1, ['a', 'b', 'c']]], 1);
    expect(bed.leader.seen[0]).toMatchObject({ api: 'OffsetForLeaderEpoch', version: 0 });
  });

  it('falls back to its high watermark where no epochs are known', async () => {
    await open({ fetcher: { interBrokerProtocolVersion: '0.10.2' } });
    const led = await bed.led('t-0', 1);
    const follower = await bed.follower('t-0', 3);
    await history(led.log, [[1, ['a', 'b', 'c', 'd']]]);
    await history(follower.log, [
      [1, ['a', 'b']],
      [2, ['x', 'y', 'z']],
    ]);
    follower.log.updateHighWatermark(2);
    led.leaderEpoch = 3;
    bed.follow(follower);
    await bed.until(() => follower.log.logEndOffset === 4);
    expect(await sameLogs(follower.log, led.log)).toBe(true);
    expect(bed.leader.seen[0]).toMatchObject({ api: 'Fetch', version: 3 });
  });

  it('is where the leader ends, if the leader has less', async () => {
    await open();
    const led = await bed.led('t-0', 1);
    const follower = await bed.follower('t-0', 2);
    await history(led.log, [[1, ['a']]]);
    await history(follower.log, [[1, ['a', 'b', 'c']]]);
    led.leaderEpoch = 2;
    bed.leader.answerNext(Apis.Fetch, () => ({
      sessionId: 0,
      responses: [
        {
          topicId,
          partitions: [
            { partitionIndex: 0, errorCode: ErrorCode.OFFSET_OUT_OF_RANGE, highWatermark: -1, records: null },
          ],
        },
      ],
    }));
    bed.follow(follower);
    await bed.fetchesFrom(follower, 1);
    expect(bed.leader.requests(Apis.ListOffsets).map((r) => r.topics[0].partitions[0].timestamp)).toEqual([-1n]);
    expect(await sameLogs(follower.log, led.log)).toBe(true);
  });

  it('starts anew at the leader’s log start, if that lies beyond its own end', async () => {
    await open();
    const led = await bed.led('t-0', 1);
    const follower = await bed.follower('t-0', 1);
    await history(led.log, [[1, ['a', 'b', 'c', 'd', 'e']]]);
    await history(follower.log, [[1, ['a', 'b']]]);
    led.log.updateHighWatermark(5);
    led.log.maybeIncrementLogStartOffset(4);
    bed.follow(follower);
    await bed.until(() => follower.log.logEndOffset === 5);
    expect([follower.log.logStartOffset, follower.log.highWatermark]).toEqual([4, 5]);
    expect(valuesOf(await readRecordsFrom(follower.log))).toEqual(['e']);
    expect(bed.logger.lines.join('\n')).toContain("ends at 2, and the leader's begins at 4");
  });

  it('starts its empty log where the batch begins that holds the leader’s log start', async () => {
    await open();
    const led = await bed.led('t-0', 1);
    const follower = await bed.follower('t-0', 1);
    await bed.lead(led, ['a', 'b', 'c', 'd']);
    led.log.maybeIncrementLogStartOffset(2);
    bed.follow(follower);
    await bed.untilLater(() => follower.log.logEndOffset === 4);
    await bed.until(() => follower.log.logStartOffset === 2);
    expect(valuesOf(await readRecordsFrom(follower.log)).slice(-2)).toEqual(['c', 'd']);
  });
});

describe('An answer', () => {
  const delays: [keyof typeof ErrorCode, boolean][] = [
    ['UNKNOWN_LEADER_EPOCH', false],
    ['NOT_LEADER_OR_FOLLOWER', false],
    ['UNKNOWN_TOPIC_OR_PARTITION', true],
    ['UNKNOWN_TOPIC_ID', true],
    ['INCONSISTENT_TOPIC_ID', true],
    ['KAFKA_STORAGE_ERROR', true],
    ['OFFSET_MOVED_TO_TIERED_STORAGE', true],
    ['UNKNOWN_SERVER_ERROR', true],
  ];
  it.each(delays)('%s leaves the partition alone for a while, and is logged once', async (name, isLogged) => {
    await open();
    const [led, other] = [await bed.led('t-0'), await bed.led('t-1')];
    const [follower, second] = [await bed.follower('t-0'), await bed.follower('t-1')];
    led.fail = ErrorCode[name];
    await bed.lead(led, ['a']);
    bed.follow(follower, second);
    await bed.until(() => bed.fetchers.progress(follower)?.isDelayed === true);
    await bed.lead(other, ['b']);
    await bed.caughtUp(second, other);
    const asked = () =>
      fetches().filter((request) => request.topics.some(({ partitions }) => partitions.some((p) => p.partition === 0)));
    // The first ones come soon where the leader may not have been told of its role.
    await bed.untilLater(() => asked().length >= 8);
    expect(bed.logger.lines.filter((line) => line.includes(name)).length).toBe(isLogged ? 1 : 0);
    led.fail = undefined;
    await bed.untilLater(() => follower.log.logEndOffset === 1);
    expect(bed.fetchers.failedPartitions).toEqual([]);
  });

  it('of a leader that was not told of its role is asked for again soon; of one that was, after the backoff', async () => {
    await open();
    const led = await bed.led('t-0');
    const follower = await bed.follower('t-0');
    const delayed = () => bed.until(() => bed.fetchers.progress(follower)?.isDelayed === true);
    led.fail = ErrorCode.UNKNOWN_TOPIC_ID;
    bed.follow(follower);
    await delayed();
    led.fail = undefined;
    bed.clock.advance(20);
    await bed.lead(led, ['a']);
    await bed.caughtUp(follower, led);
    expect(bed.logger.lines).not.toContainEqual(expect.stringContaining('UNKNOWN_TOPIC_ID'));

    led.fail = ErrorCode.UNKNOWN_TOPIC_ID;
    bed.changed();
    await delayed();
    led.fail = undefined;
    const asked = fetches().length;
    bed.clock.advance(990);
    await bed.quiet();
    expect(fetches().length).toBe(asked);
    bed.clock.advance(20);
    await bed.lead(led, ['b']);
    await bed.caughtUp(follower, led);
  });

  it('FENCED_LEADER_EPOCH ends it until the controller gives a new role', async () => {
    await open();
    const led = await bed.led('t-0', 2);
    const follower = await bed.follower('t-0', 1);
    await bed.lead(led, ['a']);
    bed.follow(follower);
    await bed.until(() => bed.fetchers.failedPartitions.length === 1);
    expect(bed.fetchers.failedPartitions).toEqual(['t-0']);
    follower.leaderEpoch = 2;
    bed.follow(follower);
    await bed.caughtUp(follower, led);
    expect(bed.fetchers.failedPartitions).toEqual([]);
  });

  it('to a request of another role is dropped', async () => {
    await open();
    const led = await bed.led('t-0');
    const follower = await bed.follower('t-0');
    bed.follow(follower);
    await bed.until(() => fetches().length === 1);
    follower.isLeader = true;
    await bed.lead(led, ['a']);
    await bed.quiet();
    expect(follower.log.logEndOffset).toBe(0);
    follower.isLeader = false;
    follower.leaderEpoch = led.leaderEpoch = 2;
    bed.follow(follower);
    await bed.untilLater(() => follower.log.logEndOffset === 1);
  });

  it('with damaged records is fetched again later', async () => {
    await open();
    const led = await bed.led('t-0');
    const follower = await bed.follower('t-0');
    await bed.lead(led, ['a', 'b']);
    let damaged = 3;
    bed.leader.alter = (_, read) => {
      const records = Buffer.from(read.records as Buffer);
      if (records.length > 0 && damaged-- > 0) records[records.length - 1] ^= 0xff;
      return { ...read, records };
    };
    bed.follow(follower);
    await bed.until(() => bed.fetchers.progress(follower)?.isDelayed === true);
    expect(follower.log.logEndOffset).toBe(0);
    await bed.untilLater(() => follower.log.logEndOffset === 2);
    expect(bed.logger.lines.filter((line) => line.includes('t-0 at offset 0 failed')).length).toBe(1);
  });

  it('does not move the high watermark beyond what is here, nor the log start beyond that', async () => {
    await open();
    const led = await bed.led('t-0');
    const follower = await bed.follower('t-0');
    await bed.lead(led, ['a']);
    bed.leader.alter = (_, read) => ({ ...read, highWatermark: 100, logStartOffset: 50 });
    bed.follow(follower);
    await bed.until(() => follower.log.logEndOffset === 1);
    await bed.until(() => follower.log.highWatermark === 1);
    expect(follower.log.logStartOffset).toBe(1);
    expect(bed.fetchers.maxLag).toBe(99);
  });
});

describe('A slow or broken disk of a follower', () => {
  const faulty = (faults: Faults): BedOptions => ({
    io: (clock) => {
      const io = ioWith(clock);
      return { ...io, files: faultyFiles(io.files, faults) };
    },
    config: { segmentBytes: 200 },
  });

  it('holds up its own partition only, and removing waits for it', async () => {
    let hold = false;
    let release!: () => void;
    const held = new Promise<void>((resolve) => (release = resolve));
    await open(
      faulty({
        hold: (operation, path) => (hold && operation === 'open' && path.includes('/t-0/') ? held : undefined),
      }),
    );
    const [led, other] = [await bed.led('t-0'), await bed.led('t-1')];
    const [follower, second] = [await bed.follower('t-0'), await bed.follower('t-1')];
    await bed.lead(led, ['a'.repeat(100)]);
    bed.follow(follower, second);
    await bed.caughtUp(follower, led);
    hold = true;
    await bed.lead(led, ['b'.repeat(100)]);
    await bed.lead(other, ['x']);
    await bed.untilLater(() => second.log.logEndOffset === 1);
    const forgotten = () => fetches().flatMap(({ forgottenTopicsData }) => forgottenTopicsData);
    await bed.untilLater(() => forgotten().some(({ partitions }) => partitions.includes(0)));
    // From now on it is not waited for.
    for (const value of ['y', 'z']) {
      const { logEndOffset } = second.log;
      await bed.lead(other, [value]);
      await bed.until(() => second.log.logEndOffset === logEndOffset + 1);
    }
    expect(follower.log.logEndOffset).toBe(1);
    let isRemoved = false;
    const removing = bed.fetchers.remove([follower]).then(() => (isRemoved = true));
    await bed.quiet();
    expect(isRemoved).toBe(false);
    release();
    await removing;
    expect(follower.log.logEndOffset).toBe(2);
  });

  it('that fails takes its partitions out', async () => {
    let fails = false;
    await open(
      faulty({
        error: (operation, path) => (fails && path.includes('/t-0/') && operation === 'writeSync' ? 'EIO' : undefined),
      }),
    );
    const [led, other] = [await bed.led('t-0'), await bed.led('t-1')];
    const [follower, second] = [await bed.follower('t-0'), await bed.follower('t-1')];
    bed.follow(follower, second);
    await bed.until(() => fetches().length === 1);
    fails = true;
    await bed.lead(led, ['a']);
    await bed.until(() => bed.fetchers.failedPartitions.length > 0);
    expect(bed.fetchers.failedPartitions).toEqual(['t-0']);
    expect(() => follower.log.directory.checkOnline()).toThrow();
    // Its directory is the other's too.
    await bed.lead(other, ['b']);
    await bed.untilLater(() => bed.fetchers.failedPartitions.length === 2);
    expect(second.log.logEndOffset).toBe(0);
    expect(bed.logger.lines.join('\n')).toContain('it is not followed until the controller gives it a role again');
  });
});

it('A follower appends in parts what is larger than its segments', async () => {
  await open({ config: { segmentBytes: 200 } });
  const led = await bed.led('t-0');
  led.log.config = { ...led.log.config, segmentBytes: 100_000 };
  const follower = await bed.follower('t-0');
  for (let i = 0; i < 10; i++) await bed.lead(led, ['a'.repeat(50)]);
  let damaged = 2;
  bed.leader.alter = (_, read) => {
    const records = Buffer.from(read.records as Buffer);
    if (records.length > 500 && damaged-- > 0) records[records.length - 1] ^= 0xff;
    return { ...read, records };
  };
  bed.follow(follower);
  await bed.untilLater(() => follower.log.logEndOffset === 10 && follower.log.highWatermark === 10);
  expect(await sameLogs(follower.log, led.log)).toBe(true);
  expect(follower.log.numberOfSegments).toBeGreaterThan(3);
});

describe('A leader that is away', () => {
  it('is tried again and again, with few lines', async () => {
    await open();
    const led = await bed.led('t-0');
    const follower = await bed.follower('t-0');
    bed.leader.down = new Error('ECONNREFUSED.');
    bed.follow(follower);
    await bed.untilLater(() => bed.leader.connectAttempts >= 100);
    const lines = bed.logger.lines.filter((line) => line.includes('ECONNREFUSED'));
    expect(lines[0]).toContain('Fetching from broker 1 at leader-1:9092 failed');
    expect(lines.length).toBeLessThanOrEqual(3);
    bed.leader.down = undefined;
    await bed.lead(led, ['a']);
    await bed.untilLater(() => follower.log.logEndOffset === 1);
    expect(bed.logger.lines.join('\n')).toContain('Broker 1 answers again');
  });

  it('in the middle of a request is asked again from where it was', async () => {
    await open();
    const led = await bed.led('t-0');
    const follower = await bed.follower('t-0');
    await bed.lead(led, ['a']);
    bed.follow(follower);
    await bed.caughtUp(follower, led);
    await bed.until(() => fetches().length === 2);
    bed.leader.disconnectAll();
    await bed.until(() => bed.fetchers.progress(follower)?.isDelayed === true);
    await bed.lead(led, ['b']);
    await bed.untilLater(() => follower.log.logEndOffset === 2);
    expect(fetches()[2]).toMatchObject({ sessionEpoch: 0, topics: [{ partitions: [{ fetchOffset: 1 }] }] });
  });
});

describe('The fetcher manager', () => {
  it('spreads partitions over fetchers as Kafka does, and moves them when their number changes', async () => {
    await open({ fetcher: { numFetchers: 3 } });
    const followers: Follower[] = [];
    const leds: LedPartition[] = [];
    for (let i = 0; i < 6; i++) {
      leds.push(await bed.led(`t-${i}`));
      followers.push(await bed.follower(`t-${i}`));
    }
    bed.follow(...followers);
    expect(bed.fetchers.fetcherCount).toBe(3);
    // abs(31 * "t".hashCode() + partition) % n; "t".hashCode() is 116.
    expect(followers.map((each) => fetcherIdOf(each, 3))).toEqual([0, 1, 2, 3, 4, 5].map((p) => (31 * 116 + p) % 3));
    await bed.until(() => fetches().length === 3);
    bed.fetchers.resize(1);
    for (const led of leds) await bed.lead(led, ['a']);
    for (let i = 0; i < 6; i++) await bed.untilLater(() => followers[i].log.logEndOffset === 1);
    await bed.untilLater(() => bed.fetchers.fetcherCount === 1);
    expect(bed.fetchers.partitionCount).toBe(6);
  });

  it('follows another broker, or the same one elsewhere, from the next role on', async () => {
    await open();
    const other = new FakeLeader(bed.clock, 2);
    bed.leaders.set(2, other);
    const led = await bed.led('t-0');
    const follower = await bed.follower('t-0');
    await bed.lead(led, ['a']);
    bed.follow(follower);
    await bed.caughtUp(follower, led);
    const next = await bed.led('t-0', 2, other);
    await history(next.log, [
      [1, ['a']],
      [2, ['b']],
    ]);
    follower.leaderEpoch = 2;
    bed.fetchers.add([{ partition: follower, leader: other.endpoint }]);
    await bed.untilLater(() => follower.log.logEndOffset === 2);
    expect(bed.fetchers.progress(follower)).toMatchObject({ leaderId: 2, leaderEpoch: 2 });
    await bed.untilLater(() => bed.fetchers.fetcherCount === 1, 'closing the idle fetcher');
    expect(bed.leader.connections.every(({ isClosed }) => isClosed)).toBe(true);

    follower.leaderEpoch = next.leaderEpoch = 3;
    next.log.assignEpochStartOffset(3, next.log.logEndOffset);
    bed.fetchers.add([{ partition: follower, leader: { ...other.endpoint, port: 9999 } }]);
    await bed.lead(next, ['c']);
    await bed.untilLater(() => follower.log.logEndOffset === 3);
    expect(bed.fetchers.fetcherCount).toBe(1);
  });

  it('throttles partitions that are behind, not those in sync', async () => {
    let exceeded = false;
    let bytes = 0;
    const quota = {
      isThrottled: (of: { readonly partition: number }) => of.partition === 0,
      isQuotaExceeded: () => exceeded,
      record: (count: number) => void (bytes += count),
    };
    await open({ fetcher: { quota, fetchMaxBytes: 100 } });
    const [led, other] = [await bed.led('t-0'), await bed.led('t-1')];
    const [follower, second] = [await bed.follower('t-0'), await bed.follower('t-1')];
    for (let i = 0; i < 5; i++) await bed.lead(led, ['a'.repeat(50)]);
    bed.leader.alter = (_, read) => {
      if ((read.records as Buffer).length > 0) exceeded = true;
      return read;
    };
    bed.follow(follower, second);
    await bed.until(() => follower.log.logEndOffset > 0);
    const got = follower.log.logEndOffset;
    expect(bytes).toBeGreaterThan(0);
    await bed.lead(other, ['x']);
    await bed.untilLater(() => second.log.logEndOffset === 1);
    expect(follower.log.logEndOffset).toBe(got);
    bed.leader.alter = undefined;
    exceeded = false;
    await bed.untilLater(() => follower.log.logEndOffset === 5);
    // It is in sync now.
    await bed.until(() => bed.fetchers.maxLag === 0);
    exceeded = true;
    await bed.lead(led, ['b']);
    await bed.untilLater(() => follower.log.logEndOffset === 6);
  });

  it('leaves nothing behind when it is shut down, connecting or not', async () => {
    await open({ fetcher: { connect: () => new Promise(() => {}) } });
    bed.follow(await bed.follower('t-0'));
    await bed.quiet();
    await bed.fetchers.shutdown();
    expect([bed.fetchers.fetcherCount, bed.fetchers.partitionCount]).toEqual([0, 0]);
  });
});
