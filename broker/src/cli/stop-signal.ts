/**
 * Listens for SIGINT and SIGTERM: the first aborts `stop`, the second ends the process at once, with the code that a
 * shell gives to a process killed by it.
 */
export function stopSignal(say: (message: string) => void): { readonly stop: AbortSignal; release(): void } {
  const controller = new AbortController();
  const handle = (signal: 'SIGINT' | 'SIGTERM'): void => {
    if (controller.signal.aborted) {
      say(`${signal} once more: ending at once.`);
      process.exit(signal === 'SIGINT' ? 130 : 143);
    }
    controller.abort(signal);
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
  return {
    stop: controller.signal,
    release() {
      process.off('SIGINT', handle);
      process.off('SIGTERM', handle);
    },
  };
}
