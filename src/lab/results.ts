/** What a bench has found: figures, where they were measured, and where they are kept. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './root.js';

/** The value below which that part of all lies; `none` of none. */
export function quantile(values: readonly number[], part: number, none = Number.NaN): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? none;
}

/** The middle one; NaN of none. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** This machine, how busy it is, and the time, in one line. */
export function machineLine(): string {
  const load = loadavg()[0]!.toFixed(1);
  return `${cpus().length} x ${cpus()[0]?.model ?? '?'}, Linux ${release()}, load ${load}, ${new Date().toISOString()}`;
}

/** Writes bench/results/NAME.md and .json. */
export function keepResults(name: string, report: string, found: object): void {
  const directory = join(ROOT, 'bench', 'results');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `${name}.md`), report);
  writeFileSync(join(directory, `${name}.json`), JSON.stringify(found, null, 2));
}
