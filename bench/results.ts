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
  readonly experiment: string;
  readonly subject: string;
  /** What the experiment varies: flows, rules or members. */
  readonly x: number;
  readonly work: string;
  /** CPU time of the receiving port per packet, in nanoseconds, by repetition. */
  readonly samples: number[];
  packets: number;
}

/** How late frames came out of one subject, in nanoseconds, by repetition. */
export interface Latency {
  readonly subject: string;
  readonly p50: number[];
  readonly p99: number[];
  readonly p999: number[];
  frames: number;
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

/** One kind of traffic while another core works, in nanoseconds of a packet, by repetition. */
export interface CoresCost {
  readonly work: string;
  /** The other core does nothing. */
  readonly alone: number[];
  /** It works for another wall, with tables of its own. */
  readonly apart: number[];
  /** It works for the same wall. */
  readonly shared: number[];
}

/** Bytes of kernel memory. */
export interface MemoryCost {
  /** For every connection that there is room for, its share of the half-open ones included. */
  readonly perState: number;
  readonly perRule: number;
  /** For everything else. */
  readonly fixed: number;
}

/** What was measured for one plot or table. */
export interface Experiment {
  readonly name: string;
  readonly title: string;
  /** What x counts; null: nothing. */
  readonly axis: string | null;
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
  readonly experiments: readonly Experiment[];
  readonly rows: readonly Row[];
  readonly latencies: readonly Latency[];
  /** Empty: there is one core only, or nobody asked. */
  readonly cores: readonly CoresCost[];
  /** Null: nobody asked. */
  readonly memory: MemoryCost | null;
  readonly programs: readonly ProgramSize[];
  readonly policies: readonly PolicyCost[];
  /** What could not be measured, and why. */
  readonly gaps: readonly string[];
  /** What should have been measured and was not, and why. */
  readonly failures: readonly string[];
}

export const BRIDGE = 'kernel bridge';
export const SEED = 'bridge, iptables, ipset';
export const NFT = 'bridge, nftables';
export const LINEAR = 'bridge, iptables alone';
export const BARE_XDP = 'bare XDP redirect';
export const BARE_TC = 'bare tc redirect';
export const WALL_XDP = 'wall, native XDP';
export const WALL_GENERIC = 'wall, generic XDP';
export const WALL_TC = 'wall, tc';
/** By mode. */
export const WALLS = { xdp: WALL_XDP, generic: WALL_GENERIC, tc: WALL_TC } as const;

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
  wanted: Pick<Row, 'experiment' | 'subject' | 'x' | 'work'>,
): Row | undefined {
  const keys = ['experiment', 'subject', 'x', 'work'] as const;
  return rows.find((row) => keys.every((key) => row[key] === wanted[key]));
}

/** The number below which a share of all lies, of counts by steps of `width`; NaN: of none. */
export function quantile(counts: readonly number[], share: number, width: number): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let left = Math.ceil(total * share);
  for (const [step, count] of counts.entries()) {
    left -= count;
    if (total > 0 && left <= 0) return (step + 1) * width;
  }
  return Number.NaN;
}
