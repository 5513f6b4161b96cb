import http from 'node:http';
import { CommandError } from '../cli-error';
import { defineCommand } from '../command';
import { text } from '../options';
import { hostAndPort } from '../serve/host-and-port';

/** How long an answer may take, milliseconds. */
const patienceMs = 4000;

/** For HEALTHCHECK of an image and probes that run a command. */
export const health = defineCommand({
  summary: 'Ask a broker whether it is alive; the exit code is the answer.',
  options: {
    http: text('host:port', "The broker's --http.", { fallback: '127.0.0.1:9404' }),
    path: text('path', '/live or /ready.', { fallback: '/live' }),
  },
  examples: ['%', '% --path /ready'],
  async run({ options }, { stdout }) {
    const { host, port } = hostAndPort('--http', options.http);
    const { status, body } = await get(host, port, options.path);
    stdout.write(body);
    return status === 200 ? 0 : 1;
  },
});

function get(host: string, port: number, path: string): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const refuse = (error: Error): void => reject(new CommandError(`http://${host}:${port}${path}: ${error.message}`));
    const request = http.get({ host, port, path, timeout: patienceMs }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (piece: string) => (body += piece));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body })).on('error', refuse);
    });
    request.on('error', refuse).on('timeout', () => request.destroy(new Error(`no answer within ${patienceMs} ms`)));
  });
}
