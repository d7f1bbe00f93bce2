/** Connections that are told of: their records, and the passes of the kernel that make them. */
import { RingBuffers } from '../../../native/lib/index.js';
import * as layouts from '../../generated/layouts.js';
import type { RuleRef, SessionRecord } from '../service.js';
import type { Clock } from './clock.js';
import { type Dataplane, index } from './object.js';
import { endsOf, trafficOf } from './states.js';
import { batches } from './visit.js';

const { SessionEnd, StateBits } = layouts;
/** Of each record the reader tells offset, length and CPU. */
const RECORD_WORDS = 3;

const REASONS = new Map<number, string>(
  Object.entries(SessionEnd).map(([name, number]) => [number, name.toLowerCase()]),
);

/** What has become of the sessions since the dataplane was loaded. */
export interface SessionStats {
  readonly opened: number;
  readonly ended: number;
  /** Records that had to wait. */
  readonly held: number;
  /** Connections of which nothing was kept. */
  readonly lost: number;
}

export function sessionStats(dataplane: Pick<Dataplane, 'map'>): SessionStats {
  const stats = layouts.sessionStats.decode(dataplane.map('session_stats').lookup(index(0))!);
  return {
    opened: Number(stats.opened),
    ended: Number(stats.ended),
    held: Number(stats.held),
    lost: Number(stats.lost),
  };
}

/**
 * A pass over the sessions, if there are any: tells what began and ended. Resolves true when the ring
 * had no room for some of it, so that another pass is wanted soon.
 */
export async function sweepSessions(
  dataplane: Pick<Dataplane, 'map' | 'program'>,
  stop: () => boolean = () => false,
): Promise<boolean> {
  const { opened, ended, held } = sessionStats(dataplane);
  if (opened === ended) return false;
  for await (const _ of batches(dataplane, 'sweep_sessions', 'sessions')) {
    if (stop()) break;
  }
  return sessionStats(dataplane).held > held;
}

/** Reads records until closed: whole batches, and how many were lost on the way. */
export function readSessions(
  dataplane: Pick<Dataplane, 'map'>,
  onRecords: (records: () => layouts.SessionRecord[], count: number, lost: number) => void,
): RingBuffers {
  return new RingBuffers([dataplane.map('session_ring')], (slab, words, lost) => {
    const decode = () => {
      const records: layouts.SessionRecord[] = [];
      for (let i = 0; i < words.length; i += RECORD_WORDS) {
        records.push(layouts.sessionRecord.decode(slab, words[i]!));
      }
      return records;
    };
    onRecords(decode, words.length / RECORD_WORDS, lost);
  });
}

/** One record for people. @param at what the clock says, and when it said so, in milliseconds */
export function describeSession(
  record: layouts.SessionRecord,
  at: { readonly jiffies: bigint; readonly ms: number },
  clock: Pick<Clock, 'seconds'>,
  ruleOf: (slot: number) => RuleRef | null,
): SessionRecord {
  const { key, born, why, session } = record;
  const ended = why !== SessionEnd.LIVES;
  const transit = (session.word & StateBits.TRANSIT) !== 0;
  const time = (jiffies: bigint) =>
    new Date(at.ms - clock.seconds(jiffies, at.jiffies) * 1000).toISOString();
  const out = ruleOf(session.ruleOut);
  return {
    ts: time(ended ? session.last : born),
    event: ended ? 'session-end' : 'session-start',
    ...endsOf(key, session.word),
    start: time(born),
    seconds: ended ? clock.seconds(born, session.last) : 0,
    reason: ended ? (REASONS.get(why) ?? String(why)) : '',
    ...trafficOf(session.sent, session.word),
    rules: {
      out: transit ? null : out,
      in: ruleOf(session.ruleIn),
      transit: transit ? out : null,
    },
  };
}
