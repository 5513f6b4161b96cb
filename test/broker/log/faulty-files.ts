import type { Files, OpenFile, OpenMode } from '../../../broker/src/io/files';

export interface Faults {
  /** Thrown by every operation whose name and path it answers an error for. */
  error?: (operation: string, path: string) => string | undefined;
  /** Waited for before an operation goes on. */
  hold?: (operation: string, path: string) => Promise<void> | undefined;
}

/** Files on which a test can let operations fail, or hang. */
export function faultyFiles(files: Files, faults: Faults): Files {
  return wrapped(files, faults, undefined);
}

function wrapped<T extends object>(target: T, faults: Faults, path: string | undefined): T {
  const check = (operation: string, at: string) => {
    const code = faults.error?.(operation, at);
    if (code !== undefined) {
      throw Object.assign(new Error(`${code}: test, ${operation} '${at}'`), { code, syscall: operation, path: at });
    }
  };
  return new Proxy(target, {
    get(_, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') {
        return member;
      }
      return (...args: unknown[]) => {
        const operation = String(name);
        const at = path ?? String(args[0]);
        if (operation.endsWith('Sync')) {
          check(operation, at);
          return member.apply(target, args) as unknown;
        }
        return (async () => {
          await faults.hold?.(operation, at);
          if (operation !== 'close') {
            check(operation, at);
          }
          const result: unknown = await member.apply(target, args);
          return operation === 'open' ? wrapped(result as OpenFile, faults, at) : result;
        })();
      };
    },
  });
}

/** The files, but for some of their operations. */
export function filesWith(files: Files, other: Partial<Files>): Files {
  return new Proxy(files, {
    get: (target, name) => {
      const member: unknown = Reflect.get(other, name) ?? Reflect.get(target, name, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}

/** Files that know how many of them are open. */
export function countedFiles(files: Files): { readonly files: Files; readonly open: () => readonly string[] } {
  const open: string[] = [];
  const opened = async (path: string, mode: OpenMode): Promise<OpenFile> => {
    const file = await files.open(path, mode);
    open.push(path);
    return new Proxy(file, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (name === 'close') {
          return () => {
            open.splice(open.indexOf(path), 1);
            return target.close();
          };
        }
        return typeof member === 'function' ? (member.bind(target) as unknown) : member;
      },
    });
  };
  return { files: filesWith(files, { open: opened }), open: () => [...open] };
}

/** Files that know whether an operation is under way. */
export function busyFiles(files: Files): { readonly files: Files; readonly isBusy: () => boolean } {
  let underWay = 0;
  const counted = <T extends object>(target: T): T =>
    new Proxy(target, {
      get: (_, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]) => {
          const result = member.apply(target, args) as unknown;
          if (!(result instanceof Promise)) return result;
          underWay++;
          const done = result.finally(() => underWay--);
          return name === 'open' ? done.then((file) => counted(file as OpenFile)) : done;
        };
      },
    });
  return { files: counted(files), isBusy: () => underWay > 0 };
}
