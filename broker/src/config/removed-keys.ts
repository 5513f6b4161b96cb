// Keys of older Kafka that 3.9 no longer knows, and ignores.

const listenersInstead = 'listeners=PLAINTEXT://HOST:PORT';
const advertisedInstead = 'advertised.listeners=PLAINTEXT://HOST:PORT';
const topicInstead = 'the topic key of each topic';
const quotaInstead = 'quotas set by kafka-configs';

/** What replaced each of them; null where nothing did. */
const replacements: Readonly<Record<string, string | null>> = {
  port: listenersInstead,
  'host.name': listenersInstead,
  hostname: listenersInstead,
  'advertised.host.name': advertisedInstead,
  'advertised.port': advertisedInstead,
  'replica.lag.max.messages': 'replica.lag.time.max.ms',
  'zookeeper.sync.time.ms': null,
  'quota.producer.default': quotaInstead,
  'quota.consumer.default': quotaInstead,
  'log.cleanup.interval.mins': 'log.retention.check.interval.ms',
  'log.delete.delay.ms': 'log.segment.delete.delay.ms',
  'log.segment.bytes.per.topic': topicInstead,
  'log.roll.hours.per.topic': topicInstead,
  'log.retention.hours.per.topic': topicInstead,
  'log.retention.bytes.per.topic': topicInstead,
  'log.flush.interval.ms.per.topic': topicInstead,
  'controller.message.queue.size': null,
  'kafka.csv.metrics.reporter.enabled': null,
  'kafka.csv.metrics.dir': null,
  'log.file.size': 'log.segment.bytes',
  'log.flush.interval': 'log.flush.interval.messages',
  'log.default.flush.interval.ms': 'log.flush.interval.ms',
  'log.default.flush.scheduler.interval.ms': 'log.flush.scheduler.interval.ms',
  'log.retention.size': 'log.retention.bytes',
  'max.socket.request.bytes': 'socket.request.max.bytes',
  'max.message.size': 'message.max.bytes',
  'socket.send.buffer': 'socket.send.buffer.bytes',
  'socket.receive.buffer': 'socket.receive.buffer.bytes',
  'num.threads': 'num.io.threads',
  'topic.partition.count.map': topicInstead,
  'enable.zookeeper': null,
  brokerid: 'broker.id',
  'zk.connect': 'zookeeper.connect',
  'zk.sessiontimeout.ms': 'zookeeper.session.timeout.ms',
  'zk.connectiontimeout.ms': 'zookeeper.connection.timeout.ms',
  'zk.synctime.ms': null,
};

/** The sentence about a key that Kafka once had, or undefined for any other key. */
export function removedKeyMessage(key: string): string | undefined {
  if (!Object.hasOwn(replacements, key)) return undefined;
  const replacement = replacements[key];
  const what = `${key} is a key of older Kafka and has no effect`;
  return typeof replacement === 'string' ? `${what}: use ${replacement}.` : `${what}: nothing replaces it, remove it.`;
}
