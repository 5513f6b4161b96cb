import { Chart } from 'cdk8s';
import { describe, expect, it } from 'vitest';
import { NfsProvisioner, type NfsProvisionerProps, StorageClassRef } from '../../lib';
import { find, makeChart, type Manifest, manifestsOf, messageOf, ofKind, synth } from './manifests';

const base: NfsProvisionerProps = { namespace: 'data', server: '10.0.0.1', path: '/export', storageClassName: 'nfs' };

function provisioner(props: Partial<NfsProvisionerProps> = {}): Manifest[] {
  return synth((chart) => new NfsProvisioner(chart, 'nfs', { ...base, ...props }));
}

function warningsOf(props: Partial<NfsProvisionerProps>): string[] {
  const chart = makeChart((scope) => new NfsProvisioner(scope, 'nfs', { ...base, ...props }));
  return chart.node.findChild('nfs').node.metadata.map(({ data }) => String(data));
}

describe('NfsProvisioner', () => {
  it('has the roles that this version uses', () => {
    const manifests = provisioner();
    const rules = (kind: string): string[] =>
      (find(manifests, kind).rules as { resources: string[]; verbs: string[] }[]).map(
        ({ resources, verbs }) => `${resources.join()}: ${verbs.join(' ')}`,
      );
    expect(rules('ClusterRole')).toEqual([
      'nodes: get list watch',
      'persistentvolumes: get list watch create delete',
      'persistentvolumeclaims: get list watch update',
      'storageclasses: get list watch',
      'events: create update patch',
    ]);
    expect(rules('Role')).toEqual(['endpoints: get list watch create update patch']);
  });

  it('tells the provisioner server, path and its name', () => {
    const [container] = find(provisioner({ provisionerName: 'example.com/nfs' }), 'Deployment').spec.template.spec
      .containers;
    expect(container.env).toEqual([
      { name: 'PROVISIONER_NAME', value: 'example.com/nfs' },
      { name: 'NFS_SERVER', value: '10.0.0.1' },
      { name: 'NFS_PATH', value: '/export' },
    ]);
    expect(container.image).toBe('registry.k8s.io/sig-storage/nfs-subdir-external-provisioner:v4.0.2');
  });

  it('passes its options on to the class, as strings', () => {
    const storageClass = find(
      provisioner({ archiveOnDelete: false, pathPattern: '${.PVC.name}', mountOptions: ['hard', 'nfsvers=4.1'] }),
      'StorageClass',
    );
    expect(storageClass.parameters).toEqual({ archiveOnDelete: 'false', pathPattern: '${.PVC.name}' });
    expect(storageClass.mountOptions).toEqual(['hard', 'nfsvers=4.1']);
  });

  it('mounts its own root by a volume and a claim where there are mount options', () => {
    const manifests = provisioner({ mountOptions: ['hard'] });
    const volume = find(manifests, 'PersistentVolume', 'data-nfs-client-provisioner-root');
    const claim = find(manifests, 'PersistentVolumeClaim', 'nfs-client-provisioner-root');
    expect(volume.spec).toMatchObject({
      mountOptions: ['hard'],
      persistentVolumeReclaimPolicy: 'Retain',
      nfs: { server: '10.0.0.1', path: '/export' },
      claimRef: { namespace: 'data', name: 'nfs-client-provisioner-root' },
    });
    expect(claim.spec).toMatchObject({ storageClassName: '', volumeName: 'data-nfs-client-provisioner-root' });
    expect(find(manifests, 'Deployment').spec.template.spec.volumes).toEqual([
      { name: 'nfs-root', persistentVolumeClaim: { claimName: 'nfs-client-provisioner-root' } },
    ]);
    expect(ofKind(provisioner(), 'PersistentVolume')).toEqual([]);
  });

  it('keeps a chart’s namespace off what has none', () => {
    const chart = makeChart(() => undefined);
    const spaced = new Chart(chart.node.root as never, 'spaced', { namespace: 'spaced' });
    new NfsProvisioner(spaced, 'nfs', { ...base, namespace: undefined });
    for (const { kind, metadata } of manifestsOf(spaced)) {
      const scoped = !['ClusterRole', 'ClusterRoleBinding', 'StorageClass'].includes(kind);
      expect(metadata.namespace).toBe(scoped ? 'spaced' : undefined);
    }
  });

  it('exposes its class', () => {
    makeChart((chart) => {
      expect(new NfsProvisioner(chart, 'nfs', base).storageClass.name).toBe('nfs');
    });
  });

  it('warns about what loses data or leaves it behind', () => {
    expect(warningsOf({})).toEqual([]);
    expect(warningsOf({ mountOptions: ['nfsvers=4.1', 'hard'] })).toEqual([]);
    expect(warningsOf({ pathPattern: '${.PVC.namespace}/${.PVC.name}' })).toEqual([
      expect.stringMatching(/^pathPattern "\$\{\.PVC\.namespace\}\/\$\{\.PVC\.name\}" has directories in directories/),
    ]);
    expect(warningsOf({ mountOptions: ['soft', 'nolock'] })).toEqual([
      expect.stringMatching(/^mountOptions has soft: /),
      expect.stringMatching(/^mountOptions has nolock: /),
    ]);
  });

  it.each<[string, Partial<NfsProvisionerProps>, string]>([
    [
      'the provisioner that reads selfLink',
      { image: 'quay.io/external_storage/nfs-client-provisioner:v3.1.0' },
      'image: "quay.io/external_storage/nfs-client-provisioner:v3.1.0" is refused; accepted: nfs-subdir-external-provisioner (the old nfs-client-provisioner reads selfLink, which Kubernetes has removed)',
    ],
    [
      'a server with a path',
      { server: 'nfs:/export' },
      'server: "nfs:/export" is refused; accepted: the NFS server\'s host name or address, without a path',
    ],
    ['a relative path', { path: 'export' }, 'path: "export" is refused; accepted: an absolute path on the NFS server'],
    [
      'a provisioner without a domain',
      { provisionerName: 'nfs' },
      'provisionerName: "nfs" is refused; accepted: DOMAIN/NAME, such as fuseim.pri/ifs',
    ],
  ])('refuses %s', (_, props, message) => {
    expect(messageOf(() => provisioner(props))).toBe(`test/nfs: ${message}`);
  });

  it('refuses a second one that would answer the first one’s claims', () => {
    const chart = makeChart((scope) => {
      new NfsProvisioner(scope, 'one', base);
      new NfsProvisioner(scope, 'other', { ...base, name: 'other', storageClassName: 'other' });
    });
    expect(messageOf(() => manifestsOf(chart))).toBe(
      'Validation failed with the following errors:\n' +
        '  [test/one] provisionerName: "fuseim.pri/ifs" is refused; accepted: a name of its own (test/other has it too)\n' +
        '  [test/other] provisionerName: "fuseim.pri/ifs" is refused; accepted: a name of its own (test/one has it too)',
    );
  });
});

describe('StorageClassRef', () => {
  it('is a class by its name', () => {
    expect(StorageClassRef.named('managed-nfs-storage').name).toBe('managed-nfs-storage');
    expect(messageOf(() => StorageClassRef.named('No Class'))).toBe(
      'StorageClassRef.named: "No Class" is refused; accepted: a storage class\'s name (a-z, 0-9, - and .)',
    );
  });
});
