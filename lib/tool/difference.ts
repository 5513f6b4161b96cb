import { isList, isMapping, type Manifest, titleOf, type Mapping, type Value } from './manifest';

/** One place of an object where the two sides differ; absent: not there on that side. */
export interface Change {
  /** As `spec.template.spec.containers[kafka].image`. */
  readonly path: string;
  readonly old?: Value;
  readonly new?: Value;
}

export interface ObjectDifference {
  readonly title: string;
  readonly kind: 'added' | 'removed' | 'changed';
  /** Of a changed object. */
  readonly changes: readonly Change[];
}

/** The same object on both sides: a kind may have moved to another version of its API, but not to another group. */
function identity(manifest: Manifest): string {
  const apiVersion = manifest.content.apiVersion;
  const group = typeof apiVersion === 'string' && apiVersion.includes('/') ? apiVersion.split('/')[0] : '';
  return `${group} ${titleOf(manifest)}`;
}

/** What two sets of manifests differ in, object by object, in the order of the new ones; removed objects come last. */
export function differencesBetween(old: readonly Manifest[], current: readonly Manifest[]): ObjectDifference[] {
  const before = new Map(old.map((manifest) => [identity(manifest), manifest]));
  const differences: ObjectDifference[] = [];
  for (const manifest of current) {
    const title = titleOf(manifest);
    const previous = before.get(identity(manifest));
    before.delete(identity(manifest));
    if (previous === undefined) {
      differences.push({ title, kind: 'added', changes: [] });
      continue;
    }
    const changes = [...changesBetween('', previous.content, manifest.content)];
    if (changes.length > 0) differences.push({ title, kind: 'changed', changes });
  }
  for (const manifest of before.values()) {
    differences.push({ title: titleOf(manifest), kind: 'removed', changes: [] });
  }
  return differences;
}

function* changesBetween(path: string, old: Value | undefined, current: Value | undefined): Generator<Change> {
  if (isMapping(old) && isMapping(current)) {
    yield* memberChanges(old, current, (key) => {
      const step = /^[\w-]+$/.test(key) ? key : `['${key}']`;
      return path === '' || step.startsWith('[') ? `${path}${step}` : `${path}.${step}`;
    });
  } else if (isList(old) && isList(current)) {
    yield* memberChanges(keyed(old), keyed(current), (key) => `${path}[${key}]`);
  } else if (old !== current) {
    yield { path, old, new: current };
  }
}

function* memberChanges(old: Mapping, current: Mapping, pathOf: (key: string) => string): Generator<Change> {
  for (const key of new Set([...Object.keys(old), ...Object.keys(current)])) {
    const one = Object.hasOwn(old, key) ? old[key] : undefined;
    const other = Object.hasOwn(current, key) ? current[key] : undefined;
    yield* changesBetween(pathOf(key), one, other);
  }
}

/** The elements of a list by their names, as Kubernetes merges most of its lists, or by their places. */
function keyed(list: readonly Value[]): Mapping {
  const names = list.map((element) => (isMapping(element) ? element.name : undefined));
  const areNames = names.every((name) => typeof name === 'string') && new Set(names).size === list.length;
  return Object.fromEntries(list.map((element, index) => [areNames ? String(names[index]) : String(index), element]));
}

const marks = { added: '+', removed: '-', changed: '~' } as const;

/** The lines of a report. */
export function* formatDifferences(differences: readonly ObjectDifference[]): Generator<string> {
  for (const { title, kind, changes } of differences) {
    yield `${marks[kind]} ${title}`;
    for (const { path, old, new: current } of changes) {
      if (typeof old === 'string' && typeof current === 'string' && `${old}${current}`.includes('\n')) {
        yield `    ${path}:`;
        for (const line of lineDifference(old.split('\n'), current.split('\n'))) yield `      ${line}`;
      } else {
        yield `    ${path}: ${formatValue(old)} -> ${formatValue(current)}`;
      }
    }
  }
}

function formatValue(value: Value | undefined): string {
  return value === undefined ? '(not set)' : JSON.stringify(value);
}

/** The lines that only one side has, in order: a longest common subsequence stays out. */
function* lineDifference(old: readonly string[], current: readonly string[]): Generator<string> {
  let start = 0;
  while (start < old.length && start < current.length && old[start] === current[start]) start++;
  let oldEnd = old.length;
  let currentEnd = current.length;
  while (oldEnd > start && currentEnd > start && old[oldEnd - 1] === current[currentEnd - 1]) {
    oldEnd--;
    currentEnd--;
  }
  const one = old.slice(start, oldEnd);
  const other = current.slice(start, currentEnd);
  // common[i][j]: how many lines one.slice(i) and other.slice(j) have in common.
  const common = Array.from({ length: one.length + 1 }, () => new Uint32Array(other.length + 1));
  for (let i = one.length - 1; i >= 0; i--) {
    for (let j = other.length - 1; j >= 0; j--) {
      common[i]![j] =
        one[i] === other[j] ? common[i + 1]![j + 1]! + 1 : Math.max(common[i + 1]![j]!, common[i]![j + 1]!);
    }
  }
  let i = 0;
  let j = 0;
  while (i < one.length || j < other.length) {
    if (i < one.length && j < other.length && one[i] === other[j]) {
      i++;
      j++;
    } else if (j === other.length || (i < one.length && common[i + 1]![j]! >= common[i]![j + 1]!)) {
      yield `- ${one[i++]}`;
    } else {
      yield `+ ${other[j++]}`;
    }
  }
}
