import { k8s } from 'cdk8s-plus-27';
import { defaultAccessMode, type StorageVolume } from '../storage';
import { sizeText } from './quantities';

/** A workload's storage as a StatefulSet takes it: claims as templates, directories of the node as volumes. */
export interface RenderedStorage {
  readonly templates: k8s.KubePersistentVolumeClaimProps[];
  readonly volumes: k8s.Volume[];
}

/**
 * @param names the volume's name for each of them
 * @param labels of the claims: only what never changes, as templates can't
 */
export function renderStorage(
  storages: readonly StorageVolume[],
  names: readonly string[],
  labels: Record<string, string>,
): RenderedStorage {
  const templates: k8s.KubePersistentVolumeClaimProps[] = [];
  const volumes: k8s.Volume[] = [];
  storages.forEach(({ claim, sizeLimit }, index) => {
    if (claim === undefined) {
      volumes.push({
        name: names[index],
        emptyDir: sizeLimit ? { sizeLimit: k8s.Quantity.fromString(sizeText(sizeLimit)) } : {},
      });
      return;
    }
    templates.push({
      metadata: { name: names[index], labels },
      spec: {
        accessModes: [claim.accessMode ?? defaultAccessMode],
        storageClassName: claim.storageClass?.name,
        volumeMode: 'Filesystem',
        resources: { requests: { storage: k8s.Quantity.fromString(sizeText(claim.size)) } },
      },
    });
  });
  return { templates, volumes };
}
