import { k8s } from 'cdk8s-plus-27';

/** User and group of both broker images, of ZooKeeper's image, and so of everything they write. */
export const uid = 1000;

/**
 * What every pod that needs no more gets. The ids are numbers: an image whose USER is a name (Apache's) fails
 * runAsNonRoot. fsGroup is for block devices, whose root directory belongs to root; nothing relies on it (the in-tree
 * NFS volume does not apply it).
 */
export function podSecurityContext(): k8s.PodSecurityContext {
  return {
    runAsNonRoot: true,
    runAsUser: uid,
    runAsGroup: uid,
    fsGroup: uid,
    fsGroupChangePolicy: 'OnRootMismatch',
    seccompProfile: { type: 'RuntimeDefault' },
  };
}

export function containerSecurityContext(): k8s.SecurityContext {
  return {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  };
}

/** Nodes first, then zones. Preferred, unless each pod must have a node of its own. */
export function spread(selector: Record<string, string>, distinctNodes: boolean): k8s.TopologySpreadConstraint[] {
  return [
    {
      topologyKey: 'kubernetes.io/hostname',
      maxSkew: 1,
      whenUnsatisfiable: distinctNodes ? 'DoNotSchedule' : 'ScheduleAnyway',
      labelSelector: { matchLabels: selector },
    },
    {
      topologyKey: 'topology.kubernetes.io/zone',
      maxSkew: 1,
      whenUnsatisfiable: 'ScheduleAnyway',
      labelSelector: { matchLabels: selector },
    },
  ];
}

export function fieldEnv(name: string, fieldPath: string): k8s.EnvVar {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}

/** A writable directory on an otherwise read-only root; bounded, as it counts against the node's disk. */
export function scratchVolume(name: string, sizeLimit: string): k8s.Volume {
  return { name, emptyDir: { sizeLimit: k8s.Quantity.fromString(sizeLimit) } };
}
