/** A login module of a section, and its options. */
export interface JaasEntry {
  readonly loginModule: string;
  readonly options: ReadonlyMap<string, string>;
}

/** A JAAS configuration that cannot be read; the message names the line and what is accepted there. */
export class JaasError extends Error {
  override readonly name = 'JaasError';
}

const flags = ['required', 'requisite', 'sufficient', 'optional'];

interface Token {
  /** A punctuation mark stands for itself; words and quoted texts are `text`. */
  readonly kind: '{' | '}' | ';' | '=' | 'text' | 'end';
  readonly text: string;
  readonly line: number;
}

/**
 * Reads a JAAS configuration (javax.security.auth.login.Configuration): sections by their name, each a list of
 * `module flag option=value …;`. `${name}` in a quoted value is replaced by the Java system property of that name.
 * @throws JaasError for what is not one
 */
export function parseJaas(
  content: string,
  systemProperties: ReadonlyMap<string, string> = new Map(),
): Map<string, readonly JaasEntry[]> {
  const tokens = tokenize(content);
  let at = 0;
  const take = (kind: Token['kind'], expected: string): Token => {
    const token = tokens[at]!;
    if (token.kind !== kind) {
      const found = token.kind === 'end' ? 'the file ends' : `'${token.text}' stands`;
      throw new JaasError(`line ${token.line}: ${found} where ${expected} is expected`);
    }
    at++;
    return token;
  };
  const sections = new Map<string, readonly JaasEntry[]>();
  while (tokens[at]!.kind !== 'end') {
    const name = take('text', 'the name of a section');
    take('{', `{ after the section ${name.text}`);
    const entries: JaasEntry[] = [];
    while (tokens[at]!.kind !== '}') {
      const loginModule = take('text', `the class of a login module, or } at the end of the section ${name.text}`).text;
      const flag = take('text', `one of ${flags.join(', ')}`);
      if (!flags.includes(flag.text.toLowerCase())) {
        throw new JaasError(`line ${flag.line}: '${flag.text}' stands where one of ${flags.join(', ')} is expected`);
      }
      const options = new Map<string, string>();
      while (tokens[at]!.kind !== ';') {
        const key = take('text', `an option of ${loginModule}, or ; after the last`).text;
        take('=', `= after the option ${key}`);
        const value = take('text', `the value of the option ${key}`);
        options.set(key, expand(value, key, systemProperties));
      }
      at++;
      entries.push({ loginModule, options });
    }
    at++;
    take(';', `; after the section ${name.text}`);
    if (sections.has(name.text)) throw new JaasError(`line ${name.line}: there is a second section ${name.text}`);
    sections.set(name.text, entries);
  }
  return sections;
}

function expand(value: Token, key: string, systemProperties: ReadonlyMap<string, string>): string {
  return value.text.replaceAll(/\$\{([^}]*)\}/g, (_, name: string) => {
    const property = systemProperties.get(name);
    if (property !== undefined) return property;
    throw new JaasError(`line ${value.line}: the system property ${name} in the option ${key} is not set`);
  });
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', f: '\f', b: '\b', a: '\x07', v: '\v' };

function tokenize(content: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  let at = 0;
  while (at < content.length) {
    const c = content[at]!;
    if (c === '\n') line++;
    if (/\s/.test(c)) {
      at++;
    } else if (c === '#' || content.startsWith('//', at)) {
      const end = content.indexOf('\n', at);
      at = end === -1 ? content.length : end;
    } else if (content.startsWith('/*', at)) {
      const end = content.indexOf('*/', at + 2);
      if (end === -1) throw new JaasError(`line ${line}: a comment is not closed`);
      line += content.slice(at, end).split('\n').length - 1;
      at = end + 2;
    } else if (c === '{' || c === '}' || c === ';' || c === '=') {
      tokens.push({ kind: c, text: c, line });
      at++;
    } else if (c === '"' || c === "'") {
      const quoted = readQuoted(content, at, line);
      tokens.push({ kind: 'text', text: quoted.text, line });
      at = quoted.end;
    } else {
      const [word] = /^[^\s{};="']+/.exec(content.slice(at, at + 4096))!;
      tokens.push({ kind: 'text', text: word, line });
      at += word.length;
    }
  }
  tokens.push({ kind: 'end', text: '', line });
  return tokens;
}

// As Java's StreamTokenizer reads it: a quoted text ends on its line, backslash escapes one character, or an octal one.
function readQuoted(content: string, start: number, line: number): { readonly text: string; readonly end: number } {
  const quote = content[start]!;
  let text = '';
  for (let at = start + 1; at < content.length && content[at] !== '\n'; at++) {
    const c = content[at]!;
    if (c === quote) return { text, end: at + 1 };
    if (c !== '\\') {
      text += c;
      continue;
    }
    const octal = /^(?:[0-3][0-7]{0,2}|[0-7]{1,2})/.exec(content.slice(at + 1, at + 4))?.[0];
    if (octal !== undefined) {
      text += String.fromCharCode(parseInt(octal, 8));
      at += octal.length;
    } else {
      const escaped = content[++at] ?? '';
      text += escapes[escaped] ?? escaped;
    }
  }
  throw new JaasError(`line ${line}: a quoted text is not closed`);
}
