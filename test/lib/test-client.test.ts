import { describe, expect, it } from 'vitest';
import { TestClient } from '../../lib';
import { apache, odradek } from './charts';
import { find, messageOf, synth } from './manifests';

describe('TestClient', () => {
  it('stays up, ends at once when it is told to, and has a place to write', () => {
    const { metadata, spec } = find(
      synth((chart) => new TestClient(chart, 'client', { image: odradek })),
      'Pod',
    );
    expect(metadata).toMatchObject({ name: 'testclient', namespace: 'default' });
    expect(spec.containers[0].command).toEqual(['/bin/bash', '-c', "trap 'exit 0' TERM INT; tail -f /dev/null & wait"]);
    expect(spec.containers[0].env).toEqual([{ name: 'HOME', value: '/tmp' }]);
    expect(spec.containers[0].volumeMounts).toEqual([{ name: 'tmp', mountPath: '/tmp' }]);
    expect(spec.restartPolicy).toBe('Always');
  });

  it('refuses an image without the commands', () => {
    expect(messageOf(() => synth((chart) => new TestClient(chart, 'client', { image: apache })))).toBe(
      'test/client: image: "docker.io/apache/kafka:3.9.1" is refused; accepted: BrokerImage.odradek(), which has the commands on its PATH (Apache\'s has not)',
    );
  });
});
