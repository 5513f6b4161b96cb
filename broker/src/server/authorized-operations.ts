/** What stands for "not asked for" in authorizedOperations of a response. */
export const operationsNotAsked = -2147483648;

/** AclOperation, by its code: the number of its bit in authorizedOperations (KIP-430). */
const AclOperation = {
  READ: 3,
  WRITE: 4,
  CREATE: 5,
  DELETE: 6,
  ALTER: 7,
  DESCRIBE: 8,
  CLUSTER_ACTION: 9,
  DESCRIBE_CONFIGS: 10,
  ALTER_CONFIGS: 11,
  IDEMPOTENT_WRITE: 12,
} as const;

function bits(...operations: readonly (keyof typeof AclOperation)[]): number {
  return operations.reduce((field, operation) => field | (1 << AclOperation[operation]), 0);
}

/** Everything that there is to do with a resource: what everybody may, without an authorizer. */
export const allOperations = {
  topic: bits('READ', 'WRITE', 'CREATE', 'DESCRIBE', 'DELETE', 'ALTER', 'DESCRIBE_CONFIGS', 'ALTER_CONFIGS'),
  group: bits('READ', 'DESCRIBE', 'DELETE'),
  cluster: bits(
    'CREATE',
    'CLUSTER_ACTION',
    'DESCRIBE_CONFIGS',
    'ALTER_CONFIGS',
    'IDEMPOTENT_WRITE',
    'ALTER',
    'DESCRIBE',
  ),
} as const;
