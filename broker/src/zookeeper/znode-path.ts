/**
 * What is wrong with a znode's path (PathUtils.validatePath), or undefined. Sequential nodes may end in a slash: the
 * number follows it.
 */
export function pathProblem(path: string, sequential = false): string | undefined {
  const whole = sequential ? `${path}1` : path;
  if (!whole.startsWith('/')) return 'does not begin with /';
  if (whole === '/') return undefined;
  if (whole.endsWith('/')) return 'ends with /';
  for (const name of whole.slice(1).split('/')) {
    if (name === '') return 'has an empty name in it';
    if (name === '.' || name === '..') return `has the relative name '${name}' in it`;
  }
  const bad = /[\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/.exec(whole);
  if (bad !== null) return `has the character U+${bad[0].charCodeAt(0).toString(16).padStart(4, '0')} in it`;
  return undefined;
}
