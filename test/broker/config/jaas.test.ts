import { describe, expect, it } from 'vitest';
import { parseJaas } from '../../../broker/src/config/jaas';

function sections(content: string, properties?: ReadonlyMap<string, string>) {
  return Object.fromEntries(
    [...parseJaas(content, properties)].map(([name, entries]) => [
      name,
      entries.map(({ loginModule, options }) => ({ [loginModule]: Object.fromEntries(options) })),
    ]),
  );
}

describe('a JAAS configuration', () => {
  it('has sections of login modules with options', () => {
    const content = `
      // one comment
      Client { /* another,
        of two lines */
        a.b.Digest REQUIRED
          username="ka\\"f\\\\ka" password='x=1;}' debug=true;
        c.Other optional;
      };
      # and another
      "Kafka Server" {};
    `;
    expect(sections(content)).toEqual({
      Client: [{ 'a.b.Digest': { username: 'ka"f\\ka', password: 'x=1;}', debug: 'true' } }, { 'c.Other': {} }],
      'Kafka Server': [],
    });
    expect(sections('')).toEqual({});
  });

  it('reads the escapes of Java and the system properties', () => {
    const content = 'A { m required a="\\101\\t\\n" b="${user.name}@${x}"; };';
    const properties = new Map([
      ['user.name', 'me'],
      ['x', 'there'],
    ]);
    expect(sections(content, properties)).toEqual({ A: [{ m: { a: 'A\t\n', b: 'me@there' } }] });
    expect(() => parseJaas(content)).toThrow('line 1: the system property user.name in the option b is not set');
  });

  it.each([
    ['Client', 'line 1: the file ends where { after the section Client is expected'],
    [
      'Client {\n m needed; };',
      "line 2: 'needed' stands where one of required, requisite, sufficient, optional is expected",
    ],
    ['Client {\n m required\n a; };', "line 3: ';' stands where = after the option a is expected"],
    ['Client {\n m required a= ; };', "line 2: ';' stands where the value of the option a is expected"],
    ['Client { m required a=b }', "line 1: '}' stands where an option of m, or ; after the last is expected"],
    ['Client { m required; }', 'line 1: the file ends where ; after the section Client is expected'],
    ['Client {};\nClient {};', 'line 2: there is a second section Client'],
    ['A { m required a="x\n"; };', 'line 1: a quoted text is not closed'],
    ['A {}; /* x', 'line 1: a comment is not closed'],
    ['=', "line 1: '=' stands where the name of a section is expected"],
  ])('is refused, saying where and what is accepted: %j', (content, message) => {
    expect(() => parseJaas(content)).toThrow(message);
  });
});
