export const groupMetadataTopic = '__consumer_offsets';
export const transactionStateTopic = '__transaction_state';

/** Topics that only coordinators write to. */
export function isInternalTopic(topic: string): boolean {
  return topic === groupMetadataTopic || topic === transactionStateTopic;
}
