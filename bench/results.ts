/** From samples to figures: medians with their spread, and ratios of what was measured side by side. */
import type { Machine } from './machine.js';

/** A median and how far the repetitions were from it. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** One subject under one kind of traffic. */
export interface Row {
  readonly subject: string;
  /** 0: no policy. */
  readonly rules: number;
  readonly work: string;
  /** CPU time of the receiving port per packet, in nanoseconds, by repetition. */
  readonly samples: number[];
  packets: number;
}

/** A program as the verifier saw it. */
export interface ProgramSize {
  readonly subject: string;
  readonly instructions: number;
}

/** A policy, and what it took to make it and, by subject, to install it. */
export interface PolicyCost {
  readonly rules: number;
  readonly hosts: number;
  readonly compileMs: number;
  readonly installMs: readonly number[];
}

/** All of one run. */
export interface Run {
  readonly date: string;
  readonly seconds: number;
  readonly machine: Machine;
  /** Load of the machine before the run: not the bench's own. */
  readonly loadBefore: number;
  readonly repetitions: number;
  readonly milliseconds: number;
  readonly rows: readonly Row[];
  readonly programs: readonly ProgramSize[];
  readonly policies: readonly PolicyCost[];
}

export const BRIDGE = 'kernel bridge';
export const SEED = 'bridge, iptables, ipset';
export const BARE_XDP = 'bare XDP redirect';
export const BARE_TC = 'bare tc redirect';
export const WALL_XDP = 'wall, native XDP';
export const WALL_GENERIC = 'wall, generic XDP';
export const WALL_TC = 'wall, tc';

/** Median, least and greatest of some numbers, at least one. */
export function spread(samples: readonly number[]): Spread {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle]!;
  const median = sorted.length % 2 === 1 ? upper : (sorted[middle - 1]! + upper) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)! };
}

/** Cost of one to the other: repetition by repetition, since both saw the same state of the machine. */
export function ratio(of: Row, to: Row): Spread {
  return spread(of.samples.map((ns, i) => ns / to.samples[i]!));
}

/** The row of a subject under some traffic; undefined: not measured. */
export function find(
  rows: readonly Row[],
  subject: string,
  rules: number,
  work: string,
): Row | undefined {
  return rows.find((row) => row.subject === subject && row.rules === rules && row.work === work);
}

/** A figure that we hold ourselves to, and whether this run reached it. */
export interface Goal {
  readonly text: string;
  readonly most: number;
  readonly measured: Spread;
  readonly reached: boolean;
}

/** Goals that this run can speak of. */
export function goals(run: Run): Goal[] {
  const { rows } = run;
  const most = Math.max(...rows.map((row) => row.rules));
  const works = [...new Set(rows.map((row) => row.work))];
  const made: Goal[] = [];
  const add = (text: string, limit: number, of: Row | undefined, to: Row | undefined) => {
    if (of === undefined || to === undefined) return;
    const measured = ratio(of, to);
    made.push({ text, most: limit, measured, reached: measured.median <= limit });
  };
  for (const work of works.filter((name) => name.startsWith('established'))) {
    const wall = find(rows, WALL_XDP, 1, work);
    add(`${work}: native XDP to a bare redirect`, 1.5, wall, find(rows, BARE_XDP, 0, work));
    const bridge = find(rows, BRIDGE, 0, work);
    add(`${work}: tc to the kernel bridge`, 1, find(rows, WALL_TC, 1, work), bridge);
  }
  for (const work of works) {
    const fresh = work.startsWith('new');
    const text = `${work}: native XDP to the same by iptables, ipset and conntrack`;
    add(text, fresh ? 1 / 8 : 1 / 10, find(rows, WALL_XDP, 1, work), find(rows, SEED, 0, work));
  }
  for (const subject of [WALL_XDP, WALL_GENERIC, WALL_TC]) {
    for (const work of works) {
      const text = `${work}: ${subject}, ${most.toLocaleString('en')} rules to 1`;
      add(text, 1.1, find(rows, subject, most, work), find(rows, subject, 1, work));
    }
  }
  return made;
}
