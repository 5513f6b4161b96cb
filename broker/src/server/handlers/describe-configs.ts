import { Apis } from '../../protocol/api-keys';
import { ConfigSource } from '../../config/describe-configs';
import { apiHandler } from '../api-handler';

/** Kafka's handleDescribeConfigsRequest. */
export const describeConfigs = apiHandler(Apis.DescribeConfigs, async (broker, request, context, respond) => {
  const { resources, includeSynonyms, includeDocumentation } = request;
  const results = await broker.admin.describeConfigs(resources, { includeSynonyms, includeDocumentation });
  const isVersion0 = context.header.apiVersion === 0;
  respond({
    throttleTimeMs: 0,
    results: results.map(({ errorCode, errorMessage, resourceType, resourceName, configs }) => ({
      errorCode,
      errorMessage,
      resourceType,
      resourceName,
      configs: configs.map((entry) => ({
        name: entry.name,
        value: entry.value,
        readOnly: entry.readOnly,
        ...(isVersion0 ? { isDefault: entry.source === ConfigSource.DEFAULT_CONFIG } : {}),
        configSource: entry.source,
        isSensitive: entry.isSensitive,
        synonyms: entry.synonyms,
        configType: entry.configType,
        documentation: entry.documentation,
      })),
    })),
  });
});
