/**
 * What happens to a topic's data when its KafkaTopic goes out of the app.
 *
 * @example
 * const deletionPolicy = DeletionPolicy.RETAIN;
 */
export class DeletionPolicy {
  /** The topic stays; nothing is deleted that might be missed. */
  static readonly RETAIN = new DeletionPolicy('retain');
  /** The reconciler deletes it, if it was the reconciler that made it. */
  static readonly DELETE = new DeletionPolicy('delete');

  private constructor(
    /** Its word in topics.json. */
    readonly word: string,
  ) {}
}
