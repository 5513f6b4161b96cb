import { Apis } from '../../protocol/api-keys';
import { apiHandler, Disconnect } from '../api-handler';

/** Kafka's handleEnvelope without forwarding, which only a migration to KRaft turns on. */
export const envelope = apiHandler(Apis.Envelope, (_broker, _request, _context, respond) => {
  respond(new Disconnect('it sent an Envelope, and requests are not forwarded in ZooKeeper mode'));
});
