/** Counters out of the per-CPU maps, summed. */
import * as layouts from '../../generated/layouts.js';
import type { CounterTotals } from '../service.js';
import { turn } from '../slices.js';
import { type Dataplane, index } from './object.js';

const { Limits, Outcome } = layouts;
const BATCH = 4096;

export interface RuleCount {
  packets: number;
  bytes: number;
  connections: number;
  /** Jiffies of the last packet; 0: none yet. */
  last: bigint;
}

/** All zero. */
export function noCounts(): CounterTotals {
  return {
    rx: 0,
    forwarded: 0,
    passed: 0,
    answered: 0,
    txFailed: 0,
    dropped: {},
    logSuppressed: 0,
    logLost: 0,
    outOfWindowPassed: 0,
    pickedUp: 0,
    sessionsLost: 0,
  };
}

/** The sum of several ports. */
export function sumCounts(all: Iterable<CounterTotals>): CounterTotals {
  const total = noCounts();
  for (const one of all) {
    total.rx += one.rx;
    total.forwarded += one.forwarded;
    total.passed += one.passed;
    total.answered += one.answered;
    total.txFailed += one.txFailed;
    total.logSuppressed += one.logSuppressed;
    total.logLost += one.logLost;
    total.outOfWindowPassed += one.outOfWindowPassed;
    total.pickedUp += one.pickedUp;
    for (const [reason, count] of Object.entries(one.dropped)) {
      total.dropped[reason] = (total.dropped[reason] ?? 0) + count;
    }
  }
  return total;
}

/** Packets of one outcome, over all CPUs. */
function packets(values: Buffer): number {
  let sum = 0;
  for (let at = 0; at < values.length; at += layouts.outcomeCounter.size) {
    sum += Number(layouts.outcomeCounter.decode(values, at).packets);
  }
  return sum;
}

/** What became of the frames that one port received. */
export function portCounts(dataplane: Dataplane, number: number): CounterTotals {
  const map = dataplane.map('outcomes');
  const read = (outcome: number) =>
    packets(map.lookup(index(number * Limits.OUTCOME_STRIDE + outcome))!);
  const counts = noCounts();
  counts.rx = read(Outcome.RX);
  counts.forwarded = read(Outcome.FORWARDED);
  counts.passed = read(Outcome.PASSED);
  counts.answered = read(Outcome.ANSWERED);
  counts.txFailed = read(Outcome.TX_FAILED);
  counts.logSuppressed = read(Outcome.LOG_SUPPRESSED);
  counts.outOfWindowPassed = read(Outcome.LIBERAL);
  counts.pickedUp = read(Outcome.PICKED_UP);
  for (let reason = 0; reason < dataplane.reasons.count; reason++) {
    const dropped = read(Outcome.DROP + reason);
    if (dropped > 0) counts.dropped[dataplane.reasons.get(reason).name] = dropped;
  }
  return counts;
}

/** Counters of rule slots up to `highest`, by slot; read in slices that let others run. */
export async function ruleCounts(
  dataplane: Dataplane,
  highest: number,
): Promise<Map<number, RuleCount>> {
  const counts = new Map<number, RuleCount>();
  for (const { keys, values, count } of dataplane.map('rule_counters').entries(BATCH)) {
    const stride = values.length / count;
    let slot = 0;
    for (let i = 0; i < count; i++) {
      slot = keys.readUInt32LE(i * 4);
      counts.set(slot, sumRule(values.subarray(i * stride, (i + 1) * stride)));
    }
    // Arrays are read in the order of their indices.
    if (slot >= highest) break;
    await turn();
  }
  return counts;
}

function sumRule(values: Buffer): RuleCount {
  const sum: RuleCount = { packets: 0, bytes: 0, connections: 0, last: 0n };
  for (let at = 0; at < values.length; at += layouts.ruleCounter.size) {
    const one = layouts.ruleCounter.decode(values, at);
    sum.packets += Number(one.packets);
    sum.bytes += Number(one.bytes);
    sum.connections += Number(one.connections);
    if (one.last > sum.last) sum.last = one.last;
  }
  return sum;
}

/** Events that found no room in their ring buffer. */
export function lostEvents(dataplane: Dataplane): number {
  const values = dataplane.map('event_losses').lookup(index(0))!;
  let sum = 0;
  for (let at = 0; at + 8 <= values.length; at += 8) sum += Number(values.readBigUInt64LE(at));
  return sum;
}

/** Addresses learned behind a port. */
export function learnedCount(dataplane: Dataplane, number: number): number {
  return dataplane.map('fdb_counts').lookup(index(number))!.readUInt32LE(0);
}
