import type { Size } from 'cdk8s';
import { SizeRoundingBehavior } from 'cdk8s';
import type { ContainerResources, Cpu } from 'cdk8s-plus-27';
import { k8s } from 'cdk8s-plus-27';
import { reject } from './reject';
import type { Construct } from 'constructs';

/** A size in bytes; sizes below a kibibyte are whole bytes too. */
export function bytesOf(size: Size): number {
  return Math.round(size.toKibibytes({ rounding: SizeRoundingBehavior.NONE }) * 1024);
}

const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi'];

/**
 * A size in the form that the API server gives back (2048Mi comes back as 2Gi): anything else would look changed to
 * every client that compares what it sent with what is there.
 */
export function sizeText(size: Size): string {
  let amount = bytesOf(size);
  let suffix = 0;
  while (amount > 0 && amount % 1024 === 0 && suffix < binarySuffixes.length - 1) {
    amount /= 1024;
    suffix++;
  }
  return `${amount}${binarySuffixes[suffix]}`;
}

export function millisOf(cpu: Cpu): number {
  return cpu.amount.endsWith('m') ? Number(cpu.amount.slice(0, -1)) : Math.round(Number(cpu.amount) * 1000);
}

/** CPU in the API server's form: 1000m is 1. */
export function cpuText(cpu: Cpu): string {
  const millis = millisOf(cpu);
  return millis % 1000 === 0 ? `${millis / 1000}` : `${millis}m`;
}

const decimalFactors: Record<string, number> = { '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15 };

/**
 * Any quantity in the API server's form: 1000m → 1, 0.5 → 500m, 1024Mi → 1Gi. Text that is no quantity, or has an
 * exponent, is returned as it is.
 */
export function canonicalQuantity(text: string): string {
  const match = /^(\d+)(?:\.(\d+))?(m|k|[KMGTP]i?|)$/.exec(text);
  if (!match) return text;
  const [, whole, fraction = '', suffix] = match;
  const number = Number(`${whole}.${fraction || '0'}`);
  if (suffix.endsWith('i')) {
    const bytes = number * 1024 ** binarySuffixes.indexOf(suffix);
    if (!Number.isSafeInteger(bytes)) return text;
    let amount = bytes;
    let power = 0;
    while (amount > 0 && amount % 1024 === 0 && power < binarySuffixes.length - 1) {
      amount /= 1024;
      power++;
    }
    return `${amount}${binarySuffixes[power]}`;
  }
  const millis = suffix === 'm' ? number : Math.round(number * decimalFactors[suffix] * 1000);
  if (!Number.isSafeInteger(millis)) return text;
  if (millis % 1000 !== 0) return `${millis}m`;
  let amount = millis / 1000;
  let power = 0;
  const suffixes = Object.keys(decimalFactors);
  while (amount > 0 && amount % 1000 === 0 && power < suffixes.length - 1) {
    amount /= 1000;
    power++;
  }
  return `${amount}${suffixes[power]}`;
}

/** What a container gets where its props say nothing: all four are always in the manifest. */
export interface ResourceDefaults {
  readonly cpuRequest: Cpu;
  readonly cpuLimit: Cpu;
  readonly memoryRequest: Size;
  readonly memoryLimit: Size;
}

/** Requests and limits, complete. A default request never passes a limit that was given. */
export interface CompleteResources {
  readonly cpuRequest: Cpu;
  readonly cpuLimit: Cpu;
  readonly memoryRequest: Size;
  readonly memoryLimit: Size;
}

export function completeResources(
  construct: Construct,
  given: ContainerResources | undefined,
  defaults: ResourceDefaults,
): CompleteResources {
  const { cpu, memory } = given ?? {};
  const cpuLimit =
    cpu?.limit ??
    (cpu?.request && millisOf(cpu.request) > millisOf(defaults.cpuLimit) ? cpu.request : defaults.cpuLimit);
  const memoryLimit =
    memory?.limit ??
    (memory?.request && bytesOf(memory.request) > bytesOf(defaults.memoryLimit)
      ? memory.request
      : defaults.memoryLimit);
  const cpuRequest =
    cpu?.request ?? (millisOf(defaults.cpuRequest) > millisOf(cpuLimit) ? cpuLimit : defaults.cpuRequest);
  const memoryRequest =
    memory?.request ?? (bytesOf(defaults.memoryRequest) > bytesOf(memoryLimit) ? memoryLimit : defaults.memoryRequest);
  if (millisOf(cpuRequest) > millisOf(cpuLimit)) {
    reject(construct, 'resources.cpu.request', cpuText(cpuRequest), `at most its limit, ${cpuText(cpuLimit)}`);
  }
  if (bytesOf(memoryRequest) > bytesOf(memoryLimit)) {
    reject(
      construct,
      'resources.memory.request',
      sizeText(memoryRequest),
      `at most its limit, ${sizeText(memoryLimit)}`,
    );
  }
  return { cpuRequest, cpuLimit, memoryRequest, memoryLimit };
}

export function renderResources(resources: CompleteResources): k8s.ResourceRequirements {
  return {
    requests: {
      cpu: k8s.Quantity.fromString(cpuText(resources.cpuRequest)),
      memory: k8s.Quantity.fromString(sizeText(resources.memoryRequest)),
    },
    limits: {
      cpu: k8s.Quantity.fromString(cpuText(resources.cpuLimit)),
      memory: k8s.Quantity.fromString(sizeText(resources.memoryLimit)),
    },
  };
}
