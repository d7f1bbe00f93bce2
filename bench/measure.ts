/** One measurement: a source that sends live frames for a while, and the cost of each to the port. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BpfMap,
  type BpfObject,
  type BpfProgram,
  codec,
  xdpContext,
} from '../native/lib/index.js';
import { type Cpus, receivedBy, runTime, threadOf } from './cables.js';
import { measuredFrame, variation, type Work } from './frames.js';
import { type Subject, u32 } from './subjects.js';

/** Frames under way at most: fewer than the 256 that a queue of veth holds. */
const WINDOW = 192;
/** Attempts per system call, some 20 ms; those over the window cost nothing but the source's time. */
const ATTEMPTS = 32768;
const BATCH = 64;
/** Fewer than this share coming out means that what was measured is not forwarding. */
const LEAST_SHARE = 0.99;

const ATTEMPTS_AT_A_SAMPLE = 4;

const FRESH = 1;

interface Job {
  ifindex: number;
  flags: number;
  window: number;
  source: number;
  destination: number;
  destinations: number;
  ipSum: number;
  l4Sum: number;
}

/** What one measurement found. */
export interface Sample {
  /** CPU time of the receiving port's thread per packet, in nanoseconds. */
  readonly ns: number;
  readonly packets: number;
}

/** Sends to subjects and reads their threads. */
export class Meter {
  readonly #source: BpfProgram;
  readonly #jobs: BpfMap;
  readonly #sent: BpfMap;
  readonly #received: BpfMap;
  readonly #job;
  readonly #threads = new Map<Subject, number>();

  /** @param object bench.bpf.o, loaded */
  constructor(object: BpfObject) {
    this.#source = object.program('source');
    this.#jobs = object.map('jobs');
    this.#sent = object.map('sent');
    this.#received = object.map('received');
    this.#job = codec<Job>(object.btf(), 'job');
  }

  /** Puts the threads of a subject, which is attached, onto their CPUs. */
  adopt(subject: Subject, cpus: Cpus): void {
    this.#threads.set(subject, threadOf(subject.path.uplink, cpus.measured));
    threadOf(subject.path.end, cpus.sink);
  }

  /**
   * Measures for so many milliseconds, after a short run to warm up. What was lost on the way was not
   * forwarded, so a measurement with losses is made again.
   */
  async sample(subject: Subject, work: Work, milliseconds: number): Promise<Sample> {
    let lost = 0;
    for (let attempt = 0; attempt < ATTEMPTS_AT_A_SAMPLE; attempt++) {
      const { share, ...sample } = await this.#once(subject, work, milliseconds);
      if (share >= LEAST_SHARE) return sample;
      lost = 1 - share;
    }
    const percent = (lost * 100).toFixed(1);
    throw new Error(`${subject.name}, ${work.name}: ${percent}% of the frames did not come out`);
  }

  async #once(
    subject: Subject,
    work: Work,
    milliseconds: number,
  ): Promise<Sample & { share: number }> {
    subject.prime();
    const host = subject.hosts - 1;
    const frame = measuredFrame(work, host);
    const job = this.#job.encode({
      ifindex: subject.path.enter.ifindex,
      flags: work.fresh ? FRESH : 0,
      window: WINDOW,
      ...variation(work, host, subject.hosts),
    });
    this.#jobs.update(u32(0), job);
    this.#forgetOthers();
    await this.#send(frame, 0);
    const thread = this.#threads.get(subject)!;
    const before = { time: runTime(thread), in: receivedBy(subject.path.uplink), out: this.#out() };
    await this.#send(frame, milliseconds);
    const time = runTime(thread) - before.time;
    const packets = receivedBy(subject.path.uplink) - before.in;
    const share = packets > 0 ? (this.#out() - before.out) / packets : 0;
    return { ns: time / packets, packets, share };
  }

  /** Sends until the time is over, at least once, and waits until all has come out. */
  async #send(frame: Buffer, milliseconds: number): Promise<void> {
    const end = performance.now() + milliseconds;
    const ctx = xdpContext({ length: frame.length, ifindex: 1 });
    do {
      this.#source.testRun({ data: frame, ctx, live: true, repeat: ATTEMPTS, batchSize: BATCH });
    } while (performance.now() < end);
    for (let out = -1; out !== this.#out(); ) {
      out = this.#out();
      await sleep(2);
    }
  }

  /** Frames that came out without being the source's, from opening connections, widen no window. */
  #forgetOthers(): void {
    const sent = this.#sent.lookup(u32(0))!;
    sent.writeBigUInt64LE(BigInt(this.#out()), 0);
    this.#sent.update(u32(0), sent);
  }

  #out(): number {
    return Number(this.#received.lookup(u32(0))!.readBigUInt64LE(0));
  }
}
