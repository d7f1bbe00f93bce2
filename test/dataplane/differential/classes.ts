/**
 * What a difference between the packet path and nf_conntrack is: by the rule of ours that dropped, by
 * what conntrack said, by the phase and by what came before. Decision 28 explains each class; what
 * is in none of them fails the test.
 */
import * as layouts from '../../../src/generated/layouts.js';
import { phaseName } from '../harness/states.js';
import { type Difference, Passed } from './machines.js';
import { ACK, clientIsHigh, FIN, RST, type Segment, SYN } from './session.js';

const { StateBits, TcpBits } = layouts;

export interface Class {
  readonly name: string;
  /** Ours let through what conntrack did not. */
  readonly laxer: boolean;
}

type Kind = 'SYN' | 'SYN-ACK' | 'RST' | 'FIN' | 'ACK';

/** A difference with what follows from it. */
export interface Facts {
  readonly segment: Segment;
  readonly kind: Kind;
  /** Of the end that opened the connection. */
  readonly fromOpener: boolean;
  /** Phase of the connection that stands; '' for none. */
  readonly standing: string;
  /** Phase of the one in the making; '' for none. */
  readonly pending: string;
  /** The reopened connection's predecessor is still in its slot. */
  readonly succeeded: boolean;
  /** What conntrack said. */
  readonly words: string;
  readonly reason: string;
  /** Segments before this one in the same life of the ports: since a RST or FIN, and since ever. */
  readonly recent: readonly Earlier[];
  readonly earlier: readonly Earlier[];
  readonly state: layouts.State | undefined;
  readonly beside: boolean;
  /** The one that was never shown what we drop lets it through. */
  readonly behindAgrees: boolean;
}

interface Earlier {
  readonly segment: Segment;
  readonly kind: Kind;
  readonly passed: number;
}

export function kindOf({ flags }: Segment): Kind {
  if (flags & RST) return 'RST';
  if (flags & SYN) return flags & ACK ? 'SYN-ACK' : 'SYN';
  return flags & FIN ? 'FIN' : 'ACK';
}

export function factsOf(d: Difference): Facts {
  const segment = d.session.segments[d.at]!;
  const succeeded = phaseOf(d.established) === 'dying';
  const standing = succeeded ? '' : phaseOf(d.established);
  const state = standing === '' ? d.pending : d.established;
  const earlier = d.session.segments.slice(0, d.at).map((one, at) => ({
    segment: one,
    kind: kindOf(one),
    passed: d.before[at]!,
  }));
  const end = earlier.findLastIndex(
    ({ kind, passed }) => (kind === 'RST' || kind === 'FIN') && passed & Passed.OURS,
  );
  return {
    ...{ segment, standing, succeeded, state, earlier, reason: d.reason },
    kind: kindOf(segment),
    fromOpener: state !== undefined && openerSent(d, state, segment),
    pending: phaseOf(d.pending),
    words: isBeside(d) ? d.words.beside : d.words.behind,
    recent: earlier.slice(end + 1),
    beside: isBeside(d),
    behindAgrees: (d.passed & Passed.BEHIND) !== 0,
  };
}

/** The two differ on a frame that all were shown; else only the one behind is at odds. */
function isBeside({ passed }: Difference): boolean {
  const asked = (passed & Passed.BESIDE_ASKED) !== 0;
  return asked && (passed & Passed.OURS) !== (passed & Passed.BESIDE) / Passed.BESIDE;
}

function phaseOf(state: layouts.State | undefined): string {
  return state === undefined ? '' : phaseName(state.word & StateBits.PHASE);
}

function openerSent(d: Difference, { word }: layouts.State, { reply }: Segment): boolean {
  const openerHigh = (word & StateBits.ORIG_HIGH) !== 0;
  return openerHigh === (clientIsHigh(d.session) !== reply);
}

export function classOf(d: Difference): Class | undefined {
  const facts = factsOf(d);
  if (d.passed & Passed.OURS) {
    const found = isWithin(d, facts) ? LAXER.find(([, when]) => when(facts)) : undefined;
    return found && { name: found[0], laxer: true };
  }
  const name = stricter(d, facts);
  return name === undefined ? undefined : { name, laxer: false };
}

// ---- ours is laxer: only for these reasons ------------------------------------------------------

const OPENING = ['syn-sent', 'syn-sent2', 'syn-recv'];
const CLOSING = ['fin-wait', 'close-wait', 'last-ack', 'time-wait'];

const making = ({ standing, pending }: Facts) => standing === '' && OPENING.includes(pending);
const passedBefore = (all: readonly Earlier[], ...kinds: Kind[]) =>
  all.filter(({ kind, passed }) => passed & Passed.OURS && kinds.includes(kind));

/** One end said SYN or SYN-ACK with two numbers. */
function numbersAnew(all: readonly Earlier[], also?: Segment): boolean {
  const seen = passedBefore(all, 'SYN', 'SYN-ACK').map(({ segment }) => segment);
  if (also !== undefined && also.flags & SYN) seen.push(also);
  return [true, false].some((reply) => {
    const numbers = seen.filter((one) => one.reply === reply).map(({ seq }) => seq);
    return new Set(numbers).size > 1;
  });
}

/** The last reset that passed, and whether a SYN passed after it. */
function resetBefore(all: readonly Earlier[]): 'none' | 'last' | 'SYN after' {
  const last = passedBefore(all, 'RST', 'SYN').at(-1);
  if (last?.kind === 'RST') return 'last';
  return passedBefore(all, 'RST').length === 0 ? 'none' : 'SYN after';
}

/** The other end has sent more than its SYN-ACK before the opener answered that. */
function spokeEarly({ earlier }: Facts): boolean {
  let waits: Segment | undefined;
  for (const { segment, kind, passed } of earlier) {
    if (!(passed & Passed.OURS)) continue;
    if (kind === 'SYN-ACK') waits ??= segment;
    else if (waits !== undefined && kind !== 'SYN') {
      if (segment.reply === waits.reply) return true;
      waits = undefined;
    }
  }
  return false;
}

/** The same SYN or SYN-ACK has come with another window, other options, or data. */
function repeatedOtherwise(all: readonly Earlier[]): boolean {
  const greetings = passedBefore(all, 'SYN', 'SYN-ACK').map(({ segment }) => segment);
  const same = (a: Segment, b: Segment) =>
    a.window === b.window && a.length === b.length && Buffer.compare(a.options, b.options) === 0;
  return greetings.some((one) =>
    greetings.some((two) => one.reply === two.reply && one.seq === two.seq && !same(one, two)),
  );
}

/** Blocks of a SACK option; nothing else has that length and kind here. */
function hasBlocks({ options }: Segment): boolean {
  return options[2] === 5 && options[3]! % 8 === 2;
}

const over = ({ words }: Facts) => /^(SEQ|ACK) is over/.test(words);

/**
 * Whatever the reason, data and acknowledgements have to lie within what the two ends have told each
 * other, by the state before; of an end that has said nothing yet, only a challenge can come.
 */
function isWithin(d: Difference, { kind, segment, fromOpener }: Facts): boolean {
  if (kind !== 'ACK' && kind !== 'FIN') return true;
  return [d.established, d.pending].some((state) => {
    if (state === undefined) return false;
    if (!known(state) || ['syn-sent', 'syn-sent2'].includes(phaseOf(state))) {
      return kind === 'ACK' && !fromOpener;
    }
    const [s, r] = sidesOf(d, state);
    return [undefined, SACK].includes(window(segment, s, r));
  });
}

const LAXER: readonly (readonly [name: string, when: (f: Facts) => boolean])[] = [
  [
    'conntrack learned from what it dropped itself',
    ({ beside, behindAgrees, earlier }) =>
      beside &&
      behindAgrees &&
      earlier.some(({ passed }) => !(passed & (Passed.OURS | Passed.BESIDE))),
  ],
  [
    'refused again',
    ({ kind, standing, pending, words }) =>
      kind === 'RST' && standing === '' && pending === 'close' && words === 'invalid new',
  ],
  [
    'an old SYN has ended it for conntrack',
    ({ standing, pending }) => CLOSING.includes(standing) && OPENING.includes(pending),
  ],
  [
    'copies of the handshake have begun it anew for conntrack',
    ({ standing, pending }) => standing === 'established' && pending === 'syn-sent',
  ],
  [
    'the handshake of a successor',
    ({ standing, pending }) => standing === 'established' && pending === 'syn-recv',
  ],
  [
    'opened anew after a reset',
    ({ standing, pending, kind }) =>
      standing === 'close'
        ? kind === 'SYN' || OPENING.includes(pending)
        : pending === 'close' && kind === 'SYN',
  ],
  [
    'a reset that closed nothing',
    (f) =>
      (making(f) || over(f) || /state CLOSE$|^invalid rst$/.test(f.words)) &&
      resetBefore(f.earlier) === 'last',
  ],
  ['opened anew after a reset', (f) => making(f) && resetBefore(f.earlier) === 'SYN after'],
  [
    'a handshake whose numbers changed',
    (f) =>
      (making(f) && numbersAnew(f.recent, f.segment)) ||
      (f.standing === '' && f.pending === 'close' && numbersAnew(f.earlier)),
  ],
  [
    'a connection whose handshake changed its numbers',
    (f) => f.standing !== '' && numbersAnew(f.earlier),
  ],
  [
    'opened from both ends out of TIME-WAIT',
    (f) => f.succeeded && f.pending === 'syn-sent' && passedBefore(f.recent, 'SYN').length > 1,
  ],
  [
    'within the window of a SYN',
    (f) => (making(f) && f.words.startsWith('SEQ is over')) || (over(f) && spokeEarly(f)),
  ],
  [
    'refused by number zero',
    (f) =>
      f.kind === 'RST' &&
      making(f) &&
      !f.fromOpener &&
      f.segment.seq === 0 &&
      f.pending !== 'syn-sent',
  ],
  ['a SYN or SYN-ACK repeated otherwise', (f) => over(f) && repeatedOtherwise(f.earlier)],
  [
    'a SACK block below the acknowledgement',
    (f) => f.words.startsWith('ACK is over') && hasBlocks(f.segment),
  ],
  [
    'closed by a reset that conntrack did not heed',
    (f) => (f.standing || f.pending) === 'close' && (f.kind === 'ACK' || f.kind === 'FIN'),
  ],
  [
    'a SYN-ACK repeated by the opener',
    (f) => f.kind === 'SYN-ACK' && f.fromOpener && f.standing === '' && f.pending === 'syn-recv',
  ],
];

// ---- ours is stricter ---------------------------------------------------------------------------

const MOST_BEHIND = 66_000;
const SACK = 'SACK of what was not sent';
const ahead = (a: number, b: number) => (a - b) | 0;

/** The rule that the segment broke (bpf/tcp_follow.h, window.h), by the state it was judged by. */
function stricter(d: Difference, f: Facts): string | undefined {
  if (f.reason === 'bad-phase') return `no ${f.kind} of ${who(f)} in this phase`;
  if (f.reason === 'no-state') return 'no connection';
  if (f.reason !== 'out-of-window' || f.state === undefined) return undefined;
  const [s, r] = sidesOf(d, f.state);
  const broken = window(f.segment, s, r);
  const phase = f.standing === '' ? f.pending : f.standing;
  if (f.kind === 'RST')
    return OPENING.includes(phase) ? 'a reset that answers no SYN' : 'a reset of no number';
  if (f.kind === 'SYN') return 'a SYN below the last number';
  if (f.kind === 'SYN-ACK')
    return OPENING.includes(phase)
      ? 'a SYN-ACK that answers no SYN'
      : (broken ?? 'a SYN-ACK beside its successor');
  if (phase === 'close' && !known(f.state)) return 'refused, and more than refusals';
  return (
    broken ?? (phase === 'syn-recv' && f.fromOpener ? 'does not complete the handshake' : undefined)
  );
}

/** The sides of a state: sender and receiver of the segment. */
function sidesOf(d: Difference, { tcp }: layouts.State): [layouts.TcpSide, layouts.TcpSide] {
  const high = clientIsHigh(d.session) !== d.session.segments[d.at]!.reply ? 1 : 0;
  return [tcp[high]!, tcp[1 - high]!];
}

const who = ({ fromOpener }: Facts) => (fromOpener ? 'the opener' : 'the other end');

function known({ word }: layouts.State): boolean {
  const [low, high] = [StateBits.LOW_TCP, StateBits.HIGH_TCP].map((shift) => word >>> shift);
  return (low! & high! & TcpBits.KNOWN) !== 0;
}

/** The first of the window's rules that it breaks. */
function window(segment: Segment, s: layouts.TcpSide, r: layouts.TcpSide): string | undefined {
  const data = segment.seq + segment.length + (segment.flags & SYN ? 1 : 0);
  const end = data + (segment.flags & FIN ? 1 : 0);
  const edge = ahead(s.limit, s.end) > 0 ? s.limit : s.end;
  if (ahead(data, edge) > 0) return 'beyond the right edge';
  if (ahead(segment.ack, r.end) > 0) return 'acknowledges what was not sent';
  if (ahead(s.acked, segment.ack) > Math.max(MOST_BEHIND, s.window))
    return 'acknowledges what is long past';
  if (ahead(r.acked, end) > Math.max(MOST_BEHIND, r.window)) return 'data of long ago';
  return segment.options.length > 0 ? SACK : undefined;
}
