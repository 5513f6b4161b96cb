import { describe, expect, it } from 'vitest';
import {
  EndPointError,
  formatEndPoint,
  parseCsvMap,
  parseEndPoints,
  parseSecurityProtocolMap,
} from '../../../broker/src/config/end-point';

const protocols = parseSecurityProtocolMap('PLAINTEXT:PLAINTEXT,internal:ssl,EXTERNAL:SASL_SSL');

describe('parseEndPoints', () => {
  it('reads names, hosts, ports and protocols', () => {
    expect(
      parseEndPoints(' plaintext://:9092 , INTERNAL://[::1]:9093,EXTERNAL://broker-1.example:0', protocols),
    ).toEqual([
      { listenerName: 'PLAINTEXT', host: null, port: 9092, securityProtocol: 'PLAINTEXT' },
      { listenerName: 'INTERNAL', host: '::1', port: 9093, securityProtocol: 'SSL' },
      { listenerName: 'EXTERNAL', host: 'broker-1.example', port: 0, securityProtocol: 'SASL_SSL' },
    ]);
  });

  it.each([
    ['9092', /9092 is no NAME:\/\/HOST:PORT/],
    ['PLAINTEXT://host', /PLAINTEXT:\/\/host is no/],
    ['PLAINTEXT://:65536', /the port of PLAINTEXT:\/\/:65536 is not from 0 to 65535/],
    ['PLAINTEXT://:-1', /the port of/],
    ['OTHER://:1', /listener\.security\.protocol\.map has no security protocol for the listener OTHER/],
    ['PLAINTEXT://:1,plaintext://:2', /PLAINTEXT is there twice/],
    ['PLAINTEXT://:1,INTERNAL://:1', /port 1 is there twice/],
    ['://:1', /a listener name is empty/],
  ])('refuses %s', (text, message) => {
    expect(() => parseEndPoints(text, protocols)).toThrow(EndPointError);
    expect(() => parseEndPoints(text, protocols)).toThrow(message);
  });

  it('lets one IPv4 and one IPv6 address share a port, and advertised ones any', () => {
    expect(parseEndPoints('PLAINTEXT://127.0.0.1:1,INTERNAL://[::1]:1', protocols)).toHaveLength(2);
    expect(parseEndPoints('PLAINTEXT://a:1,INTERNAL://a:1', protocols, { sharedPorts: true })).toHaveLength(2);
  });
});

it('formatEndPoint puts brackets around IPv6', () => {
  for (const text of ['INTERNAL://[fe80::1%eth0]:1', 'PLAINTEXT://:9092', 'PLAINTEXT://h:1']) {
    expect(parseEndPoints(text, protocols).map(formatEndPoint)).toEqual([text]);
  }
});

it('parseCsvMap splits at the last colon', () => {
  expect([...parseCsvMap('::1:5, host : 6,,')]).toEqual([
    ['::1', '5'],
    ['host', '6'],
  ]);
  expect(() => parseCsvMap('a')).toThrow(/a is no NAME:VALUE/);
});
