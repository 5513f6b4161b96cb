import { apis, type Api } from '../../../broker/src/protocol/api-keys';
import { decodeMessage, encodeToBuffer } from '../../../broker/src/protocol/codec';
import type { InputOf, MessageOf } from '../../../broker/src/protocol/schema';
import { type ApiHandler, Disconnect } from '../../../broker/src/server/api-handler';
import type { BrokerContext } from '../../../broker/src/server/broker-context';

/** The answer to a request as a client of that version gets it: both ways through the codec. */
export async function callHandler<A extends Api>(
  handler: ApiHandler<A>,
  broker: BrokerContext,
  version: number,
  request: InputOf<A['request']>,
  listenerName = 'PLAINTEXT',
): Promise<MessageOf<A['response']>> {
  const { api } = handler;
  const requestSchema = api.request as A['request'];
  const responseSchema = api.response as A['response'];
  const header = { apiKey: api.key, apiVersion: version, correlationId: 1, clientId: 'test', bodyOffset: 0 };
  const body = decodeMessage(requestSchema, version, encodeToBuffer(requestSchema, version, request));
  const response = await new Promise<InputOf<A['response']>>((resolve, reject) => {
    const handled = handler.handle(
      broker,
      body,
      {
        connectionId: 'test',
        listenerName,
        securityProtocol: 'PLAINTEXT',
        principal: { principalType: 'User', name: 'ANONYMOUS' },
        clientHost: '127.0.0.1',
        header,
      },
      (answer) => {
        if (answer === undefined) reject(new Error('there is no answer'));
        else if (answer instanceof Disconnect) reject(new Error(answer.reason));
        else resolve(answer);
      },
    );
    handled?.catch(reject);
  });
  return decodeMessage(responseSchema, version, encodeToBuffer(responseSchema, version, response));
}

/** Every version that an API has. */
export function versionsOf({ api }: { readonly api: Api }): number[] {
  const { minVersion, maxVersion } = apis.get(api.key)!;
  return Array.from({ length: maxVersion - minVersion + 1 }, (_, i) => minVersion + i);
}
