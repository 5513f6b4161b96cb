/** The path of a znode's parent: '/' for '/a'. The path must have a slash. */
export function parentPath(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash === 0 ? '/' : path.slice(0, slash);
}

/** The last name of a path. */
export function childName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The path of a child. */
export function childPath(parent: string, name: string): string {
  return parent === '/' ? `/${name}` : `${parent}/${name}`;
}

/**
 * What is wrong with a znode's path, undefined when nothing is. The rules are ZooKeeper's (PathUtils.validatePath): it
 * begins with a slash, does not end with one, has no empty, `.` or `..` name, and no control, surrogate or private
 * character. Sequential nodes may end in a slash: the number follows it.
 */
export function pathProblem(path: string, sequential = false): string | undefined {
  const whole = sequential ? `${path}1` : path;
  if (whole.charCodeAt(0) !== 0x2f) return 'does not begin with /';
  if (whole.length === 1) return undefined;
  if (whole.charCodeAt(whole.length - 1) === 0x2f) return 'ends with /';
  let nameStart = 1;
  for (let i = 1; i <= whole.length; i++) {
    const c = i === whole.length ? 0x2f : whole.charCodeAt(i);
    if (c === 0x2f) {
      const name = i - nameStart;
      if (name === 0) return 'has an empty name in it';
      if (whole.charCodeAt(nameStart) === 0x2e && (name === 1 || (name === 2 && whole.charCodeAt(i - 1) === 0x2e))) {
        return `has the relative name '${whole.slice(nameStart, i)}' in it`;
      }
      nameStart = i + 1;
    } else if (c <= 0x1f || (c >= 0x7f && c <= 0x9f) || (c >= 0xd800 && c <= 0xf8ff) || c >= 0xfff0) {
      return `has the character U+${c.toString(16).padStart(4, '0')} in it`;
    }
  }
  return undefined;
}
