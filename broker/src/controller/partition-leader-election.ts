/**
 * Who leads, by what made the election necessary (Kafka's PartitionLeaderElectionAlgorithms). All take the assigned
 * replicas in their order, the preferred one first; `undefined`: nobody can.
 */

/** The leader is gone: the first replica that is alive and in the ISR; with `unclean`, otherwise any that is alive. */
export function electOffline(
  replicas: readonly number[],
  isr: readonly number[],
  isLive: (broker: number) => boolean,
  unclean: boolean,
): { readonly leader: number; readonly unclean: boolean } | undefined {
  const clean = replicas.find((broker) => isLive(broker) && isr.includes(broker));
  if (clean !== undefined) return { leader: clean, unclean: false };
  const any = unclean ? replicas.find(isLive) : undefined;
  return any === undefined ? undefined : { leader: any, unclean: true };
}

/** The preferred replica, when it is alive and in the ISR. */
export function electPreferred(
  replicas: readonly number[],
  isr: readonly number[],
  isLive: (broker: number) => boolean,
): number | undefined {
  const preferred = replicas[0];
  return isLive(preferred) && isr.includes(preferred) ? preferred : undefined;
}
