/** Two plans laid over each other: services that each of them treats as one, and their names. */
import type { Sliced } from '../../slices.js';
import {
  type CodeRange,
  SERVICE_CODES,
  SERVICE_ICMP,
  SERVICE_ICMP6,
  SERVICE_PROTO,
  SERVICE_SCTP,
  SERVICE_TCP,
  SERVICE_UDP,
} from '../codes.js';
import type { Plan } from '../plan.js';

/** Codes that are in one class of each plan. */
export interface JointService {
  /** Service class; -1: there is no such plan. */
  readonly before: number;
  readonly after: number;
  /** Ascending. */
  readonly ranges: CodeRange[];
}

/** Codes looked at between two yields. */
const SLICE = 16_384;

export function* jointServices(before: Plan | null, after: Plan): Sliced<JointService[]> {
  const joint = new Map<number, JointService>();
  let last: JointService | undefined;
  for (let code = 0; code < SERVICE_CODES; code++) {
    if (code % SLICE === 0) yield;
    const [old, now] = [before?.services[code] ?? -1, after.services[code]!];
    if (last !== undefined && last.before === old && last.after === now) {
      const range = last.ranges.at(-1)!;
      last.ranges[last.ranges.length - 1] = { low: range.low, high: code };
      continue;
    }
    const key = (old + 1) * 65_536 + now;
    last = joint.get(key) ?? { before: old, after: now, ranges: [] };
    last.ranges.push({ low: code, high: code });
    joint.set(key, last);
  }
  return [...joint.values()];
}

const SPACES = [
  { start: SERVICE_TCP, size: 65_536, text: (n: string) => `${n}/tcp`, whole: 'proto/6' },
  { start: SERVICE_UDP, size: 65_536, text: (n: string) => `${n}/udp`, whole: 'proto/17' },
  { start: SERVICE_SCTP, size: 65_536, text: (n: string) => `${n}/sctp`, whole: 'proto/132' },
  { start: SERVICE_ICMP, size: 256, text: (n: string) => `icmp/${n}`, whole: '' },
  { start: SERVICE_ICMP6, size: 256, text: (n: string) => `icmp6/${n}`, whole: '' },
  { start: SERVICE_PROTO, size: 256, text: (n: string) => `proto/${n}`, whole: '' },
];

/** Codes as a policy writes them; `all but` what is missing where that is shorter. */
export function describeServices(ranges: readonly CodeRange[]): string[] {
  const merged = merge(ranges);
  const missing = complement(merged);
  if (missing.length === 0) return ['all'];
  const texts = bothFamilies(merged.flatMap(rangeTexts));
  const without = bothFamilies(missing.flatMap(rangeTexts));
  if (texts.length <= without.length) return texts;
  return [`all but ${without.join(', ')}`];
}

/** `proto/1` and `proto/58` in a policy are ICMP of both families; in the other one it has no types. */
function bothFamilies(texts: readonly string[]): string[] {
  let left = [...texts];
  for (const [types, alone, family] of ICMP) {
    const whole = left.includes(types) && left.includes(alone);
    if (whole) left = left.filter((text) => text !== types);
    else left = left.map((text) => (text === alone ? `${alone} of ${family}` : text));
  }
  return left;
}

const ICMP = [
  ['icmp/0-255', 'proto/1', 'IPv6'],
  ['icmp6/0-255', 'proto/58', 'IPv4'],
] as const;

/** A range may reach over several protocols. */
function rangeTexts({ low, high }: CodeRange): string[] {
  return SPACES.flatMap(({ start, size, text, whole }) => {
    const from = Math.max(low, start) - start;
    const to = Math.min(high, start + size - 1) - start;
    if (from > to) return [];
    if (from === 0 && to === size - 1 && whole !== '') return [whole];
    return [text(from === to ? `${from}` : `${from}-${to}`)];
  });
}

function merge(ranges: readonly CodeRange[]): CodeRange[] {
  const merged: CodeRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.low - b.low)) {
    const last = merged.at(-1);
    if (last !== undefined && range.low <= last.high + 1) {
      merged[merged.length - 1] = { low: last.low, high: Math.max(last.high, range.high) };
    } else merged.push(range);
  }
  return merged;
}

function complement(merged: readonly CodeRange[]): CodeRange[] {
  const missing: CodeRange[] = [];
  let next = 0;
  for (const { low, high } of merged) {
    if (low > next) missing.push({ low: next, high: low - 1 });
    next = high + 1;
  }
  if (next < SERVICE_CODES) missing.push({ low: next, high: SERVICE_CODES - 1 });
  return missing;
}
