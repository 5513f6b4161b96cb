import { Size } from 'cdk8s';
import { Cpu } from 'cdk8s-plus-27';
import { describe, expect, it } from 'vitest';
import { bytesOf, canonicalQuantity, cpuText, sizeText } from '../../lib/private/quantities';

describe('quantities as the API server writes them', () => {
  it.each([
    [Size.mebibytes(2048), '2Gi'],
    [Size.mebibytes(536), '536Mi'],
    [Size.gibibytes(1.5), '1536Mi'],
    [Size.kibibytes(0.5), '512'],
    [Size.tebibytes(1), '1Ti'],
    [Size.mebibytes(0), '0'],
  ])('%o is %s', (size, text) => {
    expect(sizeText(size)).toBe(text);
  });

  it.each([
    [Cpu.millis(1000), '1'],
    [Cpu.millis(100), '100m'],
    [Cpu.units(0.5), '500m'],
    [Cpu.units(2), '2'],
  ])('%o is %s', (cpu, text) => {
    expect(cpuText(cpu)).toBe(text);
  });

  it.each([
    ['1000m', '1'],
    ['1500m', '1500m'],
    ['0.5', '500m'],
    ['1.5', '1500m'],
    ['1024Mi', '1Gi'],
    ['0.5Gi', '512Mi'],
    ['1000Mi', '1000Mi'],
    ['1000M', '1G'],
    ['2000', '2k'],
    ['128974848', '128974848'],
    ['0', '0'],
    ['10Mi', '10Mi'],
    ['1e3', '1e3'],
    ['fast', 'fast'],
  ])('%s is %s', (text, canonical) => {
    expect(canonicalQuantity(text)).toBe(canonical);
    expect(canonicalQuantity(canonical)).toBe(canonical);
  });

  it('counts bytes', () => {
    expect(bytesOf(Size.gibibytes(8))).toBe(8 * 2 ** 30);
  });
});
