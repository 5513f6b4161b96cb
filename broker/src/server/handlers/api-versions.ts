import { ApiKey, apis, Apis } from '../../protocol/api-keys';
import { ErrorCode } from '../../protocol/errors';
import { apiHandler } from '../api-handler';

/** Client names and versions that Kafka takes (ApiVersionsRequest.isValid). */
const softwareName = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;

/**
 * Kafka's handleApiVersionsRequest: exactly what this broker handles. A version that the broker lacks is answered in
 * version 0, with the versions that it has (KIP-511).
 */
export const apiVersions = apiHandler(
  Apis.ApiVersions,
  (broker, request, context, respond) => {
    const { apiVersion } = context.header;
    const { maxVersion } = apis.get(ApiKey.ApiVersions)!;
    if (apiVersion < 0 || apiVersion > maxVersion) {
      respond({
        errorCode: ErrorCode.UNSUPPORTED_VERSION,
        apiKeys: [{ apiKey: ApiKey.ApiVersions, minVersion: 0, maxVersion }],
      });
      return;
    }
    if (
      apiVersion >= 3 &&
      !(softwareName.test(request.clientSoftwareName) && softwareName.test(request.clientSoftwareVersion))
    ) {
      respond({ errorCode: ErrorCode.INVALID_REQUEST, apiKeys: [] });
      return;
    }
    respond({ errorCode: ErrorCode.NONE, apiKeys: [...broker.supportedApis] });
  },
  { beforeStart: true },
);
