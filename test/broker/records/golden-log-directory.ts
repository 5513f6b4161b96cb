import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

const fixtures = join(__dirname, '../../fixtures');

/** The .log files of a log directory that Apache Kafka 3.9 wrote, by path in the archive. */
export function goldenLogs(archive: 'logdir-3.9.tar.gz' | 'logdir-3.9-killed.tar.gz'): Map<string, Buffer> {
  const tar = gunzipSync(readFileSync(join(fixtures, archive)));
  const logs = new Map<string, Buffer>();
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0;) {
    const name = text(tar, at, 100);
    const prefix = text(tar, at + 345, 155);
    const size = parseInt(text(tar, at + 124, 12), 8);
    const path = prefix === '' ? name : `${prefix}/${name}`;
    if (path.endsWith('.log')) logs.set(path, Buffer.from(tar.subarray(at + 512, at + 512 + size)));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return logs;
}

function text(bytes: Buffer, at: number, length: number): string {
  const field = bytes.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.toString('latin1', 0, end < 0 ? length : end).trim();
}

/** The lines about batches and records in the dump that Kafka's own tool made of that directory, by .log file. */
export function goldenDump(): Map<string, string[]> {
  const dump = gunzipSync(readFileSync(join(fixtures, 'logdir-3.9.dump.txt.gz'))).toString('utf8');
  const files = new Map<string, string[]>();
  let lines: string[] = [];
  for (const line of dump.split('\n')) {
    if (line.startsWith('Dumping ')) {
      lines = [];
      if (line.endsWith('.log')) files.set(line.slice('Dumping '.length), lines);
    } else if (/^baseOffset: \d+ lastOffset|^\| offset: \d+ (Create|LogAppend)Time: /.test(line)) {
      lines.push(line);
    }
  }
  return files;
}
