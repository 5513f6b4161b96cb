import type { KeyTable } from '../key-definition';
import { accepted, acts, notes } from '../support';
import { atLeast } from '../validators';

/** Keys of quotas. */
export const quotasKeys = {
  'quota.window.num': {
    type: 'int',
    default: '11',
    valid: atLeast(1),
    importance: 'low',
    support: accepted(notes.quotas),
    doc: 'How many samples client quotas keep.',
  },
  'quota.window.size.seconds': {
    type: 'int',
    default: '1',
    valid: atLeast(1),
    importance: 'low',
    support: accepted(notes.quotas),
    doc: 'Length of a sample of client quotas.',
  },
  'replication.quota.window.num': {
    type: 'int',
    default: '11',
    valid: atLeast(1),
    importance: 'low',
    support: acts,
    doc: 'How many samples replication quotas keep.',
  },
  'replication.quota.window.size.seconds': {
    type: 'int',
    default: '1',
    valid: atLeast(1),
    importance: 'low',
    support: acts,
    doc: 'Length of a sample of replication quotas.',
  },
  'alter.log.dirs.replication.quota.window.num': {
    type: 'int',
    default: '11',
    valid: atLeast(1),
    importance: 'low',
    support: acts,
    doc: 'How many samples the quota for moves between log directories keeps.',
  },
  'alter.log.dirs.replication.quota.window.size.seconds': {
    type: 'int',
    default: '1',
    valid: atLeast(1),
    importance: 'low',
    support: acts,
    doc: 'Length of a sample of the quota for moves between log directories.',
  },
  'controller.quota.window.num': {
    type: 'int',
    default: '11',
    valid: atLeast(1),
    importance: 'low',
    support: accepted(notes.quotas),
    doc: 'How many samples quotas on changes of topics keep.',
  },
  'controller.quota.window.size.seconds': {
    type: 'int',
    default: '1',
    valid: atLeast(1),
    importance: 'low',
    support: accepted(notes.quotas),
    doc: 'Length of a sample of quotas on changes of topics.',
  },
  'client.quota.callback.class': {
    type: 'class',
    default: null,
    importance: 'low',
    support: accepted(notes.quotas),
    doc: 'Class that decides which quota a client falls under.',
  },
} as const satisfies KeyTable;
