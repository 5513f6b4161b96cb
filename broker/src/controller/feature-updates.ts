import { ErrorCode } from '../protocol/errors';
import type { UpdateFeaturesRequest } from '../protocol/messages/update-features';
import type { ApiError } from './reassignment-manager';

type FeatureUpdate = UpdateFeaturesRequest['featureUpdates'][number];

/** FeatureUpdate.UpgradeType. */
const UpgradeType = { upgrade: 1, safeDowngrade: 2, unsafeDowngrade: 3 } as const;

/** The feature is not finalized any more, or cannot be updated. */
export type FeatureUpdateResult = { readonly deleted: true } | { readonly error: ApiError };

/**
 * Whether an update of a finalized feature is possible (KafkaController.validateFeatureUpdate). Brokers of a cluster
 * with ZooKeeper have no features of their own, so that nothing can be finalized; what an earlier version has finalized
 * can be taken back.
 */
export function validateFeatureUpdate(
  update: FeatureUpdate,
  version: number,
  existing: number | undefined,
): FeatureUpdateResult {
  const { feature, maxVersionLevel: level } = update;
  const upgradeType =
    version === 0 ? (update.allowDowngrade ? UpgradeType.safeDowngrade : UpgradeType.upgrade) : update.upgradeType;
  const downgrades = upgradeType !== UpgradeType.upgrade;
  if (feature === '') return refused('Feature name can not be empty.');
  if (!(Object.values(UpgradeType) as readonly number[]).includes(upgradeType)) {
    return refused('Received unknown upgrade type.');
  }
  if (level < 1 && downgrades) {
    return existing === undefined ? refused('Can not delete non-existing finalized feature.') : { deleted: true };
  }
  if (level < 1) {
    return refused(
      `Can not provide versionLevel: ${level} less than 1 without setting the SAFE downgradeType in the request.`,
    );
  }
  if (existing !== undefined) {
    if (level === existing) {
      const what = upgradeType === UpgradeType.safeDowngrade ? 'downgrade' : 'upgrade';
      return refused(`Can not ${what} a finalized feature from existing versionLevel:${existing} to the same value.`);
    }
    if (level < existing && upgradeType !== UpgradeType.safeDowngrade) {
      return refused(
        `Can not downgrade finalized feature from existing versionLevel:${existing} to provided versionLevel:${level} without setting the downgradeType to SAFE in the request.`,
      );
    }
    if (downgrades && level > existing) {
      return refused(
        `When the downgradeType is set to SAFE in the request, the provided versionLevel:${level} can not be greater than existing versionLevel:${existing}.`,
      );
    }
  }
  return refused('Could not apply finalized feature update because the provided feature is not supported.');
}

function refused(message: string): FeatureUpdateResult {
  return { error: { code: ErrorCode.INVALID_REQUEST, message } };
}
