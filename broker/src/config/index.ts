// The configuration of a broker and its topics. Nothing here imports from outside this directory: the constructs compile
// it into their own package.
export { AlterOperation, applyAlterOps, type AlterConfigOp } from './alter-configs';
export { BrokerConfig, type DynamicScope } from './broker-config';
export { brokerKeys, type BrokerKey } from './broker-keys';
export { brokerKeyDefinition, brokerKeyNames, isBrokerKey, type BrokerValue, type BrokerValues } from './broker-values';
export { ConfigError, hiddenValue, type ConfigProblem, type ConfigWarning } from './config-error';
export {
  ConfigSource,
  describeBrokerConfigs,
  describeBrokerDefaults,
  describeTopicConfigs,
  type ConfigEntry,
  type ConfigSourceCode,
  type ConfigSynonym,
  type DescribeOptions,
} from './describe-configs';
export { dynamicDefinition, updateMode } from './dynamic-update';
export {
  EndPointError,
  formatEndPoint,
  parseEndPoints,
  parseSecurityProtocolMap,
  securityProtocols,
  type EndPoint,
  type SecurityProtocol,
} from './end-point';
export { environmentProperties } from './environment';
export { isSensitive, type KeyDefinition, type KeyTable, type KeyType, type UpdateMode } from './key-definition';
export { isTopicKey, LogConfig, topicKeyNames, type TopicValue } from './log-config';
export { formatValue } from './parse-value';
export { decodeProperties, formatProperties, parseProperties, PropertiesError } from './properties';
export type { Support } from './support';
export { brokerSynonyms, topicSynonyms } from './synonyms';
export { topicKeys, type TopicKey } from './topic-keys';
export { validateTopicConfig } from './validate-topic-config';
