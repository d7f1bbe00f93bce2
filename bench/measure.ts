/** One measurement: a source that sends live frames for a while, and the cost of each to the port. */
import type { BpfLink } from '../native/lib/index.js';
import { type Cpus, receivedBy, runTime, threadOf } from './cables.js';
import { measuredStep } from './frames.js';
import { openAll } from './opening.js';
import { BATCH, type Order, type Source } from './source.js';
import type { Subject } from './subjects/subject.js';
import type { Work } from './works.js';

/** Fewer than this share getting through means that what was measured is something else. */
const LEAST_SHARE = 0.99;
const ATTEMPTS_AT_A_SAMPLE = 4;
/** What does not come out cannot be waited for: it is sent at a pace, at first this one, ns a frame. */
const SLOW = 6000;
/** Later a little slower than the port can. */
const MARGIN = 1.2;
/** ... and than the source can. */
const FASTEST = 200;

/** What one measurement found. */
export interface Sample {
  /** CPU time of the receiving port's thread per packet, in nanoseconds. */
  readonly ns: number;
  readonly packets: number;
}

interface Once extends Sample {
  /** Frames that met the fate they should. */
  readonly share: number;
}

/** A subject whose threads run where they should. */
interface Adopted {
  readonly thread: number;
  readonly links: readonly BpfLink[];
  /** Works whose connections are open. */
  readonly open: Set<string>;
  /** Nanoseconds from frame to frame, by work, where a pace is needed. */
  readonly paces: Map<string, number>;
}

/** Sends to subjects and reads their threads. */
export class Meter {
  readonly source: Source;
  readonly #adopted = new Map<Subject, Adopted>();

  constructor(source: Source) {
    this.source = source;
  }

  /** Takes up a subject, which is attached: its threads go onto their CPUs, its far ends count. */
  adopt(subject: Subject, cpus: Cpus): void {
    const { enter, uplink, inside, end } = subject.path;
    const links = this.source.attachSinks(subject.path);
    const thread = threadOf(uplink, cpus.measured);
    threadOf(inside, cpus.measured);
    for (const device of [enter, end]) threadOf(device, cpus.sink);
    this.#adopted.set(subject, { thread, links, open: new Set(), paces: new Map() });
  }

  /** Lets go of a subject. */
  release(subject: Subject): void {
    for (const link of this.#adopted.get(subject)?.links ?? []) link.close();
    this.#adopted.delete(subject);
  }

  /** Connections of a subject are not needed any longer. */
  forget(subject: Subject): void {
    if (subject.forget()) this.#adopted.get(subject)!.open.clear();
  }

  /** Opens what has to be open before `work` is measured, unless it is. */
  async prepare(subject: Subject, work: Work): Promise<void> {
    const { open } = this.#adopted.get(subject)!;
    if (work.kind !== 'established') {
      if (work.kind === 'new' && subject.forget()) open.clear();
      return;
    }
    if (!subject.stateful || open.has(work.name)) return;
    await openAll(this.source, subject, work);
    open.add(work.name);
  }

  /**
   * Measures for so many milliseconds, after a short run to warm up. What was lost on the way was not
   * forwarded, so a measurement with losses is made again.
   */
  async sample(subject: Subject, work: Work, milliseconds: number): Promise<Sample> {
    let share = 0;
    for (let attempt = 0; attempt < ATTEMPTS_AT_A_SAMPLE; attempt++) {
      await this.prepare(subject, work);
      const once = passes(work)
        ? await this.#forwarded(subject, work, milliseconds)
        : await this.#dropped(subject, work, milliseconds);
      if (once.share >= LEAST_SHARE) return once;
      share = once.share;
    }
    const what = passes(work) ? 'come out' : 'get there and end there';
    const percent = ((1 - share) * 100).toFixed(1);
    throw new Error(`${subject.name}, ${work.name}: ${percent}% of the frames did not ${what}`);
  }

  async #forwarded(subject: Subject, work: Work, milliseconds: number): Promise<Once> {
    const order = orderOf(subject, work);
    await this.source.send(subject.path, order, 0);
    const { out, ...cost } = await this.#timed(subject, order, milliseconds);
    return { ...cost, share: cost.packets > 0 ? out / cost.packets : 0 };
  }

  /** At a pace that the port can just follow, which a slow run before finds. */
  async #dropped(subject: Subject, work: Work, milliseconds: number): Promise<Once> {
    const { paces } = this.#adopted.get(subject)!;
    const order = orderOf(subject, work);
    const at = (ns: number): Order => {
      return { ...order, pace: { interval: Math.round(ns * BATCH), burst: BATCH } };
    };
    if (!paces.has(work.name)) {
      const slow = await this.#timed(subject, at(SLOW), milliseconds / 2);
      paces.set(work.name, Math.max(FASTEST, slow.ns * MARGIN));
    }
    const pace = paces.get(work.name)!;
    const { out, sent, ...cost } = await this.#timed(subject, at(pace), milliseconds);
    const share = sent > 0 ? (cost.packets - out) / sent : 0;
    if (share < LEAST_SHARE) paces.set(work.name, pace * MARGIN);
    return { ...cost, share };
  }

  async #timed(subject: Subject, order: Order, milliseconds: number) {
    const { thread } = this.#adopted.get(subject)!;
    const { uplink } = subject.path;
    const before = { time: runTime(thread), in: receivedBy(uplink), out: this.source.received };
    const sent = await this.source.send(subject.path, order, milliseconds);
    const time = runTime(thread) - before.time;
    const packets = receivedBy(uplink) - before.in;
    return { ns: time / packets, packets, sent, out: this.source.received - before.out };
  }
}

function passes({ kind }: Work): boolean {
  return kind === 'established' || kind === 'new';
}

function orderOf({ hosts, lane = 0 }: Subject, work: Work): Order {
  const { shape, kind, flows, spread } = work;
  return {
    ...{ shape, kind, step: measuredStep(work), host: hosts - 1, lane },
    servers: spread ? hosts : 1,
    clients: kind === 'new' ? 0 : kind === 'established' ? flows : 1,
  };
}
