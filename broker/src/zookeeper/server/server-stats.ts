/** Packets and latencies of the server or of a connection, since the start or the last reset (ServerStats). */
export class PacketStats {
  received = 0;
  sent = 0;
  minLatencyMs = 0;
  maxLatencyMs = 0;
  private totalMs = 0;
  private count = 0;

  /** `count` requests that were answered `ms` after their bytes came. */
  answered(count: number, ms: number): void {
    this.minLatencyMs = this.count === 0 ? ms : Math.min(this.minLatencyMs, ms);
    this.maxLatencyMs = Math.max(this.maxLatencyMs, ms);
    this.totalMs += ms * count;
    this.count += count;
  }

  get averageLatencyMs(): number {
    return this.count === 0 ? 0 : this.totalMs / this.count;
  }

  reset(): void {
    this.received = this.sent = this.minLatencyMs = this.maxLatencyMs = this.totalMs = this.count = 0;
  }
}
