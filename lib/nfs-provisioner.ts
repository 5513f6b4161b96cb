import { k8s, type ContainerResources, Cpu } from 'cdk8s-plus-27';
import { Chart, Size } from 'cdk8s';
import { Construct } from 'constructs';
import { objectLabels, selectorLabels } from './private/labels';
import { namespaceOf, requireDnsLabel, requirePinnedImage } from './private/names';
import { containerSecurityContext } from './private/pods';
import { completeResources, renderResources } from './private/quantities';
import { reject } from './private/reject';
import { clusterScoped, refuseDuplicates } from './private/tree';
import { warn } from './private/warnings';
import { StorageClassRef } from './storage-class-ref';

export interface NfsProvisionerProps {
  /** The NFS server's address, as the nodes reach it. */
  readonly server: string;
  /** The exported directory; each claim gets a directory of its own in it. */
  readonly path: string;
  /** The name of the storage class that is made. */
  readonly storageClassName: string;
  /**
   * @default - the chart's namespace
   */
  readonly namespace?: string;
  /**
   * The Deployment's and ServiceAccount's name, from which the names of the roles come: NAME-runner, run-NAME,
   * leader-locking-NAME.
   *
   * @default 'nfs-client-provisioner'
   */
  readonly name?: string;
  /**
   * What the storage class calls its provisioner. It can't change once claims exist.
   *
   * @default 'fuseim.pri/ifs'
   */
  readonly provisionerName?: string;
  /**
   * Options with which the volumes are mounted, such as `nfsvers=4.1`. An inline NFS volume has none, so the
   * provisioner's own root is then mounted by a PersistentVolume and a claim.
   *
   * @default - what the nodes' mount.nfs does by itself
   */
  readonly mountOptions?: string[];
  /**
   * What becomes of a directory when its volume is deleted: renamed to archived-…, or removed. The class retains
   * volumes, so that this is about volumes whose policy somebody changed to Delete.
   *
   * @default true
   */
  readonly archiveOnDelete?: boolean;
  /**
   * The directory's name from the claim: `${.PVC.namespace}-${.PVC.name}`, for instance.
   *
   * @default - NAMESPACE-CLAIM-VOLUME
   */
  readonly pathPattern?: string;
  /**
   * @default 'registry.k8s.io/sig-storage/nfs-subdir-external-provisioner:v4.0.2'
   */
  readonly image?: string;
  /**
   * @default - requests 50m and 64Mi, limits 200m and 128Mi
   */
  readonly resources?: ContainerResources;
}

const rootMount = '/persistentvolumes';

/**
 * Provisions volumes as directories of one NFS export (nfs-subdir-external-provisioner), and the storage class for it.
 *
 * The class says allowVolumeExpansion, so that a claim may be enlarged, but nothing stands behind a size on NFS: it is
 * not enforced, and the provisioner never acts on an expansion. The container runs as root, as its image does, with
 * the capabilities dropped that it does not use; with its NFS volume it needs the Pod Security level `baseline`.
 *
 * @example
 * const nfs = new NfsProvisioner(chart, 'nfs', {
 *   namespace: 'bigdata',
 *   server: '192.168.0.113',
 *   path: '/opt/nfsdata',
 *   storageClassName: 'bigdata-nfs-storage',
 * });
 */
export class NfsProvisioner extends Construct {
  /** What a claim on this provisioner names. */
  readonly storageClass: StorageClassRef;
  readonly name: string;
  readonly namespace: string;
  readonly provisionerName: string;

  constructor(scope: Construct, id: string, props: NfsProvisionerProps) {
    super(scope, id);
    const name = props.name ?? 'nfs-client-provisioner';
    const namespace = namespaceOf(this, props.namespace);
    const image = props.image ?? 'registry.k8s.io/sig-storage/nfs-subdir-external-provisioner:v4.0.2';
    this.name = name;
    this.namespace = namespace;
    this.provisionerName = props.provisionerName ?? 'fuseim.pri/ifs';
    this.check(props, image);
    this.storageClass = StorageClassRef.named(props.storageClassName);

    const workload = { name: 'nfs-subdir-external-provisioner', instance: name, component: 'provisioner' };
    const labels = objectLabels(workload);
    const account = [{ kind: 'ServiceAccount', name, namespace }];

    new k8s.KubeServiceAccount(this, 'service-account', {
      metadata: { name, namespace, labels },
      automountServiceAccountToken: false,
    });
    clusterScoped(
      new k8s.KubeClusterRole(this, 'cluster-role', {
        metadata: { name: `${name}-runner`, labels },
        rules: [
          { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] },
          { apiGroups: [''], resources: ['persistentvolumes'], verbs: ['get', 'list', 'watch', 'create', 'delete'] },
          { apiGroups: [''], resources: ['persistentvolumeclaims'], verbs: ['get', 'list', 'watch', 'update'] },
          { apiGroups: ['storage.k8s.io'], resources: ['storageclasses'], verbs: ['get', 'list', 'watch'] },
          { apiGroups: [''], resources: ['events'], verbs: ['create', 'update', 'patch'] },
        ],
      }),
    );
    clusterScoped(
      new k8s.KubeClusterRoleBinding(this, 'cluster-role-binding', {
        metadata: { name: `run-${name}`, labels },
        subjects: account,
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: `${name}-runner` },
      }),
    );
    new k8s.KubeRole(this, 'role', {
      metadata: { name: `leader-locking-${name}`, namespace, labels },
      // This version's leader lock is an annotation on Endpoints; the provisioner has no Lease.
      rules: [
        {
          apiGroups: [''],
          resources: ['endpoints'],
          verbs: ['get', 'list', 'watch', 'create', 'update', 'patch'],
        },
      ],
    });
    new k8s.KubeRoleBinding(this, 'role-binding', {
      metadata: { name: `leader-locking-${name}`, namespace, labels },
      subjects: account,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: `leader-locking-${name}` },
    });

    const selector = selectorLabels(workload);
    new k8s.KubeDeployment(this, 'deployment', {
      metadata: { name, namespace, labels },
      spec: {
        replicas: 1,
        strategy: { type: 'Recreate' },
        selector: { matchLabels: selector },
        template: {
          metadata: { labels },
          spec: {
            serviceAccountName: name,
            automountServiceAccountToken: true,
            enableServiceLinks: false,
            securityContext: { runAsUser: 0, runAsGroup: 0, seccompProfile: { type: 'RuntimeDefault' } },
            terminationGracePeriodSeconds: 30,
            containers: [
              {
                name: 'provisioner',
                image,
                imagePullPolicy: 'IfNotPresent',
                env: [
                  { name: 'PROVISIONER_NAME', value: this.provisionerName },
                  { name: 'NFS_SERVER', value: props.server },
                  { name: 'NFS_PATH', value: props.path },
                ],
                resources: renderResources(
                  completeResources(this, props.resources, {
                    cpuRequest: Cpu.millis(50),
                    cpuLimit: Cpu.millis(200),
                    memoryRequest: Size.mebibytes(64),
                    memoryLimit: Size.mebibytes(128),
                  }),
                ),
                securityContext: {
                  ...containerSecurityContext(),
                  // It makes, opens up, renames and removes directories that belong to the pods' users.
                  capabilities: { drop: ['ALL'], add: ['DAC_OVERRIDE', 'FOWNER'] },
                },
                volumeMounts: [{ name: 'nfs-root', mountPath: rootMount }],
              },
            ],
            volumes: [this.rootVolume(props, labels)],
          },
        },
      },
    });

    clusterScoped(
      new k8s.KubeStorageClass(this, 'storage-class', {
        metadata: { name: props.storageClassName, labels },
        provisioner: this.provisionerName,
        reclaimPolicy: 'Retain',
        volumeBindingMode: 'Immediate',
        allowVolumeExpansion: true,
        mountOptions: props.mountOptions,
        parameters: {
          archiveOnDelete: String(props.archiveOnDelete ?? true),
          ...(props.pathPattern === undefined ? {} : { pathPattern: props.pathPattern }),
        },
      }),
    );
    refuseDuplicates(this, { namespace, matchLabels: selector });
    this.refuseSharedProvisionerName();
  }

  private rootVolume(props: NfsProvisionerProps, labels: Record<string, string>): k8s.Volume {
    const nfs = { server: props.server, path: props.path };
    if (!props.mountOptions?.length) return { name: 'nfs-root', nfs };
    const claim = `${this.name}-root`;
    const volume = `${this.namespace}-${claim}`;
    // The size means nothing on NFS; volume and claim only have to agree on one.
    const storage = k8s.Quantity.fromString('10Mi');
    clusterScoped(
      new k8s.KubePersistentVolume(this, 'root-volume', {
        metadata: { name: volume, labels },
        spec: {
          capacity: { storage },
          accessModes: ['ReadWriteMany'],
          persistentVolumeReclaimPolicy: 'Retain',
          volumeMode: 'Filesystem',
          mountOptions: props.mountOptions,
          claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: this.namespace, name: claim },
          nfs,
        },
      }),
    );
    new k8s.KubePersistentVolumeClaim(this, 'root-claim', {
      metadata: { name: claim, namespace: this.namespace, labels },
      spec: {
        accessModes: ['ReadWriteMany'],
        storageClassName: '',
        volumeName: volume,
        volumeMode: 'Filesystem',
        resources: { requests: { storage } },
      },
    });
    return { name: 'nfs-root', persistentVolumeClaim: { claimName: claim } };
  }

  private check(props: NfsProvisionerProps, image: string): void {
    requireDnsLabel(this, 'name', this.name);
    requirePinnedImage(this, 'image', image);
    if (/nfs-client-provisioner/.test(image)) {
      reject(
        this,
        'image',
        image,
        'nfs-subdir-external-provisioner (the old nfs-client-provisioner reads selfLink, which Kubernetes has removed)',
      );
    }
    if (!/^[^\s/:]+$|^[0-9a-f:]+$/i.test(props.server)) {
      reject(this, 'server', props.server, "the NFS server's host name or address, without a path");
    }
    if (!/^\/\S*$/.test(props.path)) reject(this, 'path', props.path, 'an absolute path on the NFS server');
    if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(this.provisionerName)) {
      reject(this, 'provisionerName', this.provisionerName, 'DOMAIN/NAME, such as fuseim.pri/ifs');
    }
    if (props.pathPattern?.includes('/')) {
      warn(
        this,
        `pathPattern ${JSON.stringify(props.pathPattern)} has directories in directories: the provisioner archives or removes only the innermost, under a name that may be taken, and leaves the others behind`,
      );
    }
    const soft = props.mountOptions?.find((option) => /^soft(err)?$/.test(option));
    if (soft !== undefined) {
      warn(
        this,
        `mountOptions has ${soft}: a slow server becomes an I/O error, and the log directory goes offline; hard waits`,
      );
    }
    const unlocked = props.mountOptions?.find((option) => /^(nolock|local_lock=.*)$/.test(option));
    if (unlocked !== undefined) {
      warn(this, `mountOptions has ${unlocked}: a log directory's lock then holds on one node only`);
    }
  }

  /** Two provisioners of one name answer each other's claims, on whichever server comes first. */
  private refuseSharedProvisionerName(): void {
    this.node.addValidation({
      validate: () => {
        const others = Chart.of(this)
          .node.findAll()
          .filter((child): child is NfsProvisioner => child instanceof NfsProvisioner && child !== this)
          .filter((child) => child.provisionerName === this.provisionerName && Chart.of(child) === Chart.of(this));
        return others.map(
          (other) =>
            `provisionerName: ${JSON.stringify(this.provisionerName)} is refused; accepted: a name of its own (${other.node.path} has it too)`,
        );
      },
    });
  }
}
