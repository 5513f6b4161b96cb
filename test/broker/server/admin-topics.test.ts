import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import { zeroUuid } from '../../../broker/src/protocol/uuid';
import { createPartitions } from '../../../broker/src/server/handlers/create-partitions';
import { createTopics } from '../../../broker/src/server/handlers/create-topics';
import { deleteTopics } from '../../../broker/src/server/handlers/delete-topics';
import { AdminBed, until } from './admin-bed';
import { callHandler, versionsOf } from './call-handler';

interface Wanted {
  readonly name: string;
  readonly numPartitions?: number;
  readonly replicationFactor?: number;
  readonly assignments?: readonly { readonly partitionIndex: number; readonly brokerIds: readonly number[] }[];
  readonly configs?: Readonly<Record<string, string | null>>;
}

function topic({ name, numPartitions = -1, replicationFactor = -1, assignments = [], configs = {} }: Wanted) {
  return {
    name,
    numPartitions,
    replicationFactor,
    assignments,
    configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
  };
}

async function create(
  bed: AdminBed,
  wanted: readonly Wanted[],
  { version = 7, timeoutMs = 10_000, validateOnly = false } = {},
) {
  const request = { topics: wanted.map(topic), timeoutMs, validateOnly };
  return (await callHandler(createTopics, bed.broker, version, request)).topics;
}

async function createOne(bed: AdminBed, wanted: Wanted, options: Parameters<typeof create>[2] = {}) {
  return (await create(bed, [wanted], options))[0];
}

async function remove(bed: AdminBed, names: readonly string[], { version = 5, timeoutMs = 10_000 } = {}) {
  return (await callHandler(deleteTopics, bed.broker, version, { topicNames: names, timeoutMs })).responses;
}

interface Grown {
  readonly name: string;
  readonly count: number;
  readonly assignments?: readonly (readonly number[])[];
}

async function grow(
  bed: AdminBed,
  wanted: readonly Grown[],
  { version = 3, timeoutMs = 10_000, validateOnly = false } = {},
) {
  const topics = wanted.map(({ name, count, assignments }) => ({
    name,
    count,
    assignments: assignments?.map((brokerIds) => ({ brokerIds })) ?? null,
  }));
  return (await callHandler(createPartitions, bed.broker, version, { topics, timeoutMs, validateOnly })).results;
}

function replicasOf(bed: AdminBed, name: string): number[][] {
  return [...bed.metadata.topic(name)!.partitions.values()].map(({ replicas }) => [...replicas]);
}

describe('CreateTopics', () => {
  let bed: AdminBed;
  beforeAll(async () => {
    bed = await AdminBed.start({
      brokers: [{ id: 1 }, { id: 2 }, { id: 3 }],
      properties: { 'num.partitions': '4', 'default.replication.factor': '2', 'message.max.bytes': '777777' },
    });
  });
  afterAll(() => bed[Symbol.asyncDispose]());

  it('answers when the broker knows a leader of every partition', async () => {
    const result = await createOne(bed, { name: 'orders', numPartitions: 3, replicationFactor: 3 });
    expect(result).toMatchObject({ name: 'orders', errorCode: 0, errorMessage: null, topicConfigErrorCode: 0 });
    expect(result).toMatchObject({ numPartitions: 3, replicationFactor: 3 });
    const known = bed.metadata.topic('orders')!;
    expect(known.topicId).toBe(result.topicId);
    expect([...known.partitions.keys()]).toEqual([0, 1, 2]);
    for (const { leader, replicas, isr } of known.partitions.values()) {
      expect(leader).toBe(replicas[0]);
      expect([...replicas].sort()).toEqual([1, 2, 3]);
      expect(isr).toEqual(replicas);
    }
    expect(new Set([...known.partitions.values()].map(({ leader }) => leader)).size).toBe(3);
  });

  it('writes the configuration and the assignment as Kafka does', async () => {
    const configs = { 'retention.ms': '1234', 'cleanup.policy': 'compact' };
    const result = await createOne(bed, { name: 'configured', numPartitions: 1, replicationFactor: 1, configs });
    expect(await bed.zk.getEntityConfig('topics', 'configured')).toEqual(new Map(Object.entries(configs)));
    const assignment = (await bed.zk.getTopicAssignment('configured'))!;
    expect(assignment.topicId).toBe(result.topicId);
    expect(assignment.partitions.get(0)).toMatchObject({ addingReplicas: [], removingReplicas: [] });
    // Without a configuration there is a znode too, an empty one.
    await createOne(bed, { name: 'plain' });
    expect((await bed.zk.get('/config/topics/plain'))!.data!.toString()).toBe('{"version":1,"config":{}}');
    // No notification: a log that is made reads the configuration itself.
    expect(await bed.zk.getConfigChangeNotifications()).toEqual([]);
  });

  it('shows the configuration that the topic has', async () => {
    const { configs } = await createOne(bed, { name: 'shown', configs: { 'segment.bytes': '1000000' } });
    const byName = new Map(configs!.map((entry) => [entry.name, entry]));
    expect(byName.get('segment.bytes')).toMatchObject({ value: '1000000', configSource: 1, readOnly: false });
    expect(byName.get('max.message.bytes')).toMatchObject({ value: '777777', configSource: 4, isSensitive: false });
    expect(byName.get('retention.ms')).toMatchObject({ value: '604800000', configSource: 5 });
  });

  it('takes the defaults of the broker for -1', async () => {
    const result = await createOne(bed, { name: 'defaults' });
    expect(result).toMatchObject({ errorCode: 0, numPartitions: 4, replicationFactor: 2 });
    expect(replicasOf(bed, 'defaults').map(({ length }) => length)).toEqual([2, 2, 2, 2]);
  });

  it('takes an assignment by hand', async () => {
    const assignments = [
      { partitionIndex: 1, brokerIds: [3, 1] },
      { partitionIndex: 0, brokerIds: [2, 3] },
    ];
    const result = await createOne(bed, { name: 'by-hand', assignments });
    expect(result).toMatchObject({ errorCode: 0, numPartitions: 2, replicationFactor: 2 });
    expect(replicasOf(bed, 'by-hand')).toEqual([
      [2, 3],
      [3, 1],
    ]);
  });

  it.each(versionsOf(createTopics))('is answered in version %i', async (version) => {
    const wanted = { name: `version-${version}`, numPartitions: 1, replicationFactor: 1 };
    const result = await createOne(bed, wanted, { version });
    expect(result).toMatchObject({ name: wanted.name, errorCode: 0 });
    expect(result.numPartitions).toBe(version >= 5 ? 1 : -1);
    expect(result.topicId === zeroUuid).toBe(version < 7);
  });

  const tooLong = 'x'.repeat(250);
  const refusals: readonly (readonly [string, Wanted, ErrorCode, string])[] = [
    [
      'more replicas than brokers',
      { name: 'refused', numPartitions: 1, replicationFactor: 4 },
      ErrorCode.INVALID_REPLICATION_FACTOR,
      'Replication factor: 4 larger than available brokers: 3.',
    ],
    [
      'no replica',
      { name: 'refused', numPartitions: 1, replicationFactor: 0 },
      ErrorCode.INVALID_REPLICATION_FACTOR,
      'Replication factor must be larger than 0.',
    ],
    [
      'no partition',
      { name: 'refused', numPartitions: 0, replicationFactor: 1 },
      ErrorCode.INVALID_PARTITIONS,
      'Number of partitions must be larger than 0.',
    ],
    [
      'a number of partitions that nobody could write down',
      { name: 'refused', numPartitions: 2147483647, replicationFactor: 1 },
      ErrorCode.INVALID_PARTITIONS,
      'Number of partitions 2147483647 is larger than 100000: the assignment of one topic would not fit into its znode.',
    ],
    [
      'partitions whose znode ZooKeeper would not take',
      { name: 'refused', numPartitions: 90_000, replicationFactor: 3 },
      ErrorCode.INVALID_PARTITIONS,
      'The assignment of 90000 partitions takes',
    ],
    [
      'numbers beside an assignment',
      { name: 'refused', numPartitions: 1, assignments: [{ partitionIndex: 0, brokerIds: [1] }] },
      ErrorCode.INVALID_REQUEST,
      'Both numPartitions or replicationFactor and replicasAssignments were set. Both cannot be used at the same time.',
    ],
    [
      'an assignment with a gap',
      { name: 'refused', assignments: [{ partitionIndex: 1, brokerIds: [1] }] },
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      'partitions should be a consecutive 0-based integer sequence',
    ],
    [
      'a partition assigned twice',
      {
        name: 'refused',
        assignments: [
          { partitionIndex: 0, brokerIds: [1] },
          { partitionIndex: 0, brokerIds: [2] },
        ],
      },
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      'Duplicate replica assignment found: partition 0 is there twice',
    ],
    [
      'a broker twice',
      { name: 'refused', assignments: [{ partitionIndex: 0, brokerIds: [1, 1] }] },
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      'Duplicate replica assignment found: partition 0 has replicas [1, 1]',
    ],
    [
      'partitions of different factors',
      {
        name: 'refused',
        assignments: [
          { partitionIndex: 0, brokerIds: [1] },
          { partitionIndex: 1, brokerIds: [1, 2] },
        ],
      },
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      'All partitions should have the same number of replicas',
    ],
    [
      'a partition without replicas',
      { name: 'refused', assignments: [{ partitionIndex: 0, brokerIds: [] }] },
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      'Cannot have replication factor of 0 for partition id 0.',
    ],
    ['no name', { name: '' }, ErrorCode.INVALID_TOPIC_EXCEPTION, 'the empty string is not allowed'],
    ['the name .', { name: '.' }, ErrorCode.INVALID_TOPIC_EXCEPTION, "Topic name is invalid: '.' is not allowed"],
    ['the name ..', { name: '..' }, ErrorCode.INVALID_TOPIC_EXCEPTION, "Topic name is invalid: '..' is not allowed"],
    [
      'a name that is too long',
      { name: tooLong },
      ErrorCode.INVALID_TOPIC_EXCEPTION,
      `Topic name is invalid: the length of '${tooLong}' is longer than the max allowed length 249`,
    ],
    [
      'a name with other characters',
      { name: '../../controller' },
      ErrorCode.INVALID_TOPIC_EXCEPTION,
      "Topic name is invalid: '../../controller' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
    ],
    [
      'a key without a value',
      { name: 'refused', configs: { 'retention.ms': null, 'segment.ms': null } },
      ErrorCode.INVALID_CONFIG,
      'Null value not supported for topic configs: retention.ms,segment.ms',
    ],
    [
      'a value that cannot be read',
      { name: 'refused', configs: { 'retention.ms': 'for ever' } },
      ErrorCode.INVALID_CONFIG,
      'retention.ms=for ever: accepted is a 64-bit integer, -1 or more',
    ],
    [
      'an unknown key',
      { name: 'refused', configs: { 'retention.hours': '1' } },
      ErrorCode.INVALID_CONFIG,
      'retention.hours: is no topic key of Kafka 3.9',
    ],
    ['a topic that is there', { name: 'there' }, ErrorCode.TOPIC_ALREADY_EXISTS, "Topic 'there' already exists."],
    [
      'a name that metrics would confuse',
      { name: 'metrics_of.it' },
      ErrorCode.INVALID_TOPIC_EXCEPTION,
      "Topic 'metrics_of.it' collides with existing topics: metrics.of_it",
    ],
    [
      "KRaft's own topic",
      { name: '__cluster_metadata' },
      ErrorCode.INVALID_REQUEST,
      'Creation of internal topic __cluster_metadata is prohibited.',
    ],
  ];
  it.each(refusals)('refuses %s', async (_what, wanted, errorCode, message) => {
    if (!bed.metadata.topic('there')) await create(bed, [{ name: 'there' }, { name: 'metrics.of_it' }]);
    const before = await bed.zk.getTopics();
    for (const validateOnly of [true, false]) {
      const result = await createOne(bed, wanted, { validateOnly });
      expect(result.errorMessage).toContain(message);
      expect(result).toMatchObject({ errorCode, topicId: zeroUuid, numPartitions: -1, replicationFactor: -1 });
      expect(result.configs).toEqual([]);
    }
    expect(await bed.zk.getTopics()).toEqual(before);
    expect(await bed.zk.pathExists('/config/topics/refused')).toBe(false);
  });

  it('refuses a topic that the request names twice, and creates the others', async () => {
    const results = await create(bed, [{ name: 'twice' }, { name: 'once' }, { name: 'twice' }]);
    expect(results.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ['twice', ErrorCode.INVALID_REQUEST],
      ['once', ErrorCode.NONE],
      ['twice', ErrorCode.INVALID_REQUEST],
    ]);
    expect(results[0].errorMessage).toBe('Found multiple entries for this topic.');
    expect(bed.metadata.topic('twice')).toBeUndefined();
  });

  it('creates nothing with validateOnly', async () => {
    const result = await createOne(bed, { name: 'only-valid' }, { validateOnly: true });
    expect(result).toMatchObject({ errorCode: 0, numPartitions: 4, replicationFactor: 2, topicId: zeroUuid });
    expect(await bed.zk.pathExists('/brokers/topics/only-valid')).toBe(false);
    expect(await bed.zk.pathExists('/config/topics/only-valid')).toBe(false);
  });

  it('makes logs with the configuration of their topic', async () => {
    await createOne(bed, {
      name: 'log-config',
      numPartitions: 3,
      replicationFactor: 3,
      configs: { 'segment.ms': '9' },
    });
    expect(bed.logs.config('log-config-2')).toMatchObject({ segmentMs: 9, maxMessageBytes: 777777 });
    expect(bed.dynamicConfig.topicOverrides('log-config')).toEqual(new Map([['segment.ms', '9']]));
  });
});

describe('CreateTopics, with a controller that does nothing', () => {
  it('times out, and has created the topic', async () => {
    await using bed = await AdminBed.start({ controller: 'idle' });
    const wanted = { name: 'late', numPartitions: 1, replicationFactor: 1 };
    const result = await createOne(bed, wanted, { timeoutMs: 20 });
    expect(result).toMatchObject({ errorCode: ErrorCode.REQUEST_TIMED_OUT, errorMessage: null, numPartitions: -1 });
    expect(await bed.zk.pathExists('/brokers/topics/late')).toBe(true);
    expect(bed.admin.waiting).toBe(0);
    const again = await createOne(bed, wanted, { timeoutMs: 20 });
    expect(again).toMatchObject({ errorCode: ErrorCode.TOPIC_ALREADY_EXISTS });
  });

  it.each([0, -1])('answers at once with a timeout of %i', async (timeoutMs) => {
    await using bed = await AdminBed.start({ controller: 'idle' });
    const result = await createOne(bed, { name: 'at-once', numPartitions: 1, replicationFactor: 1 }, { timeoutMs });
    expect(result.errorCode).toBe(ErrorCode.REQUEST_TIMED_OUT);
    expect(await bed.zk.pathExists('/brokers/topics/at-once')).toBe(true);
  });

  it('is answered when the broker shuts down', async () => {
    await using bed = await AdminBed.start({ controller: 'idle' });
    const creating = createOne(bed, { name: 'never' }, { timeoutMs: 2147483647 });
    await until(() => bed.admin.waiting === 1);
    bed.admin.shutdown();
    expect((await creating).errorCode).toBe(ErrorCode.REQUEST_TIMED_OUT);
  });

  it('refuses a topic that is being deleted', async () => {
    await using bed = await AdminBed.start({ controller: 'idle' });
    await bed.zk.createDeleteTopicPath('going');
    expect(await createOne(bed, { name: 'going' })).toMatchObject({
      errorCode: ErrorCode.TOPIC_ALREADY_EXISTS,
      errorMessage: "Topic 'going' is marked for deletion.",
    });
  });

  it('says that the controller has gone when it has', async () => {
    await using bed = await AdminBed.start({ controller: 'idle' });
    await bed.zk.deleteController(-1);
    expect(await createOne(bed, { name: 'nobody' })).toMatchObject({ errorCode: ErrorCode.STALE_CONTROLLER_EPOCH });
    expect(await bed.zk.pathExists('/brokers/topics/nobody')).toBe(false);
  });
});

describe('A broker that is not the controller', () => {
  it('takes no CreateTopics, DeleteTopics and CreatePartitions', async () => {
    await using bed = await AdminBed.start({ controller: 'idle' });
    const broker = { ...bed.broker, controller: { isActive: false } } as typeof bed.broker;
    const topics = [topic({ name: 'a' }), topic({ name: 'b' })];
    const created = await callHandler(createTopics, broker, 7, { topics });
    expect(created.topics.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ['a', ErrorCode.NOT_CONTROLLER],
      ['b', ErrorCode.NOT_CONTROLLER],
    ]);
    const id = 'AAAAAAAAAAAAAAAAAAAAAQ';
    const named = [
      { name: 'a', topicId: zeroUuid },
      { name: null, topicId: id },
    ];
    const deleted = await callHandler(deleteTopics, broker, 6, { topics: named, timeoutMs: 1000 });
    expect(deleted.responses.map(({ name, topicId, errorCode }) => [name, topicId, errorCode])).toEqual([
      ['a', zeroUuid, ErrorCode.NOT_CONTROLLER],
      [null, id, ErrorCode.NOT_CONTROLLER],
    ]);
    const growing = [{ name: 'a', count: 2, assignments: null }];
    const grown = await callHandler(createPartitions, broker, 3, {
      topics: growing,
      timeoutMs: 1000,
      validateOnly: false,
    });
    expect(grown.results).toEqual([{ name: 'a', errorCode: ErrorCode.NOT_CONTROLLER, errorMessage: null }]);
    expect(await bed.zk.getTopics()).toEqual([]);
  });
});

describe('Racks', () => {
  it('get a replica each', async () => {
    const racks = ['north', 'south', 'north', 'south'];
    await using bed = await AdminBed.start({ brokers: racks.map((rack, id) => ({ id, rack })) });
    await createOne(bed, { name: 'racked', numPartitions: 8, replicationFactor: 2 });
    await grow(bed, [{ name: 'racked', count: 16 }]);
    const assigned = replicasOf(bed, 'racked');
    expect(assigned).toHaveLength(16);
    for (const replicas of assigned) {
      expect(new Set(replicas.map((id) => racks[id]))).toEqual(new Set(['north', 'south']));
    }
  });
});

describe('DeleteTopics', () => {
  let bed: AdminBed;
  beforeAll(async () => {
    bed = await AdminBed.start({ properties: { 'num.partitions': '2' } });
  });
  afterAll(() => bed[Symbol.asyncDispose]());

  it.each(versionsOf(deleteTopics).filter((version) => version < 6))('by name, in version %i', async (version) => {
    const name = `by-name-${version}`;
    await create(bed, [{ name, configs: { 'segment.ms': '7' } }]);
    expect(await remove(bed, [name], { version })).toEqual([
      { name, topicId: zeroUuid, errorCode: 0, errorMessage: null },
    ]);
    expect(bed.metadata.topic(name)).toBeUndefined();
    expect(bed.dynamicConfig.topicOverrides(name).size).toBe(0);
    for (const path of [`/brokers/topics/${name}`, `/config/topics/${name}`, `/admin/delete_topics/${name}`]) {
      expect(await bed.zk.pathExists(path)).toBe(false);
    }
  });

  it('by name and by id', async () => {
    const [a, b] = await create(bed, [{ name: 'a' }, { name: 'b' }]);
    const unknown = 'AAAAAAAAAAAAAAAAAAAAAQ';
    const topics = [
      { name: 'a', topicId: zeroUuid },
      { name: null, topicId: b.topicId },
      { name: null, topicId: unknown },
      { name: 'nobody', topicId: zeroUuid },
    ];
    const { responses } = await callHandler(deleteTopics, bed.broker, 6, { topics, timeoutMs: 10_000 });
    expect(a.topicId).not.toBe(b.topicId);
    expect(responses.map(({ name, topicId, errorCode }) => [name, topicId, errorCode])).toEqual([
      ['a', zeroUuid, 0],
      ['b', b.topicId, 0],
      [null, unknown, ErrorCode.UNKNOWN_TOPIC_ID],
      ['nobody', zeroUuid, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ]);
    expect(await bed.zk.getTopics()).not.toContain('a');
    expect(await bed.zk.getTopics()).not.toContain('b');
  });

  it('waits until a topic of the same name can be created', async () => {
    for (let i = 0; i < 5; i++) {
      const [created] = await create(bed, [{ name: 'again', configs: i === 0 ? { 'segment.ms': '5' } : {} }]);
      expect(created).toMatchObject({ errorCode: 0, errorMessage: null });
      // What the last topic of that name had set is gone with it.
      expect(bed.logs.config('again-0').segmentMs).toBe(i === 0 ? 5 : 604800000);
      expect((await remove(bed, ['again']))[0].errorCode).toBe(0);
    }
  });

  it('takes a topic that is named twice, and one whose deletion is on its way', async () => {
    await create(bed, [{ name: 'doomed' }]);
    const all = await Promise.all([remove(bed, ['doomed', 'doomed']), remove(bed, ['doomed'])]);
    expect(all.flat().map(({ errorCode }) => errorCode)).toEqual([0, 0, 0]);
  });

  it('refuses a topic with both a name and an id, and one with neither', async () => {
    const id = 'AAAAAAAAAAAAAAAAAAAAAQ';
    for (const [named, message] of [
      [{ name: 'a', topicId: id }, 'Topic name and topic ID can not both be specified.'],
      [{ name: null, topicId: zeroUuid }, 'A topic needs a name or an ID.'],
    ] as const) {
      const { responses } = await callHandler(deleteTopics, bed.broker, 6, { topics: [named], timeoutMs: 1000 });
      expect(responses).toEqual([{ ...named, errorCode: ErrorCode.INVALID_REQUEST, errorMessage: message }]);
    }
  });

  it('can be turned off', async () => {
    await using off = await AdminBed.start({ properties: { 'delete.topic.enable': 'false' } });
    await create(off, [{ name: 'kept' }]);
    expect((await remove(off, ['kept'], { version: 2 }))[0].errorCode).toBe(ErrorCode.INVALID_REQUEST);
    expect((await remove(off, ['kept'], { version: 3 }))[0].errorCode).toBe(ErrorCode.TOPIC_DELETION_DISABLED);
    expect(off.metadata.topic('kept')).toBeDefined();
  });

  it('times out while a replica cannot be deleted', async () => {
    await using away = await AdminBed.start();
    // Broker 9 is not there: its replica has to be deleted first.
    const assignments = [{ partitionIndex: 0, brokerIds: [0, 9] }];
    await create(away, [{ name: 'stuck', assignments }]);
    expect((await remove(away, ['stuck'], { timeoutMs: 50 }))[0].errorCode).toBe(ErrorCode.REQUEST_TIMED_OUT);
    // The brokers have forgotten it already.
    expect((await remove(away, ['stuck']))[0].errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    expect(await away.zk.isTopicMarkedForDeletion('stuck')).toBe(true);
    expect(away.admin.waiting).toBe(0);
    expect(await grow(away, [{ name: 'stuck', count: 5 }])).toMatchObject([
      { errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION, errorMessage: 'The topic is queued for deletion.' },
    ]);
  });
});

describe('CreatePartitions', () => {
  let bed: AdminBed;
  beforeAll(async () => {
    bed = await AdminBed.start({ brokers: [{ id: 1 }, { id: 2 }, { id: 3 }] });
    await create(bed, [{ name: 'small', numPartitions: 2, replicationFactor: 2 }]);
  });
  afterAll(() => bed[Symbol.asyncDispose]());

  it('goes on round the brokers where the topic was', async () => {
    const assignments = [{ partitionIndex: 0, brokerIds: [2, 3] }];
    const { topicId } = await createOne(bed, { name: 'round', assignments });
    expect(await grow(bed, [{ name: 'round', count: 4 }])).toEqual([
      { name: 'round', errorCode: 0, errorMessage: null },
    ]);
    // Leaders follow those of Kafka's assignment, which begins at the leader of partition 0.
    expect(replicasOf(bed, 'round').map(([leader]) => leader)).toEqual([2, 3, 1, 2]);
    expect(bed.metadata.topic('round')!.topicId).toBe(topicId);
    expect(new Set(replicasOf(bed, 'round').map(({ length }) => length))).toEqual(new Set([2]));
  });

  it.each(versionsOf(createPartitions))('is answered in version %i', async (version) => {
    const name = `grows-${version}`;
    await create(bed, [{ name, numPartitions: 1, replicationFactor: 1 }]);
    expect(await grow(bed, [{ name, count: 3 }], { version })).toEqual([{ name, errorCode: 0, errorMessage: null }]);
    expect(bed.metadata.topic(name)!.partitions.size).toBe(3);
    expect(bed.metadata.partition(name, 2)!.leader).toBeGreaterThan(0);
  });

  it('takes replicas by hand', async () => {
    await create(bed, [{ name: 'hand', assignments: [{ partitionIndex: 0, brokerIds: [1, 2] }] }]);
    const assignments = [
      [3, 1],
      [2, 3],
    ];
    expect(await grow(bed, [{ name: 'hand', count: 3, assignments }])).toMatchObject([{ errorCode: 0 }]);
    expect(replicasOf(bed, 'hand')).toEqual([[1, 2], ...assignments]);
  });

  it('changes nothing with validateOnly', async () => {
    expect(await grow(bed, [{ name: 'small', count: 9 }], { validateOnly: true })).toMatchObject([{ errorCode: 0 }]);
    expect((await bed.zk.getTopicAssignment('small'))!.partitions.size).toBe(2);
  });

  const refusals: readonly (readonly [string, Grown, ErrorCode, string])[] = [
    ['an unknown topic', { name: 'nobody', count: 3 }, 3, "The topic 'nobody' does not exist."],
    [
      'what is no topic',
      { name: 'small/partitions/0/state', count: 3 },
      ErrorCode.INVALID_TOPIC_EXCEPTION,
      "Topic name is invalid: 'small/partitions/0/state' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
    ],
    [
      'fewer partitions',
      { name: 'small', count: 1 },
      ErrorCode.INVALID_PARTITIONS,
      'Topic currently has 2 partitions, which is higher than the requested 1.',
    ],
    [
      'as many partitions',
      { name: 'small', count: 2 },
      ErrorCode.INVALID_PARTITIONS,
      'Topic already has 2 partitions.',
    ],
    [
      'a number of partitions that nobody could write down',
      { name: 'small', count: 2147483647 },
      ErrorCode.INVALID_PARTITIONS,
      'Number of partitions 2147483647 is larger than 100000: the assignment of one topic would not fit into its znode.',
    ],
    [
      'unknown brokers',
      { name: 'small', count: 3, assignments: [[1, 9]] },
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      'Unknown broker(s) in replica assignment: 9.',
    ],
    [
      'another number of assignments',
      { name: 'small', count: 4, assignments: [[1, 2]] },
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      'Increasing the number of partitions by 2 but 1 assignments provided.',
    ],
    [
      'a partition without replicas',
      { name: 'small', count: 3, assignments: [[]] },
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      'Cannot have replication factor of 0 for partition id 2.',
    ],
    [
      'a broker twice',
      { name: 'small', count: 3, assignments: [[1, 1]] },
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      'Duplicate brokers not allowed in replica assignment: 1, 1 for partition id 2.',
    ],
    [
      'another replication factor',
      { name: 'small', count: 4, assignments: [[1], [1, 2, 3]] },
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      'Inconsistent replication factor between partitions, partition 0 has 2 while partitions [2, 3] have replication factors [1, 3], respectively.',
    ],
  ];
  it.each(refusals)('refuses %s', async (_what, wanted, errorCode, errorMessage) => {
    expect(await grow(bed, [wanted])).toEqual([{ name: wanted.name, errorCode, errorMessage }]);
    expect((await bed.zk.getTopicAssignment('small'))!.partitions.size).toBe(2);
  });

  it('refuses a topic that is named twice', async () => {
    const results = await grow(bed, [
      { name: 'small', count: 3 },
      { name: 'nobody', count: 3 },
      { name: 'small', count: 4 },
    ]);
    expect(results).toEqual([
      { name: 'small', errorCode: ErrorCode.INVALID_REQUEST, errorMessage: 'Duplicate topic in request.' },
      { name: 'nobody', errorCode: 3, errorMessage: "The topic 'nobody' does not exist." },
    ]);
  });

  it('refuses a topic whose replicas are on the move', async () => {
    await create(bed, [{ name: 'moving', numPartitions: 1, replicationFactor: 1 }]);
    const assignment = (await bed.zk.getTopicAssignment('moving'))!;
    const [replica] = assignment.partitions.get(0)!.replicas;
    const partitions = new Map([[0, { replicas: [replica, 2], addingReplicas: [2], removingReplicas: [] }]]);
    await bed.zk.setTopicAssignment('moving', { ...assignment, partitions });
    expect(await grow(bed, [{ name: 'moving', count: 2 }])).toEqual([
      {
        name: 'moving',
        errorCode: ErrorCode.REASSIGNMENT_IN_PROGRESS,
        errorMessage: "A partition reassignment is in progress for the topic 'moving'.",
      },
    ]);
  });

  it('never takes partitions away, whatever comes at the same time', async () => {
    await create(bed, [{ name: 'busy', numPartitions: 1, replicationFactor: 1 }]);
    const counts = [7, 3, 9, 5, 8];
    const results = await Promise.all(counts.map((count) => grow(bed, [{ name: 'busy', count }])));
    expect(results.map(([{ errorCode }]) => errorCode)).toEqual([
      0,
      ErrorCode.INVALID_PARTITIONS,
      0,
      ErrorCode.INVALID_PARTITIONS,
      ErrorCode.INVALID_PARTITIONS,
    ]);
    expect((await bed.zk.getTopicAssignment('busy'))!.partitions.size).toBe(9);
  });

  it('times out with a controller that does nothing', async () => {
    await using idle = await AdminBed.start({ controller: 'idle' });
    await create(idle, [{ name: 'late', numPartitions: 1, replicationFactor: 1 }], { timeoutMs: 0 });
    for (const [timeoutMs, count] of [
      [20, 2],
      [0, 3],
    ]) {
      expect(await grow(idle, [{ name: 'late', count }], { timeoutMs })).toMatchObject([
        { errorCode: ErrorCode.REQUEST_TIMED_OUT },
      ]);
      expect((await idle.zk.getTopicAssignment('late'))!.partitions.size).toBe(count);
    }
  });
});

describe('AutoTopicCreation', () => {
  it('begins with the creation, and does not wait for leaders', async () => {
    await using bed = await AdminBed.start({ controller: 'idle', properties: { 'num.partitions': '3' } });
    expect(await bed.autoTopicCreation.create(['used', 'in/valid', 'used'])).toEqual([
      { name: 'used', errorCode: ErrorCode.LEADER_NOT_AVAILABLE },
      { name: 'in/valid', errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION },
    ]);
    expect((await bed.zk.getTopicAssignment('used'))!.partitions.size).toBe(3);
    // Somebody else was faster: it is there all the same.
    expect(await bed.autoTopicCreation.create(['used'])).toEqual([
      { name: 'used', errorCode: ErrorCode.LEADER_NOT_AVAILABLE },
    ]);
  });

  it('does not create a topic twice at the same time', async () => {
    await using bed = await AdminBed.start({ controller: 'idle' });
    const [first, second] = await Promise.all([
      bed.autoTopicCreation.create(['wanted']),
      bed.autoTopicCreation.create(['wanted']),
    ]);
    expect(first).toEqual([{ name: 'wanted', errorCode: ErrorCode.LEADER_NOT_AVAILABLE }]);
    expect(second).toEqual([{ name: 'wanted', errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }]);
  });

  it('says that there are too few brokers, each time', async () => {
    await using bed = await AdminBed.start({ properties: { 'default.replication.factor': '3' } });
    for (let i = 0; i < 2; i++) {
      expect(await bed.autoTopicCreation.create(['wide'])).toEqual([
        { name: 'wide', errorCode: ErrorCode.INVALID_REPLICATION_FACTOR },
      ]);
    }
    expect(await bed.zk.getTopics()).toEqual([]);
  });

  it('gives the topics of coordinators what they need', async () => {
    await using bed = await AdminBed.start({
      properties: {
        'offsets.topic.num.partitions': '5',
        'offsets.topic.replication.factor': '1',
        'offsets.topic.segment.bytes': '1048577',
        'transaction.state.log.num.partitions': '6',
        'transaction.state.log.replication.factor': '1',
        'transaction.state.log.min.isr': '1',
        'transaction.state.log.segment.bytes': '1048578',
      },
    });
    await bed.autoTopicCreation.create(['__consumer_offsets', '__transaction_state']);
    expect((await bed.zk.getTopicAssignment('__consumer_offsets'))!.partitions.size).toBe(5);
    expect(Object.fromEntries(await bed.zk.getEntityConfig('topics', '__consumer_offsets'))).toEqual({
      'cleanup.policy': 'compact',
      'segment.bytes': '1048577',
      'compression.type': 'producer',
    });
    expect((await bed.zk.getTopicAssignment('__transaction_state'))!.partitions.size).toBe(6);
    expect(Object.fromEntries(await bed.zk.getEntityConfig('topics', '__transaction_state'))).toEqual({
      'cleanup.policy': 'compact',
      'compression.type': 'uncompressed',
      'min.insync.replicas': '1',
      'segment.bytes': '1048578',
      'unclean.leader.election.enable': 'false',
    });
  });
});
