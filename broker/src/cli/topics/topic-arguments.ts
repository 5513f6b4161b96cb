import { CommandError } from '../cli-error';

/** `1:2,2:3`: the replicas of each partition. */
export function parseReplicaAssignment(text: string): number[][] {
  const partitions = text.split(',').map((partition) =>
    partition.split(':').map((id) => {
      if (!/^\s*\d+\s*$/.test(id)) {
        throw new CommandError(`--replica-assignment ${text}: '${id}' is no broker id; 1:2,2:3 is accepted`);
      }
      return Number(id);
    }),
  );
  partitions.forEach((replicas, partition) => {
    const duplicates = replicas.filter((id, at) => replicas.indexOf(id) !== at);
    if (duplicates.length > 0) {
      throw new CommandError(`Partition replica lists may not contain duplicate entries: ${duplicates.join(',')}`);
    }
    if (replicas.length !== partitions[0]!.length) {
      throw new CommandError(`Partition ${partition} has different replication factor: [${replicas.join(', ')}]`);
    }
  });
  return partitions;
}

/** The values of `--config name=value`. */
export function parseTopicConfigs(configs: readonly string[]): Map<string, string> {
  const parsed = new Map<string, string>();
  for (const config of configs) {
    const [, name, value] = /^\s*([^=]*?)\s*=\s*(.*?)\s*$/s.exec(config) ?? [];
    if (!name || !value) {
      throw new CommandError(`--config ${config}: all configs to be added must be in the format "key=val".`);
    }
    parsed.set(name, value);
  }
  return parsed;
}
