import type { CliCommand } from '../command';

/** A command's module, loaded when it is called: most commands need few of the others' imports. */
interface CommandEntry {
  /** Its name after `odradek`. */
  readonly name: string;
  /** What Kafka or ZooKeeper call it; also with `.sh`. */
  readonly kafkaNames: readonly string[];
  readonly summary: string;
  load(): Promise<CliCommand>;
}

// `import()` is Node's own here and wants file names as they are after compilation.

/** Every command, in the order of `odradek --help`. */
export const commands: readonly CommandEntry[] = [
  {
    name: 'broker',
    kafkaNames: ['kafka-server-start'],
    summary: 'Run a broker by a server.properties.',
    load: async () => (await import('./broker.js')).broker,
  },
  {
    name: 'zookeeper',
    kafkaNames: ['zookeeper-server-start'],
    summary: 'Run a ZooKeeper server of one node.',
    load: async () => (await import('./zookeeper.js')).zookeeper,
  },
  {
    name: 'dev',
    kafkaNames: [],
    summary: 'Run a throw-away cluster in one process.',
    load: async () => (await import('./dev.js')).dev,
  },
  {
    name: 'container',
    kafkaNames: [],
    summary: 'Run a broker by its KAFKA_… variables; what the image starts.',
    load: async () => (await import('./container.js')).container,
  },
  {
    name: 'health',
    kafkaNames: [],
    summary: 'Ask a broker whether it is alive.',
    load: async () => (await import('./health.js')).health,
  },
  {
    name: 'stop-broker',
    kafkaNames: ['kafka-server-stop'],
    summary: 'Shut down the brokers of this machine.',
    load: async () => (await import('./stop.js')).stopBroker,
  },
  {
    name: 'stop-zookeeper',
    kafkaNames: ['zookeeper-server-stop'],
    summary: 'Shut down the ZooKeeper servers of this machine.',
    load: async () => (await import('./stop.js')).stopZooKeeper,
  },
  {
    name: 'topics',
    kafkaNames: ['kafka-topics'],
    summary: 'Create, list, describe, alter and delete topics.',
    load: async () => (await import('./topics.js')).topics,
  },
  {
    name: 'produce',
    kafkaNames: ['kafka-console-producer'],
    summary: 'Write lines from standard input to a topic.',
    load: async () => (await import('./produce.js')).produce,
  },
  {
    name: 'consume',
    kafkaNames: ['kafka-console-consumer'],
    summary: 'Print the records of topics.',
    load: async () => (await import('./consume.js')).consume,
  },
  {
    name: 'groups',
    kafkaNames: ['kafka-consumer-groups'],
    summary: 'List, describe and delete consumer groups, and move their offsets.',
    load: async () => (await import('./groups.js')).groups,
  },
  {
    name: 'configs',
    kafkaNames: ['kafka-configs'],
    summary: 'Describe and alter the configuration of topics and brokers.',
    load: async () => (await import('./configs.js')).configs,
  },
  {
    name: 'zookeeper-shell',
    kafkaNames: ['zookeeper-shell', 'zkCli'],
    summary: 'Look at znodes and change them.',
    load: async () => (await import('./zookeeper-shell.js')).zookeeperShell,
  },
  {
    name: 'log-dirs',
    kafkaNames: ['kafka-log-dirs'],
    summary: 'Show the log directories of brokers, and the partitions in them.',
    load: async () => (await import('./log-dirs.js')).logDirs,
  },
  {
    name: 'dump-log',
    kafkaNames: ['kafka-dump-log'],
    summary: 'Show and check the files of a log directory.',
    load: async () => (await import('./dump-log.js')).dumpLog,
  },
  {
    name: 'get-offsets',
    kafkaNames: ['kafka-get-offsets'],
    summary: 'Show the offsets that partitions begin and end with.',
    load: async () => (await import('./get-offsets.js')).getOffsets,
  },
  {
    name: 'delete-records',
    kafkaNames: ['kafka-delete-records'],
    summary: 'Delete the records of partitions below an offset.',
    load: async () => (await import('./delete-records.js')).deleteRecords,
  },
  {
    name: 'transactions',
    kafkaNames: ['kafka-transactions'],
    summary: 'List and describe transactions, and end those that hang.',
    load: async () => (await import('./transactions.js')).transactions,
  },
  {
    name: 'api-versions',
    kafkaNames: ['kafka-broker-api-versions'],
    summary: 'Show which requests brokers understand.',
    load: async () => (await import('./api-versions.js')).apiVersions,
  },
  {
    name: 'reconcile',
    kafkaNames: [],
    summary: 'Make the topics of a cluster what a file says.',
    load: async () => (await import('./reconcile.js')).reconcile,
  },
];

/** The command that a program's name stands for: `kafka-topics.sh` is `topics`. */
export function commandOfProgram(program: string): CommandEntry | undefined {
  const name = program.replace(/\.(sh|js|bat|cmd)$/, '');
  return commands.find(({ kafkaNames }) => kafkaNames.includes(name));
}
