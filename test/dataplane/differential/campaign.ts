/** Batches of sessions through both machines, and what their differences come to. */
import { tcpFlagLetters } from '../../packet/index.js';
import { classOf, factsOf } from './classes.js';
import { type Difference, type Machines, Passed } from './machines.js';
import { Batch, type Session } from './session.js';

export interface Count {
  readonly laxer: boolean;
  readonly name: string;
  /** First differences of sessions. */
  beside: number;
  /** Differences of the conntrack that stands behind the wall only. */
  behind: number;
}

/** As many as are told of. */
const MOST_UNKNOWN = 10;
const MOST_TOLD = 24;

export class Campaign {
  readonly counts = new Map<string, Count>();
  /** Differences of no class, as stories. */
  readonly unknown: string[] = [];
  /** Segments of honest ends that the packet path dropped, as stories. */
  readonly dropped: string[] = [];
  sessions = 0;
  frames = 0;
  /** Sessions on which the two never differed. */
  agreed = 0;
  readonly #machines: Machines;
  readonly #batch = new Batch();
  readonly #honest: boolean;

  /** @param o.honest nothing of these sessions may be dropped */
  constructor(machines: Machines, o: { honest?: boolean } = {}) {
    this.#machines = machines;
    this.#honest = o.honest ?? false;
  }

  add(session: Session): void {
    if (session.segments.length === 0) return;
    this.#batch.add(session);
    if (this.#batch.full) this.flush();
  }

  flush(): void {
    const { passed, differences } = this.#machines.run(this.#batch);
    this.frames += passed.length;
    this.sessions += this.#batch.sessions.length;
    this.agreed +=
      this.#batch.sessions.length - new Set(differences.map(({ session }) => session)).size;
    for (const difference of differences) this.#classify(difference);
    if (this.#honest) this.#lookForDrops(passed);
    this.#batch.clear();
  }

  #classify(difference: Difference): void {
    const found = classOf(difference);
    if (found === undefined) {
      if (this.unknown.length < MOST_UNKNOWN) this.unknown.push(story(difference));
      return;
    }
    const { beside } = factsOf(difference);
    const key = `${found.laxer} ${found.name}`;
    const count = this.counts.get(key) ?? { ...found, beside: 0, behind: 0 };
    this.counts.set(key, count);
    if (beside) count.beside += 1;
    else count.behind += 1;
  }

  #lookForDrops(passed: Buffer): void {
    const { sessions, starts } = this.#batch;
    for (const [index, session] of sessions.entries()) {
      const own = passed.subarray(starts[index], starts[index]! + session.segments.length);
      const at = own.findIndex((one, at) => !(one & Passed.OURS) && isNews(session, own, at));
      if (at >= 0) this.dropped.push(told(session, own, at));
    }
  }

  /** One line per class, most frequent first. */
  report(): string[] {
    const all = [...this.counts.values()].sort(
      (a, b) => Number(a.laxer) - Number(b.laxer) || b.beside + b.behind - a.beside - a.behind,
    );
    const lines = all.map(({ laxer, name, beside, behind }) =>
      [
        `  ${laxer ? 'laxer   ' : 'stricter'}`,
        `${beside}`.padStart(8),
        `${behind}`.padStart(6),
        ` ${name}`,
      ].join(''),
    );
    const { sessions, frames, agreed } = this;
    return [
      `  ${sessions} sessions, ${frames} frames; in ${agreed} of them no difference`,
      ...lines,
    ];
  }
}

/** Neither has the same passed before, nor has the other end acknowledged all of it. */
function isNews({ segments }: Session, passed: Uint8Array, at: number): boolean {
  const { reply, flags, seq, ack, length } = segments[at]!;
  return !segments.slice(0, at).some((one, index) => {
    if (!(passed[index]! & Passed.OURS)) return false;
    if (one.reply !== reply) return length > 0 && ((seq + length - one.ack) | 0) <= 0;
    return one.flags === flags && one.seq === seq && one.ack === ack && one.length === length;
  });
}

function story(difference: Difference): string {
  const { session, at, before, passed, reason, words } = difference;
  const { standing, pending, fromOpener } = factsOf(difference);
  const verdicts = Uint8Array.from([...before, passed]);
  return [
    told(session, verdicts, at),
    `ours: ${reason}, established ${standing || '-'}, pending ${pending || '-'}, from the ${fromOpener ? 'opener' : 'other end'}`,
    `conntrack: ${words.beside || '-'}; behind: ${words.behind || '-'}`,
  ].join('\n');
}

/** A session up to a segment; o, c, b: it passed ours, conntrack beside it, and behind it. */
function told({ name, family, segments }: Session, passed: Uint8Array, until: number): string {
  const from = Math.max(0, until - MOST_TOLD);
  const lines = segments.slice(from, until + 1).map((one, index) => {
    const at = from + index;
    const verdict = passed[at]!;
    const letters = [
      verdict & Passed.OURS ? 'o' : '-',
      verdict & Passed.BESIDE_ASKED ? (verdict & Passed.BESIDE ? 'c' : '-') : ' ',
      verdict & Passed.BEHIND_ASKED ? (verdict & Passed.BEHIND ? 'b' : '-') : ' ',
    ].join('');
    const { reply, flags, seq, ack, window, length, options } = one;
    const numbers = `seq ${seq} ack ${ack} win ${window} len ${length}`;
    const rest = options.length === 0 ? '' : ` options ${Buffer.from(options).toString('hex')}`;
    return `${letters} ${reply ? '<' : '>'} [${tcpFlagLetters(flags)}] ${numbers}${rest}`;
  });
  return [`${name}, IPv${family}`, ...lines].join('\n');
}
