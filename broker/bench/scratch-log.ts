import { mkdtempSync, rmSync, openSync, writeSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import { nodeIo } from '../src/io/node';
import { silentLogger } from '../src/logging/logger';
import { defaultLogConfig } from '../src/log/log-config';
import { LogManager } from '../src/log/log-manager';
import { buildBatch } from '../src/records/build-batch';
import { crc32c } from '../src/records/crc32c';
import { setBaseOffset } from '../src/records/batch-header';

const dir = mkdtempSync(process.argv[2] ?? '/tmp/lb-');
async function main() {
  const m = await LogManager.open(nodeIo(), silentLogger, { logDirs: [dir], defaultConfig: defaultLogConfig });
  await m.load();
  for (const [records, valueBytes, total] of [[10000, 93, 2e9], [100, 93, 1e9], [10, 93, 2e8]] as const) {
    const t0 = Date.now();
    const proto = buildBatch({ records: Array.from({ length: records }, () => ({ value: Buffer.alloc(valueBytes, 120), timestamp: t0 })) });
    const n = Math.floor(total / proto.length);
    for (let round = 0; round < 2; round++) {
      for (const pid of [-1, 5]) {
      const log = await m.getOrCreate({ topic: 't', partition: 0 });
      const batch = buildBatch({ records: Array.from({ length: records }, () => ({ value: Buffer.alloc(valueBytes, 120), timestamp: t0 })), producerId: pid, producerEpoch: pid < 0 ? -1 : 0, baseSequence: pid < 0 ? -1 : 0 });
      let seq = 0;
      const start = performance.now(); const cpu0 = process.cpuUsage();
      let done = 0; let fail: unknown;
      for (let i = 0; i < n; i++) {
        setBaseOffset(batch, 0, 0);
        if (pid >= 0) { batch.writeInt32BE(seq, 53); seq += records; batch.writeUInt32BE(crc32c(batch, 21), 17); }
        log.append(batch, { origin: 'client', leaderEpoch: 0 }, (e) => { done++; if (e) fail ??= e; });
        if (done <= i) await new Promise<void>((r) => { const w = () => done > i ? r() : setImmediate(w); w(); });
      }
      const s = (performance.now() - start) / 1000; const cpu = process.cpuUsage(cpu0);
      console.log(`batch ${batch.length} B pid ${pid}: log.append ${(n * batch.length / s / 1e6).toFixed(0)} MB/s ${(s / n * 1e6).toFixed(2)} us/batch cpu ${((cpu.user + cpu.system) / n).toFixed(2)} us`, fail ?? '');
      await m.delete({ topic: 't', partition: 0 });
      }
      const fd = openSync(join(dir, 'bare'), 'w');
      const start = performance.now();
      let pos = 0; let sum = 0;
      for (let i = 0; i < n; i++) { sum ^= crc32c(proto, 21); pos += writeSync(fd, proto, 0, proto.length, pos); }
      const s = (performance.now() - start) / 1000;
      console.log(`batch ${proto.length} B: bare crc+writeSync ${(n * proto.length / s / 1e6).toFixed(0)} MB/s ${(s / n * 1e6).toFixed(2)} us/batch`, sum === 1 ? '' : '');
      closeSync(fd); rmSync(join(dir, 'bare'));
    }
  }
  await m.shutdown();
  rmSync(dir, { recursive: true });
}
void main();
