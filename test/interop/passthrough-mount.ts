import { execFileSync } from 'node:child_process';
import { mkdirSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { until } from './cluster-zookeeper';
import { Running } from './harness';

const fuse = 0x65735546;

/** A directory on a FUSE file system of our own (passthrough-fs.c), which can be made to hang and to refuse changes. */
export class PassthroughMount implements AsyncDisposable {
  readonly #daemon: Running;

  private constructor(
    /** Where the files really are: they can be looked at while the mount hangs. */
    readonly source: string,
    readonly path: string,
    daemon: Running,
  ) {
    this.#daemon = daemon;
  }

  /** Compiles it, and mounts `directory/NAME` on `directory/NAME.source`. */
  static async mount(directory: string, name: string): Promise<PassthroughMount> {
    const program = path.join(directory, 'passthrough-fs');
    const flags = execFileSync('pkg-config', ['--cflags', '--libs', 'fuse3'], { encoding: 'utf8' }).trim().split(/\s+/);
    const source = path.join(__dirname, 'passthrough-fs.c');
    execFileSync('gcc', ['-O1', '-Wall', '-D_FILE_OFFSET_BITS=64', '-o', program, source, ...flags]);
    const mountpoint = path.join(directory, name);
    mkdirSync(mountpoint);
    mkdirSync(`${mountpoint}.source`);
    const daemon = new Running(program, [`${mountpoint}.source`, mountpoint, '-f', '-o', 'max_threads=16']);
    const mount = new PassthroughMount(`${mountpoint}.source`, mountpoint, daemon);
    try {
      await until('the FUSE file system', () => statfsSync(mountpoint).type === fuse);
    } catch (error) {
      await mount[Symbol.asyncDispose]();
      throw new Error(`${String(error)}\n${daemon.log}`);
    }
    return mount;
  }

  /** From now on no call to a file in it returns. */
  hang(): void {
    process.kill(this.#daemon.pid, 'SIGSTOP');
  }

  answer(): void {
    process.kill(this.#daemon.pid, 'SIGCONT');
  }

  /** From now on every change is refused with EROFS. */
  becomeReadOnly(): void {
    process.kill(this.#daemon.pid, 'SIGUSR1');
  }

  becomeWritable(): void {
    process.kill(this.#daemon.pid, 'SIGUSR2');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      execFileSync('fusermount3', ['-u', '-z', '-q', this.path]);
    } finally {
      await this.#daemon.stop('SIGKILL');
    }
  }
}
