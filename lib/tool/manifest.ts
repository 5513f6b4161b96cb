import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { messageOf, ToolError } from './tool-error';

/** What YAML may hold. */
export type Value = null | boolean | number | string | readonly Value[] | Mapping;
export type Mapping = { readonly [key: string]: Value };

/** One object of a file of manifests. */
export interface Manifest {
  readonly kind: string;
  readonly name: string;
  /** Absent in objects of the whole cluster. */
  readonly namespace?: string;
  /** The whole object. */
  readonly content: Mapping;
}

export function isMapping(value: Value | undefined): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

/** What is at this path; undefined where the path leads nowhere. */
export function at(value: Value | undefined, ...path: readonly (string | number)[]): Value | undefined {
  let current = value;
  for (const step of path) {
    if (typeof step === 'number') current = isList(current) ? current[step] : undefined;
    else current = isMapping(current) && Object.hasOwn(current, step) ? current[step] : undefined;
  }
  return current;
}

export function textAt(value: Value | undefined, ...path: readonly (string | number)[]): string | undefined {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : undefined;
}

export function listAt(value: Value | undefined, ...path: readonly (string | number)[]): readonly Value[] {
  const found = at(value, ...path);
  return isList(found) ? found : [];
}

/** Kind, namespace and name, as kubectl writes them. */
export function titleOf({ kind, name, namespace }: Manifest): string {
  return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}

/**
 * The objects of a file of manifests.
 * @throws ToolError that names the file and the line, or the object
 */
export function parseManifests(text: string, file: string): Manifest[] {
  const manifests: Manifest[] = [];
  // An alias may stand for a whole tree: more than Kubernetes' own limit is not read.
  for (const document of parseAllDocuments(text)) {
    const [error] = document.errors;
    if (error !== undefined) throw new ToolError(`${file}: ${error.message}`);
    const content = document.toJS({ maxAliasCount: 100 }) as Value;
    if (content === null) continue;
    const kind = textAt(content, 'kind');
    const name = textAt(content, 'metadata', 'name');
    if (!isMapping(content) || kind === undefined || name === undefined) {
      throw new ToolError(
        `${file}: document ${manifests.length + 1} is no Kubernetes object: kind and metadata.name are expected`,
      );
    }
    manifests.push({ kind, name, namespace: textAt(content, 'metadata', 'namespace'), content });
  }
  return manifests;
}

/** @throws ToolError when the file cannot be read, or holds something else */
export function readManifests(file: string): Manifest[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ToolError(`${file} cannot be read: ${messageOf(error)}`);
  }
  return parseManifests(text, file);
}

/**
 * The names of the files of manifests in a directory, sorted.
 * @throws ToolError when there is no such directory
 */
export function manifestFiles(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => /\.ya?ml$/.test(name))
      .sort();
  } catch (error) {
    throw new ToolError(`${directory} cannot be read: ${messageOf(error)}`);
  }
}

/** The objects of all files of a directory. */
export function readDirectory(directory: string): Manifest[] {
  return manifestFiles(directory).flatMap((name) => readManifests(join(directory, name)));
}
