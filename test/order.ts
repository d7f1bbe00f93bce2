/**
 * Which test file begins when: the longest first, so that none is left to end alone. `durations.json`
 * says how long each took, in seconds, on a machine of two cores that did nothing else; a run with
 * DURATIONS=write notes anew what it ran.
 */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { BaseSequencer, type Reporter, type TestModule, type TestSpecification } from 'vitest/node';

type Durations = Record<string, number>;

const FILE = join(import.meta.dirname, 'durations.json');
/** Of a file that nobody has measured, by its directory; among those of one the larger goes first. */
const GUESSES: Durations = { lab: 60, fuzz: 60 };
const OTHERWISE = 10;

const nameOf = (path: string) => relative(import.meta.dirname, path);

function guess(path: string): number {
  return GUESSES[nameOf(path).split('/')[0]!] ?? OTHERWISE;
}

function known(): Durations {
  return existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as Durations) : {};
}

export class LongestFirst extends BaseSequencer {
  /** Groups of projects run one after the other; files that share a process come last in theirs. */
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const durations = known();
    const rank = ({ project, moduleId }: TestSpecification) => [
      project.config.sequence.groupOrder,
      project.config.isolate ? 0 : 1,
      -(durations[nameOf(moduleId)] ?? guess(moduleId)),
      -statSync(moduleId).size,
    ];
    return files
      .map((file) => ({ file, rank: rank(file) }))
      .sort((a, b) => a.rank.map((n, i) => n - b.rank[i]!).find((n) => n !== 0) ?? 0)
      .map(({ file }) => file);
  }
}

/** Writes `durations.json`. */
export class NoteDurations implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const durations = known();
    for (const module of modules) {
      const { duration, collectDuration, setupDuration, prepareDuration } = module.diagnostic();
      const all = duration + collectDuration + setupDuration + prepareDuration;
      durations[nameOf(module.moduleId)] = Math.round(all / 100) / 10;
    }
    const there = Object.entries(durations).filter(([name]) =>
      existsSync(join(import.meta.dirname, name)),
    );
    const sorted = Object.fromEntries(there.sort(([a], [b]) => (a < b ? -1 : 1)));
    writeFileSync(FILE, `${JSON.stringify(sorted, null, 2)}\n`);
  }
}
