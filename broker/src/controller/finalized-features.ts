import { ErrorCode } from '../protocol/errors';
import type { UpdateFeaturesRequest, UpdateFeaturesResponse } from '../protocol/messages/update-features';
import type { InputOf } from '../protocol/schema';
import { isKeeperException } from '../zookeeper/keeper-exception';
import { KeeperCode } from '../zookeeper/requests';
import { FeatureZNodeStatus } from '../zookeeper/znodes/feature';
import type { ControllerTerm } from './controller-term';
import { validateFeatureUpdate } from './feature-updates';
import type { ApiError } from './reassignment-manager';

/** /feature, which the controller alone writes (KIP-584). */
export class FinalizedFeatures {
  constructor(private readonly term: ControllerTerm) {}

  async update(
    { featureUpdates, validateOnly }: UpdateFeaturesRequest,
    version: number,
  ): Promise<InputOf<typeof UpdateFeaturesResponse>> {
    if (!this.#isFeatureVersioningSupported) {
      const errorMessage = 'Feature versioning system is disabled.';
      return { throttleTimeMs: 0, errorCode: ErrorCode.INVALID_REQUEST, errorMessage, results: [] };
    }
    const found = await this.term.zk.getFeatures();
    const existing = found?.features ?? new Map<string, number>();
    const target = new Map(existing);
    const errors = new Map<string, ApiError>();
    for (const update of featureUpdates) {
      const result = validateFeatureUpdate(update, version, existing.get(update.feature));
      if ('error' in result) {
        errors.set(update.feature, result.error);
      } else {
        target.delete(update.feature);
        errors.set(update.feature, { code: ErrorCode.NONE, message: null });
      }
    }
    if (target.size !== existing.size && !validateOnly) {
      const status = FeatureZNodeStatus.enabled;
      await this.term.zk.updateFeatures(
        { status, features: target, version: this.#featureVersion },
        this.term.context.epochZkVersion,
      );
    }
    const results = [...errors].map(([feature, { code, message }]) => ({
      feature,
      errorCode: code,
      errorMessage: message,
    }));
    return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, errorMessage: null, results };
  }

  /** It is there, and enabled where the inter-broker version has it. */
  async setUp(): Promise<void> {
    const { enabled, disabled } = FeatureZNodeStatus;
    const isSupported = this.#isFeatureVersioningSupported;
    const found = await this.term.zk.getFeatures();
    const status = isSupported ? enabled : disabled;
    const keeps = isSupported && found?.status === enabled;
    const wanted = {
      status,
      features: keeps ? found.features : new Map<string, number>(),
      version: this.#featureVersion,
    };
    if (found === undefined) {
      await this.term.zk.createFeatures(wanted, this.term.context.epochZkVersion).catch((error: unknown) => {
        // This very write, whose reply was lost.
        if (!isKeeperException(error, KeeperCode.NODEEXISTS)) throw error;
      });
      this.term.logger.info('/feature is created: no features are finalized.');
    } else if (found.status !== status || found.features.size !== wanted.features.size) {
      await this.term.zk.updateFeatures(wanted, this.term.context.epochZkVersion);
      this.term.logger.info(`/feature is ${isSupported ? 'enabled' : 'disabled'} now.`);
    }
  }

  /** finalizedFeaturesSupported: inter.broker.protocol.version 2.7 and newer. */
  get #isFeatureVersioningSupported(): boolean {
    return this.term.isAtLeast('2.7-IV0');
  }

  get #featureVersion(): number {
    return this.term.isAtLeast('3.3-IV0') ? 2 : 1;
  }
}
