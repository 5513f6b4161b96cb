import type { k8s } from 'cdk8s-plus-27';
import type { SaslCredentials } from '../zookeeper-authentication';

const mountPath = '/etc/zookeeper-login';

/** The Secret as files, for the container that writes the JAAS file from it. */
export function loginVolume(credentials: SaslCredentials): k8s.Volume {
  return {
    name: 'zookeeper-login',
    secret: {
      secretName: credentials.secretName,
      defaultMode: 0o440,
      items: [
        { key: credentials.usernameKey ?? 'username', path: 'username' },
        { key: credentials.passwordKey ?? 'password', path: 'password' },
      ],
    },
  };
}

export const loginMount: k8s.VolumeMount = { name: 'zookeeper-login', mountPath, readOnly: true };

/**
 * Bash that writes a JAAS file from the Secret. `${` in it is bash's own. Backslashes and quotes of the password are
 * escaped as JAAS wants it; the file is readable by this user alone.
 *
 * @param section Server or Client
 * @param entries the login module's options, with $username and $password
 */
export function writeJaas(file: string, section: 'Server' | 'Client', entries: readonly string[]): string[] {
  return [
    `username=$(cat ${mountPath}/username) password=$(cat ${mountPath}/password)`,
    `password=\${password//\\\\/\\\\\\\\} password=\${password//\\"/\\\\\\"}`,
    `(umask 077; printf '%s\\n' "${section} {" '  org.apache.zookeeper.server.auth.DigestLoginModule required' \\`,
    ...entries.map((entry, index) => `  "  ${entry}${index === entries.length - 1 ? ';' : ''}" \\`),
    `  '};' >${file})`,
    'unset username password',
  ];
}

/** A server's line: the user that may log in. Quotes are bash's, inside a double-quoted word. */
export const serverEntries = ['user_$username=\\"$password\\"'];

/** A client's lines: who it logs in as. */
export const clientEntries = ['username=\\"$username\\"', 'password=\\"$password\\"'];
