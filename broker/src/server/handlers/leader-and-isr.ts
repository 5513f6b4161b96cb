import { Apis } from '../../protocol/api-keys';
import { apiHandler } from '../api-handler';
import { leaderAndIsrAnswer, newestLeaderAndIsr } from '../control-request-forms';

/** Kafka's handleLeaderAndIsrRequest: the controller says who leads and who follows. */
export const leaderAndIsr = apiHandler(
  Apis.LeaderAndIsr,
  async (broker, request, { header }, respond) => {
    const { apiVersion } = header;
    respond(
      leaderAndIsrAnswer(await broker.controlPlane.leaderAndIsr(newestLeaderAndIsr(request, apiVersion)), apiVersion),
    );
  },
  { beforeStart: true },
);
