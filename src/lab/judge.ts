/** Attempts, what came of them, and whether that is what must come of them. Pure. */
import type { AttemptResult, AttemptSpec } from './agent/protocol.js';
import {
  EXPECTED,
  type Expectation,
  expectedVerdict,
  type Probe,
  type Reason,
} from './expected.js';
import {
  type ActorName,
  addressOf,
  type Family,
  isServiceName,
  serviceSpec,
  stationOf,
} from './site.js';

/** One connection to try. */
export interface Attempt {
  readonly from: ActorName;
  readonly to: ActorName;
  readonly probe: Probe;
  readonly family: Family;
  readonly expected: 'open' | Reason;
}

/** A drop as the node's log tells it; the fields of `bwctl watch drops -o json` that the judge reads. */
export interface Drop {
  readonly reason: string;
  readonly proto: string;
  readonly src: string;
  readonly sport: number;
  readonly dst: string;
  readonly dport: number;
}

/** An attempt that was made: what the client saw, and the drops recorded for this very connection. */
export interface Tried {
  readonly attempt: Attempt;
  readonly spec: AttemptSpec;
  readonly result: AttemptResult;
  readonly drops: readonly Drop[];
}

/** The judgement of one attempt. */
export interface Judged {
  readonly tried: Tried;
  readonly ok: boolean;
  /** True when the dialogue went through. */
  readonly open: boolean;
  /** What happened, in words: `open`, a reason, or what is odd about it. */
  readonly observed: string;
}

/** Every attempt of the table: all that the destination serves, and ping, in both families. */
export function allAttempts(table: readonly Expectation[] = EXPECTED): Attempt[] {
  return table.flatMap((expectation) => {
    const { from, to } = expectation;
    const probes: Probe[] = [...stationOf(to).serves, 'ping'];
    return probes.flatMap((probe) =>
      ([4, 6] as const).map((family) => ({
        from,
        to,
        probe,
        family,
        expected: expectedVerdict(expectation, probe),
      })),
    );
  });
}

/** How long a client waits: a blocked one long enough to send a second SYN, an open one for as long as it takes. */
const OPEN_MS = 20_000;
const SHUT_MS = 1500;

/** The attempt for an agent. */
export function attemptSpec(attempt: Attempt, sourcePort: number): AttemptSpec {
  const { probe } = attempt;
  const target = isServiceName(probe)
    ? serviceSpec(probe)
    : ({ transport: 'ping', port: 0, kind: 'ping' } as const);
  return {
    transport: target.transport,
    kind: target.kind,
    source: addressOf(attempt.from, attempt.family),
    sourcePort: target.transport === 'ping' ? 0 : sourcePort,
    destination: addressOf(attempt.to, attempt.family),
    port: target.port,
    timeoutMs: attempt.expected === 'open' ? OPEN_MS : SHUT_MS,
  };
}

/** What a connection is filed under; the same for an attempt and for the drops that it caused. */
export function connectionKey(of: {
  proto: string;
  src: string;
  sport: number;
  dst: string;
  dport: number;
}): string {
  const echo = of.proto.startsWith('icmp');
  const proto = echo ? 'ping' : of.proto;
  const [sport, dport] = echo || proto === 'ping' ? [0, 0] : [of.sport, of.dport];
  return `${proto} ${of.src} ${sport} ${of.dst} ${dport}`;
}

/** The key of an attempt's connection. */
export function specKey(spec: AttemptSpec): string {
  return connectionKey({
    proto: spec.transport,
    src: spec.source,
    sport: spec.sourcePort,
    dst: spec.destination,
    dport: spec.port,
  });
}

/**
 * Open counts when the whole dialogue went through; blocked only when the client heard nothing and
 * the wall recorded a drop of that connection, for the expected reason and no other.
 */
export function judge(tried: Tried): Judged {
  const { attempt, result, drops } = tried;
  const open = result.outcome === 'answered';
  const reasons = [...new Set(drops.map((drop) => drop.reason))];
  const silent = result.outcome === 'silent';
  const observed = describe(result, reasons);
  const ok =
    attempt.expected === 'open'
      ? open
      : silent && reasons.length === 1 && reasons[0] === attempt.expected;
  return { tried, ok, open, observed };
}

function describe(result: AttemptResult, reasons: readonly string[]): string {
  const dropped = reasons.length > 0 ? `dropped as ${reasons.join(' and ')}` : 'no drop recorded';
  switch (result.outcome) {
    case 'answered':
      return 'open';
    case 'silent':
      return reasons.length === 1 ? (reasons[0] ?? '') : `silent, ${dropped}`;
    case 'refused':
      return `refused by the other end, ${dropped}`;
    case 'broken':
      return `${result.detail}, ${dropped}`;
  }
}

/** One line for an attempt that went wrong. */
export function complaint(judged: Judged): string {
  const { attempt, spec } = judged.tried;
  const end = (address: string, port: number) =>
    port === 0 ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  return (
    `${attempt.from} -> ${attempt.to} ${attempt.probe} (${end(spec.source, spec.sourcePort)} -> ` +
    `${end(spec.destination, spec.port)}): expected ${attempt.expected}, got ${judged.observed}`
  );
}
