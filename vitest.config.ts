import { defineConfig } from 'vitest/config';
import { LongestFirst, NoteDurations } from './test/order.js';

/** Labs that keep both cores busy, or tell times of a moment: what else runs would disturb them. */
const BUSY = [
  'test/lab/attacks/**',
  'test/lab/demo/**',
  'test/lab/external/**',
  'test/lab/ha/**',
  'test/lab/upgrade/**',
  'test/lab/windows/**',
  'test/lab/daemon/{killed-apply,listing,million,sets,size,swap}.test.ts',
  'test/lab/repair/{closed,stealth}.test.ts',
];
const LABS = 'test/lab/**/*.test.ts';
/** Timers, sockets and much to compute: each file has a process of its own. */
const APART = ['test/unit/sync/**', 'test/unit/control/policy/**'];
const UNITS = 'test/unit/**/*.test.ts';

/** On two cores. Groups run one after the other. */
export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: [
      'default',
      './test/tally.ts',
      ...(process.env.DURATIONS === 'write' ? [new NoteDurations()] : []),
    ],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        // All other labs wait for most of their time. But three at a time are too many while daemons start.
        extends: true,
        test: {
          name: 'waiting',
          include: [LABS],
          exclude: BUSY,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'busy',
          include: [
            'test/{dataplane,fuzz,native,packet}/**/*.test.ts',
            ...[...BUSY, ...APART].map(tests),
          ],
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // They may share a process, and what it has read of the sources.
        extends: true,
        test: {
          name: 'unit',
          include: [UNITS],
          exclude: APART,
          isolate: false,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});

function tests(pattern: string): string {
  return pattern.endsWith('**') ? `${pattern}/*.test.ts` : pattern;
}
