import { describe, expect, it } from 'vitest';
import { DigestMd5Client, DigestMd5Server } from '../../../broker/src/zookeeper/digest-md5';

const users = new Map([
  ['kafka', 'se"cr\\et'],
  ['zoë', 'pässwörd'],
  ['東', '京,密=碼"'],
]);

function login(username: string, password: string): DigestMd5Server {
  const server = new DigestMd5Server((user) => users.get(user), 'nonce+/=');
  const client = new DigestMd5Client({ username, password }, 'cnonce');
  const response = client.evaluate(server.evaluate(Buffer.alloc(0)));
  expect(client.isComplete).toBe(false);
  expect(client.evaluate(server.evaluate(response!))).toBeUndefined();
  expect(client.isComplete).toBe(true);
  return server;
}

describe('DIGEST-MD5', () => {
  it.each([...users])('logs %s in, and each side proves the password', (username, password) => {
    expect(login(username, password).username).toBe(username);
  });

  it.each([
    ['kafka', 'secret'],
    ['kafka', ''],
    ['nobody', ''],
  ])('refuses %s with the password "%s"', (username, password) => {
    expect(() => login(username, password)).toThrow(/is not known here, or the password is another/);
  });

  it("computes what RFC 2831's example has", () => {
    // Section 4 has another realm and URI than ZooKeeper: a server hashes those that the client names.
    const server = new DigestMd5Server(() => 'secret', 'OA6MG9tEQGm2hh');
    server.evaluate(Buffer.alloc(0));
    const answer = server.evaluate(
      Buffer.from(
        'charset=utf-8,username="chris",realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",nc=00000001,' +
          'cnonce="OA6MHXh6VqTrRk",digest-uri="imap/elwood.innosoft.com",' +
          'response=d388dad90d4bbd760a152321f2143af7,qop=auth',
      ),
    );
    expect(answer.toString()).toBe('rspauth=ea40f60335c427b5527b84dbabcdfffd');
  });

  it('does not trust a server that does not know the password', () => {
    const client = new DigestMd5Client({ username: 'kafka', password: 'x' }, 'cnonce');
    client.evaluate(Buffer.from('nonce="n",algorithm=md5-sess,charset=utf-8'));
    expect(() => client.evaluate(Buffer.from(`rspauth=${'0'.repeat(32)}`))).toThrow(/does not know the password/);
    expect(client.isComplete).toBe(false);
  });

  it.each([
    ['', /no nonce/],
    ['nonce="n"', /another algorithm/],
    ['nonce="n",algorithm=md5', /another algorithm/],
    ['nonce="n",algorithm=md5-sess,qop="auth-conf"', /only auth is known/],
    ['nonce="n', /not a list of name=value/],
    ['!', /not a list of name=value/],
    ['a'.repeat(5000), /at most 4096/],
  ])('refuses the challenge %j', (challenge, message) => {
    const client = new DigestMd5Client({ username: 'kafka', password: 'x' }, 'cnonce');
    expect(() => client.evaluate(Buffer.from(challenge))).toThrow(message);
  });

  it.each([
    ['', /no username/],
    ['username="kafka",response=x', /no nonce/],
    ['username="kafka",response=x,nonce="other",nc=00000001', /another challenge/],
    ['username="kafka",response=x,nonce="n",nc=00000002', /another challenge/],
    ['username="kafka",response=x,nonce="n",nc=00000001,qop=auth-int', /only qop auth/],
    ['username="kafka",response=x,nonce="n",nc=00000001', /no cnonce/],
  ])('refuses the answer %j', (answer, message) => {
    const server = new DigestMd5Server(() => 'x', 'n');
    server.evaluate(Buffer.alloc(0));
    expect(() => server.evaluate(Buffer.from(answer))).toThrow(message);
    expect(server.username).toBeUndefined();
  });
});
