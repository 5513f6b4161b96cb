import { ApiObject } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
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

interface ClaimTemplate {
  readonly metadata: object;
  readonly spec: object;
}

/**
 * A StatefulSet whose claim templates are as the API server gives them back, type and status included: kubectl compares
 * them as a whole, and would say "configured" at every apply. A plain ApiObject takes any JSON patch, unlike the typed
 * class, whose converters drop what they don't know.
 */
export function makeStatefulSet(scope: Construct, id: string, props: k8s.KubeStatefulSetProps): ApiObject {
  const manifest = k8s.KubeStatefulSet.manifest(props) as {
    apiVersion: string;
    kind: string;
    metadata: object;
    spec: { volumeClaimTemplates: ClaimTemplate[] };
  };
  const volumeClaimTemplates = manifest.spec.volumeClaimTemplates.map((template) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    ...template,
    status: { phase: 'Pending' },
  }));
  return new ApiObject(scope, id, {
    ...manifest,
    spec: {
      ...manifest.spec,
      volumeClaimTemplates: volumeClaimTemplates.length > 0 ? volumeClaimTemplates : undefined,
    },
  });
}
