import { afterEach, describe, expect, it } from 'vitest';
import { nodeIo } from '../../../broker/src/io/node/index';
import { silentLogger, type Logger } from '../../../broker/src/logging/logger';
import { createCheckedEphemeral, EphemeralHeldException } from '../../../broker/src/zookeeper/checked-ephemeral';
import { KafkaZkClient, type KafkaZkClientOptions } from '../../../broker/src/zookeeper/kafka-zk-client';
import { creatorAllAcl, KeeperCode, openAcl } from '../../../broker/src/zookeeper/requests';
import { ControllerMovedException } from '../../../broker/src/zookeeper/zk-operations';
import { BrokerIdsZNode, BrokerIdZNode, type BrokerInfo } from '../../../broker/src/zookeeper/znodes/broker-id';
import { ConfigChangeZNode, ConfigType } from '../../../broker/src/zookeeper/znodes/config-entity';
import { ControllerZNode } from '../../../broker/src/zookeeper/znodes/controller';
import { persistentZkPaths } from '../../../broker/src/zookeeper/znodes/kafka-paths';
import type { PartitionState } from '../../../broker/src/zookeeper/znodes/partition-state';
import { TopicsZNode, TopicZNode, type ReplicaAssignment } from '../../../broker/src/zookeeper/znodes/topic';
import { endSession } from './end-session';

const io = nodeIo();
// A suite may run several times on one server.
let roots = 0;

/** Kafka's operations with a server that works: the same with ours and with Apache's. */
export function kafkaZkClientSuite(connectString: () => string): void {
  const clients: KafkaZkClient[] = [];

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
  });

  async function connected(
    root = `/kafka-${process.pid}-${roots++}`,
    options: Partial<KafkaZkClientOptions> = {},
    logger: Logger = silentLogger,
  ): Promise<{ zk: KafkaZkClient; root: string }> {
    const zk = new KafkaZkClient(io, logger, {
      connectString: `${connectString()}${root}`,
      sessionTimeoutMs: 20_000,
      connectionTimeoutMs: 20_000,
      ...options,
    });
    clients.push(zk);
    await zk.connect();
    return { zk, root };
  }

  async function cluster(count: number): Promise<KafkaZkClient[]> {
    const { zk, root } = await connected();
    await zk.createTopLevelPaths();
    const more = await Promise.all(Array.from({ length: count - 1 }, async () => (await connected(root)).zk));
    return [zk, ...more];
  }

  const broker = (id: number): BrokerInfo => ({
    id,
    endPoints: [{ host: '127.0.0.1', port: 9000 + id, listenerName: 'PLAINTEXT', securityProtocol: 'PLAINTEXT' }],
    rack: 'r',
    features: new Map(),
    jmxPort: -1,
    timestampMs: 1,
  });

  const state = (leader: number, leaderEpoch: number): PartitionState => ({
    leader,
    leaderEpoch,
    isr: [leader],
    leaderRecoveryState: 0,
    controllerEpoch: 1,
  });

  const assignment = (...replicas: number[]) => ({ replicas, addingReplicas: [], removingReplicas: [] });

  describe('a cluster', () => {
    it('finds its paths, made by several brokers at once', async () => {
      const { zk, root } = await connected();
      const { zk: other } = await connected(root);
      await Promise.all([zk.createTopLevelPaths(), other.createTopLevelPaths()]);
      for (const path of persistentZkPaths) expect(await zk.pathExists(path), path).toBe(true);
      expect((await zk.client.getACL('/brokers/ids')).acl).toEqual(openAcl);
    });

    it('has one id, whoever proposes it', async () => {
      const brokers = await cluster(3);
      expect(await brokers[0]!.getClusterId()).toBeUndefined();
      const ids = await Promise.all(brokers.map((zk, i) => zk.createOrGetClusterId(`id-${i}`)));
      expect(new Set(ids).size).toBe(1);
      expect(await brokers[0]!.getClusterId()).toBe(ids[0]);
    });

    it('numbers brokers and producers without giving a number twice', async () => {
      const brokers = await cluster(3);
      const numbers = await Promise.all(
        brokers.flatMap((zk) => [zk.generateBrokerSequenceId(), zk.generateBrokerSequenceId()]),
      );
      expect(numbers.toSorted()).toEqual([1, 2, 3, 4, 5, 6]);
      const blocks = await Promise.all(
        brokers.flatMap((zk, i) => Array.from({ length: 4 }, () => zk.allocateProducerIdBlock(i))),
      );
      const firsts = blocks.map((block) => block.firstProducerId).toSorted((a, b) => a - b);
      expect(firsts).toEqual(Array.from({ length: 12 }, (_, i) => i * 1000));
    });

    it('keeps finalized features', async () => {
      const [zk] = await cluster(1);
      expect(await zk!.getFeatures()).toBeUndefined();
      await zk!.createFeatures({ status: 1, features: new Map() });
      expect(await zk!.updateFeatures({ status: 1, features: new Map([['f', 2]]) })).toBe(1);
      expect(await zk!.getFeatures()).toEqual({ status: 1, features: new Map([['f', 2]]), zkVersion: 1 });
    });

    it('with zookeeper.set.acl is for its own identity', async () => {
      const auth = [{ scheme: 'digest', auth: Buffer.from('kafka:secret') }];
      const { zk, root } = await connected(undefined, { secure: true, auth });
      await zk.createTopLevelPaths();
      const { zk: stranger } = await connected(root);
      const { acl } = await zk.client.getACL('/config/users');
      expect(acl.map(({ perms, id }) => [perms, id.scheme])).toEqual([[creatorAllAcl[0]!.perms, 'digest']]);
      await expect(stranger.createTopicAssignment('t', { topicId: null, partitions: new Map() })).rejects.toMatchObject(
        {
          code: KeeperCode.NOAUTH,
        },
      );
      expect(await stranger.getTopics()).toEqual([]);
      await expect(stranger.getEntitiesWithConfig(ConfigType.users)).rejects.toMatchObject({ code: KeeperCode.NOAUTH });
    });
  });

  describe('brokers', () => {
    it('are registered with the zxid of their node as epoch', async () => {
      const [one, two] = await cluster(2);
      let changes = 0;
      one!.handlers.registerChildren({ path: BrokerIdsZNode.path, handleChildChange: () => changes++ });
      expect(await one!.getBrokers()).toEqual([]);
      const epoch = await two!.registerBroker(broker(2));
      const stat = await one!.client.exists(BrokerIdZNode.path(2));
      expect(stat).toMatchObject({ czxid: epoch, version: 1, ephemeralOwner: two!.client.sessionId });
      await one!.registerBroker(broker(10));
      expect(await one!.getBrokerIds()).toEqual([2, 10]);
      expect(await one!.getBrokers()).toMatchObject([{ ...broker(2), brokerEpoch: epoch }, broker(10)]);
      expect(await one!.getBroker(3)).toBeUndefined();
      expect(changes).toBeGreaterThan(0);
      await two!.updateBroker({ ...broker(2), rack: null });
      expect((await one!.getBroker(2))?.rack).toBeNull();
      expect(await two!.registerBroker(broker(2))).toBe(epoch);
    });

    it('wait for their registration of before to go', async () => {
      const lines: string[] = [];
      const logger: Logger = { ...silentLogger, warn: (line) => void lines.push(line) };
      const { zk: old, root } = await connected();
      await old.createTopLevelPaths();
      await old.registerBroker(broker(1));
      const { zk: again } = await connected(root, {}, logger);
      const registering = again.registerBroker(broker(1));
      while (lines.length === 0) await again.client.exists('/');
      expect(lines[0]).toContain('The znode /brokers/ids/1 of broker 1 is held by another ZooKeeper session');
      await old.close();
      await registering;
      expect((await again.client.exists(BrokerIdZNode.path(1)))?.ephemeralOwner).toBe(again.client.sessionId);
    });

    it('give up when another one has their id, and say what to do', async () => {
      const { zk: other, root } = await connected();
      await other.createTopLevelPaths();
      await other.registerBroker(broker(1));
      const { zk } = await connected(root, { sessionTimeoutMs: 200 });
      const error = await zk.registerBroker(broker(1)).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(error).toBeInstanceOf(EphemeralHeldException);
      expect(String(error)).toContain('another broker with broker.id=1 is running; stop it, or give this one another');
    });

    it('register anew after their session has expired', async () => {
      const [zk] = await cluster(1);
      const first = await zk!.registerBroker(broker(1));
      const steps: string[] = [];
      const registered = new Promise<bigint>((resolve, reject) =>
        zk!.handlers.registerState({
          name: 'test',
          beforeInitializingSession: () => steps.push('before'),
          afterInitializingSession: () => {
            steps.push('after');
            zk!.registerBroker(broker(1)).then(resolve, reject);
          },
        }),
      );
      await endSession(io, connectString(), zk!.client);
      expect(await registered).toBeGreaterThan(first);
      expect(steps).toEqual(['before', 'after']);
    });

    it('take over a node that their own expired session has left behind (KAFKA-7165)', async () => {
      const [old, zk] = await cluster(2);
      await old!.registerBroker(broker(1));
      const stat = await createCheckedEphemeral(io, silentLogger, zk!.client, {
        path: BrokerIdZNode.path(1),
        data: Buffer.from('new'),
        acl: openAcl,
        previousSessionId: old!.client.sessionId,
        waitMs: 0,
        what: 'broker 1',
        advice: '',
      });
      expect(stat.ephemeralOwner).toBe(zk!.client.sessionId);
    });
  });

  describe('the controller', () => {
    it('is one at a time, and each raises the epoch', async () => {
      const brokers = await cluster(3);
      const outcomes = await Promise.allSettled(
        brokers.map((zk, i) => zk.registerControllerAndIncrementControllerEpoch(i)),
      );
      const won = outcomes.findIndex(({ status }) => status === 'fulfilled');
      expect(outcomes[won]).toMatchObject({ value: { epoch: 1, zkVersion: 1 } });
      for (const [i, outcome] of outcomes.entries()) {
        if (i === won) continue;
        expect(outcome.status).toBe('rejected');
        expect((outcome as PromiseRejectedResult).reason).toBeInstanceOf(ControllerMovedException);
      }
      expect(await brokers[0]!.getController()).toEqual({ brokerId: won, kraftControllerEpoch: -1, zkVersion: 0 });
      const loser = brokers[(won + 1) % 3]!;
      let deletions = 0;
      loser.handlers.registerNode({ path: ControllerZNode.path, handleDeletion: () => deletions++ });
      await loser.getController();
      await brokers[won]!.close();
      while (deletions === 0) await loser.client.exists('/');
      expect(await loser.registerControllerAndIncrementControllerEpoch(9)).toEqual({ epoch: 2, zkVersion: 2 });
      expect(await loser.getControllerEpoch()).toEqual({ epoch: 2, zkVersion: 2 });
    });

    it('that is not one any more writes nothing', async () => {
      const [one, two] = await cluster(2);
      const first = await one!.registerControllerAndIncrementControllerEpoch(1);
      await one!.createTopicAssignment('t', { topicId: null, partitions: new Map([[0, assignment(1)]]) });
      const created = await one!.createPartitionStates(
        [{ partition: { topic: 't', partition: 0 }, state: state(1, 0) }],
        first.zkVersion,
      );
      expect(created).toEqual([{ partition: { topic: 't', partition: 0 }, partitionEpoch: 0 }]);
      await one!.deleteController(first.zkVersion);
      const second = await two!.registerControllerAndIncrementControllerEpoch(2);
      const stale = first.zkVersion;
      const moved = (operation: Promise<unknown>) => expect(operation).rejects.toBeInstanceOf(ControllerMovedException);
      const update = { topic: 't', partition: 0, state: state(9, 9), partitionEpoch: 0 };
      await moved(one!.setPartitionStates([update], stale));
      await moved(one!.createPartitionStates([{ partition: { topic: 't', partition: 1 }, state: state(1, 0) }], stale));
      await moved(one!.setTopicAssignment('t', { topicId: null, partitions: new Map() }, stale));
      await moved(one!.deleteTopic('t', stale));
      await moved(one!.deleteController(stale));
      await moved(one!.deleteTopicDeletions(['t'], stale));
      expect(await two!.getPartitionState({ topic: 't', partition: 0 })).toMatchObject({
        leader: 1,
        partitionEpoch: 0,
      });
      expect((await two!.getTopicAssignment('t'))?.partitions.size).toBe(1);
      expect(await two!.setPartitionStates([update], second.zkVersion)).toEqual([
        { partition: { topic: 't', partition: 0 }, partitionEpoch: 1 },
      ]);
    });
  });

  describe('topics', () => {
    it('are created, changed and deleted', async () => {
      const [zk] = await cluster(1);
      const { zkVersion } = await zk!.registerControllerAndIncrementControllerEpoch(1);
      const changes: string[] = [];
      zk!.handlers.registerChildren({ path: TopicsZNode.path, handleChildChange: () => changes.push('topics') });
      zk!.handlers.registerNode({ path: TopicZNode.path('t'), handleDataChange: () => changes.push('t') });
      expect(await zk!.getTopics()).toEqual([]);
      const topicId = 'y6VK6fLHSRq3-dor6cyWvg';
      const partitions = new Map([[0, assignment(1, 2)], [1, assignment(2, 1)]]); // prettier-ignore
      await zk!.createTopicAssignment('t', { topicId, partitions });
      await expect(zk!.createTopicAssignment('t', { topicId, partitions })).rejects.toMatchObject({
        code: KeeperCode.NODEEXISTS,
      });
      expect(await zk!.getTopicAssignment('t')).toEqual({ topicId, partitions });
      expect(await zk!.getTopicAssignments(['t', 'none'])).toEqual(new Map([['t', { topicId, partitions }]]));
      const reassigned = { replicas: [1, 3], addingReplicas: [3], removingReplicas: [1] };
      const more = new Map<number, ReplicaAssignment>(partitions).set(2, reassigned);
      await zk!.setTopicAssignment('t', { topicId, partitions: more }, zkVersion);
      expect((await zk!.getTopicAssignment('t'))?.partitions).toEqual(more);
      expect(changes).toEqual(['topics', 't']);

      await zk!.createDeleteTopicPath('t');
      expect(await zk!.isTopicMarkedForDeletion('t')).toBe(true);
      expect(await zk!.getTopicDeletions()).toEqual(['t']);
      await zk!.createPartitionStates(
        [0, 1, 2].map((partition) => ({ partition: { topic: 't', partition }, state: state(1, 0) })),
        zkVersion,
      );
      await zk!.deleteTopic('t', zkVersion);
      await zk!.deleteTopicConfigs(['t'], zkVersion);
      await zk!.deleteTopicDeletions(['t'], zkVersion);
      expect(await zk!.getTopics()).toEqual([]);
      expect(await zk!.getTopicDeletions()).toEqual([]);
    });

    it('have states that are written at their version, many at once', async () => {
      const [zk] = await cluster(1);
      const { zkVersion } = await zk!.registerControllerAndIncrementControllerEpoch(1);
      await zk!.createTopicAssignment('t', { topicId: null, partitions: new Map() });
      const partitions = Array.from({ length: 100 }, (_, partition) => ({ topic: 't', partition }));
      const states = partitions.map((partition) => ({ partition, state: state(1, 0) }));
      const created = await zk!.createPartitionStates(states, zkVersion);
      expect(created.every((outcome) => 'partitionEpoch' in outcome)).toBe(true);
      expect(await zk!.createPartitionStates(states.slice(0, 1), zkVersion)).toMatchObject([
        { error: { code: KeeperCode.NODEEXISTS } },
      ]);
      const updates = partitions.map((partition, i) => ({
        ...partition,
        state: state(2, 1),
        partitionEpoch: i === 50 ? 7 : 0,
      }));
      const updated = await zk!.setPartitionStates(
        [...updates, { topic: 'none', partition: 0, state: state(1, 1), partitionEpoch: 0 }],
        zkVersion,
      );
      expect(updated[0]).toEqual({ partition: partitions[0], partitionEpoch: 1 });
      expect(updated[50]).toEqual({ partition: partitions[50], retry: true });
      expect(updated[100]).toMatchObject({ error: { code: KeeperCode.NONODE } });
      const read = await zk!.getPartitionStates([...partitions, { topic: 't', partition: 500 }]);
      expect(read[0]).toMatchObject({ ...state(2, 1), partitionEpoch: 1 });
      expect(read[50]).toMatchObject({ ...state(1, 0), partitionEpoch: 0 });
      expect(read[0]!.writtenZxid).toBeGreaterThan(read[50]!.writtenZxid!);
      expect(read[100]).toBeUndefined();
    });
  });

  describe('configuration', () => {
    it('is written under a controller, and told of', async () => {
      const [zk] = await cluster(1);
      const config = new Map([['retention.ms', '1000']]);
      expect(await zk!.getEntityConfig(ConfigType.topics, 't')).toEqual(new Map());
      await expect(zk!.setEntityConfig(ConfigType.topics, 't', config)).rejects.toBeInstanceOf(
        ControllerMovedException,
      );
      await zk!.setEntityConfig(ConfigType.topics, 't', config, { requireController: false });
      const { zkVersion } = await zk!.registerControllerAndIncrementControllerEpoch(1);
      await zk!.setEntityConfig(ConfigType.users, 'a/clients/b', config);
      await zk!.setEntityConfig(ConfigType.topics, 't', new Map());
      expect(await zk!.getEntityConfig(ConfigType.topics, 't')).toEqual(new Map());
      expect(await zk!.getEntityConfig(ConfigType.users, 'a/clients/b')).toEqual(config);
      expect(await zk!.getEntityConfig(ConfigType.users, 'a')).toEqual(new Map());
      expect(await zk!.getEntitiesWithConfig(ConfigType.topics)).toEqual(['t']);
      await zk!.deleteTopicConfigs(['t'], zkVersion);
      expect(await zk!.getEntitiesWithConfig(ConfigType.topics)).toEqual([]);

      const told = new Promise<void>((resolve) =>
        zk!.handlers.registerChildren({ path: ConfigChangeZNode.parent, handleChildChange: resolve }),
      );
      expect(await zk!.getConfigChangeNotifications()).toEqual([]);
      for (const name of ['t', 'u']) {
        await zk!.createConfigChangeNotification({ type: ConfigType.topics, sanitizedName: name });
      }
      await told;
      const names = await zk!.getConfigChangeNotifications();
      expect(names).toEqual(['config_change_0000000000', 'config_change_0000000001']);
      expect(await zk!.getConfigChange(names[1]!)).toMatchObject({ type: 'topics', sanitizedName: 'u' });
      await zk!.deleteConfigChange(names[0]!);
      expect(await zk!.getConfigChange(names[0]!)).toBeUndefined();
    });
  });

  it('notifications and the requests of old tools are read and cleared', async () => {
    const [zk] = await cluster(1);
    const { zkVersion } = await zk!.registerControllerAndIncrementControllerEpoch(1);
    const partitions = [{ topic: 't', partition: 1 }];
    await zk!.propagateIsrChanges(partitions);
    const isr = await zk!.getIsrChangeNotifications();
    expect(isr).toEqual(['isr_change_0000000000']);
    expect(await zk!.getPartitionsOfIsrChanges([...isr, 'isr_change_0000000009'])).toEqual(partitions);
    await zk!.deleteIsrChangeNotifications(isr, zkVersion);
    expect(await zk!.getIsrChangeNotifications()).toEqual([]);
    await zk!.propagateLogDirEvent(4);
    const logDirs = await zk!.getLogDirEventNotifications();
    expect(await zk!.getBrokerIdsOfLogDirEvents(logDirs)).toEqual([4]);
    await zk!.deleteLogDirEventNotifications(logDirs, zkVersion);
    expect(await zk!.getLogDirEventNotifications()).toEqual([]);
    const reassignments = [{ topic: 't', partition: 0, replicas: [1, 2] }];
    await zk!.setOrCreatePartitionReassignments(reassignments, zkVersion);
    await zk!.setOrCreatePartitionReassignments(reassignments, zkVersion);
    expect(await zk!.getPartitionReassignments()).toEqual(reassignments);
    await zk!.deletePartitionReassignments(zkVersion);
    expect(await zk!.getPartitionReassignments()).toEqual([]);
    expect(await zk!.getPreferredReplicaElection()).toEqual([]);
    await zk!.deletePreferredReplicaElection(zkVersion);
  });
}
