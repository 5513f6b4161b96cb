import { execFileSync } from 'node:child_process';
import { homedir } from 'node:os';
import path from 'node:path';
import { peers } from './harness';

/** A program of test/interop/java that is compiled, to be run more than once on Apache Kafka's clients. */
export class JavaProgram {
  readonly #arguments: readonly string[];

  /** @param directory for the classes */
  constructor(
    name: string,
    directory: string,
    readonly version: '3.9' | '4.1' = '3.9',
  ) {
    const jars = path.join(process.env.PEERS_LIB ?? path.join(homedir(), '.cache', 'odradek-peers'), version, '*');
    const source = path.join(__dirname, 'java', `${name}.java`);
    const classes = path.join(directory, `${name}-${version}`);
    execFileSync('javac', ['-cp', jars, '-d', classes, source], { stdio: ['ignore', 'ignore', 'inherit'] });
    this.#arguments = [
      ...['-Xmx192M', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'],
      `-Dlog4j.configuration=file:${path.join(peers, 'conf/log4j-tools.properties')}`,
      ...['-cp', `${classes}:${jars}`, name],
    ];
  }

  /** What `java` is given to run it. */
  arguments(...args: readonly string[]): string[] {
    return [...this.#arguments, ...args];
  }
}
