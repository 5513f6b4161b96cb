import { expect, it } from 'vitest';
import { outputOf, runCommand, startCommand } from './run-command';

it('odradek dev --brokers 3 runs three brokers until it is stopped', async () => {
  const dev = startCommand('odradek', ['dev', '--brokers', '3', '--port', '0', '--override', 'num.partitions=2']);
  try {
    await expect.poll(() => dev.stdout.text, { timeout: 20_000 }).toMatch(/zookeeper\.connect=.*\n/);
    const [, addresses = ''] = /^bootstrap\.servers=(.*)$/m.exec(dev.stdout.text) ?? [];
    const brokers = addresses.split(',');
    expect(new Set(brokers).size).toBe(3);
    await outputOf('odradek', ['topics', '--bootstrap-server', brokers[1], '--create', '--topic', 'things']);
    const describe = () => outputOf('odradek', ['topics', '--bootstrap-server', brokers[2], '--describe']);
    await expect.poll(describe, { timeout: 20_000 }).toMatch(/Topic: things.*PartitionCount: 2.*ReplicationFactor: 3/);
  } finally {
    dev.stop();
  }
  const { code, stderr } = await dev.ended;
  expect(stderr).toBe('');
  expect(code).toBe(0);
});

it('odradek dev refuses a number of brokers that is none', async () => {
  expect(await runCommand('odradek', ['dev', '--brokers', '0'])).toMatchObject({
    code: 1,
    stderr: 'brokers: 0; accepted is a whole number from 1 to 100\n',
  });
});
