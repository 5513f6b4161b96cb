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
 * Says what is wrong with the path of a znode, undefined when nothing is. The rules are ZooKeeper's (PathUtils): it
 * starts with a slash, does not end with one, has no empty, `.` or `..` name, and no control, surrogate or private
 * character.
 */
export function invalidPath(path: string): string | undefined {
  if (path.length === 0) return 'it is empty';
  if (path.charCodeAt(0) !== 0x2f) return 'it does not start with /';
  if (path.length === 1) return undefined;
  if (path.charCodeAt(path.length - 1) === 0x2f) return 'it ends with /';
  let nameStart = 1;
  for (let i = 1; i <= path.length; i++) {
    const c = i === path.length ? 0x2f : path.charCodeAt(i);
    if (c === 0x2f) {
      const length = i - nameStart;
      if (length === 0) return `a name is empty at character ${i}`;
      if (path.charCodeAt(nameStart) === 0x2e && (length === 1 || (length === 2 && path.charCodeAt(i - 1) === 0x2e))) {
        return `relative names are not allowed, at character ${nameStart}`;
      }
      nameStart = i + 1;
    } else if (c <= 0x1f || (c >= 0x7f && c <= 0x9f) || (c >= 0xd800 && c <= 0xf8ff) || c >= 0xfff0) {
      return `character ${i} (U+${c.toString(16).padStart(4, '0')}) is not allowed`;
    }
  }
  return undefined;
}
