import { expect, it } from 'vitest';
import { brokerKeyNames } from '../../../broker/src/config';
import { nearestKey } from '../../../broker/src/config/nearest-key';

it.each([
  ['log.retention.hour', 'log.retention.hours'],
  ['log.retnetion.hours', 'log.retention.hours'],
  ['log_retention_hours', 'log.retention.hours'],
  ['Listeners', 'listeners'],
  ['advertised.listener', 'advertised.listeners'],
  ['borker.id', 'broker.id'],
  ['zookeeper.conect', 'zookeeper.connect'],
  ['my.plugin.endpoint', undefined],
  ['x', undefined],
  ['', undefined],
  ['a'.repeat(1_000_000), undefined],
])('%.30s is nearest to %s', (key, nearest) => {
  expect(nearestKey(key, brokerKeyNames)).toBe(nearest);
});
