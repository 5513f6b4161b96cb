import { describe, expect, it } from 'vitest';
import { parseZooCfg } from '../../../../broker/src/zookeeper/server/zoo-cfg';

const least = 'dataDir=/data\nclientPort=2181\n';

describe('zoo.cfg', () => {
  it('gives the options', () => {
    const { options, warnings } = parseZooCfg(`
# the usual sample
tickTime=2000
initLimit=10
syncLimit=5
dataDir=/var/lib/zookeeper
dataLogDir=/var/lib/zookeeper-log
clientPort=2181
clientPortAddress=127.0.0.1
maxClientCnxns=0
minSessionTimeout=-1
maxSessionTimeout=60000
autopurge.snapRetainCount=5
autopurge.purgeInterval=2
4lw.commands.whitelist=ruok, srvr ,stat
snapCount=1000
forceSync=no
jute.maxbuffer=4194304
admin.enableServer=false
`);
    expect(options).toEqual({
      tickTime: 2000,
      dataDir: '/var/lib/zookeeper',
      dataLogDir: '/var/lib/zookeeper-log',
      port: 2181,
      host: '127.0.0.1',
      maxClientCnxns: 0,
      maxSessionTimeout: 60_000,
      snapRetainCount: 5,
      purgeIntervalMs: 7_200_000,
      fourLetterWords: ['ruok', 'srvr', 'stat'],
      snapCount: 1000,
      forceSync: false,
      juteMaxBuffer: 4194304,
    });
    expect(warnings).toEqual([]);
  });

  it('listens everywhere and answers srvr alone unless it says otherwise', () => {
    expect(parseZooCfg(least).options).toEqual({ dataDir: '/data', port: 2181, host: '', fourLetterWords: [] });
  });

  it('warns about what it does not know or does not have', () => {
    const { warnings } = parseZooCfg(
      `${least}ticktime=1\nnonsense.key=1\nadmin.enableServer=true\nserver.1=a:2888:3888\n`,
    );
    expect(warnings.map(({ message }) => message)).toEqual([
      'zoo.cfg: ticktime is not known and has no effect (did you mean tickTime?).',
      'zoo.cfg: nonsense.key is not known and has no effect.',
      'zoo.cfg: admin.enableServer has no effect in this server.',
      'zoo.cfg: server.1 has no effect: an ensemble of one is a single server.',
    ]);
  });

  it('names every bad key', () => {
    const parse = () =>
      parseZooCfg('tickTime=0\nclientPort=x\nforceSync=perhaps\nminSessionTimeout=9\nmaxSessionTimeout=8');
    expect(parse).toThrow(/tickTime=0: a whole number from 1 to 2147483647 is accepted/);
    expect(parse).toThrow(/clientPort=x: a whole number/);
    expect(parse).toThrow(/forceSync=perhaps: yes, no, true or false is accepted/);
    expect(parse).toThrow(/dataDir: it must be set/);
    expect(parse).toThrow(/minSessionTimeout=9: it must not be above maxSessionTimeout, 8/);
  });

  it.each([
    'server.1=a:2888:3888\nserver.2=b:2888:3888',
    'peerType=observer',
    'dynamicConfigFile=/x',
    'group.1=1:2',
    'secureClientPort=2182',
    'authProvider.1=org.apache.zookeeper.server.auth.X509AuthenticationProvider',
  ])('refuses what would be needed and is not here: %s', (lines) => {
    expect(() => parseZooCfg(`${least}${lines}\n`)).toThrow(/Apache ZooKeeper/);
  });

  it.each([
    ['authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider', undefined],
    ['sessionRequireClientSASLAuth=true', ['sasl']],
    ['enforce.auth.enabled=true\nenforce.auth.schemes=sasl, digest', ['sasl', 'digest']],
    ['enforce.auth.enabled=false\nenforce.auth.schemes=sasl', undefined],
  ])('reads who has to log in: %s', (lines, schemes) => {
    expect(parseZooCfg(`${least}${lines}\n`).options.enforcedSchemes).toEqual(schemes);
  });

  it('refuses what would look like a login and is none', () => {
    expect(() => parseZooCfg(`${least}requireClientAuthScheme=sasl\n`)).toThrow(/sessionRequireClientSASLAuth=true/);
    expect(() => parseZooCfg(`${least}enforce.auth.enabled=true\nenforce.auth.schemes=x509\n`)).toThrow(
      /enforce.auth.schemes=x509: one or more of sasl, digest, ip is accepted/,
    );
  });
});
