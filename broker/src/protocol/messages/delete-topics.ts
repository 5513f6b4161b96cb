/**
 * An admin client asks the controller to delete topics, by name or, from version 6, by id.
 */
import { array, int16, int32, message, string, struct, uuid } from '../schema';
import type { MessageOf } from '../schema';

export const DeleteTopicsRequest = message(
  'DeleteTopicsRequest',
  { versions: '0-6', flexible: '4+' },
  {
    topics: array(
      struct({
        name: string({ nullable: true, default: null }),
        topicId: uuid(),
      }),
      { versions: '6+' },
    ),
    topicNames: array(string(), { versions: '0-5', ignorable: true }),
    timeoutMs: int32(),
  },
);
export type DeleteTopicsRequest = MessageOf<typeof DeleteTopicsRequest>;

export const DeleteTopicsResponse = message(
  'DeleteTopicsResponse',
  { versions: '0-6', flexible: '4+' },
  {
    throttleTimeMs: int32({ versions: '1+', ignorable: true }),
    responses: array(
      struct({
        name: string({ nullable: '6+' }),
        topicId: uuid({ versions: '6+', ignorable: true }),
        errorCode: int16(),
        errorMessage: string({ versions: '5+', nullable: true, default: null, ignorable: true }),
      }),
    ),
  },
);
export type DeleteTopicsResponse = MessageOf<typeof DeleteTopicsResponse>;
