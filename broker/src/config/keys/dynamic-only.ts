import type { KeyTable } from '../key-definition';
import { acts } from '../support';
import { atLeast } from '../validators';

/** Keys of a broker that exist only as dynamic settings (QuotaConfigs.brokerQuotaConfigs). */
export const dynamicOnlyKeys = {
  'leader.replication.throttled.rate': {
    type: 'long',
    default: '9223372036854775807',
    valid: atLeast(0),
    importance: 'medium',
    mode: 'cluster-wide',
    support: acts,
    doc: 'Most bytes a second that this broker sends to followers of throttled replicas.',
  },
  'follower.replication.throttled.rate': {
    type: 'long',
    default: '9223372036854775807',
    valid: atLeast(0),
    importance: 'medium',
    mode: 'cluster-wide',
    support: acts,
    doc: 'Most bytes a second that this broker fetches for throttled replicas.',
  },
  'replica.alter.log.dirs.io.max.bytes.per.second': {
    type: 'long',
    default: '9223372036854775807',
    valid: atLeast(0),
    importance: 'medium',
    mode: 'cluster-wide',
    support: acts,
    doc: 'Most bytes a second that are moved between the log directories of this broker.',
  },
} as const satisfies KeyTable;
