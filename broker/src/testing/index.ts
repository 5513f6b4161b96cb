/**
 * A whole cluster in the process of a test: brokers with their log directories in a temporary directory, and a
 * ZooKeeper in memory.
 *
 * @example
 * await using cluster = await startCluster();
 * const kafka = new Kafka({ brokers: [cluster.bootstrapServers] });
 */
export { startCluster, type TestCluster, type TestClusterOptions } from './cluster';
