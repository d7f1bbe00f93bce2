/** How long frames are under way at low load: from the source to the sink, through a subject. */
import type { BpfMap, BpfObject } from '../native/lib/index.js';
import type { Cpus } from './cables.js';
import { stamped } from './frames.js';
import { openAll } from './opening.js';
import { type Latency, quantile } from './results.js';
import type { Source } from './source.js';
import type { Subject } from './subjects/subject.js';
import { ESTABLISHED_UDP } from './works.js';

/** As bench.bpf.c counts ages. */
const AGE_NS = 50;
/** One frame in so many nanoseconds: 20,000 a second. */
const INTERVAL = 50_000;
const WORK = { ...ESTABLISHED_UDP, name: 'at low load', shape: stamped(ESTABLISHED_UDP.shape) };

/** Times frames of one connection. */
export class Stopwatch {
  readonly #source: Source;
  readonly #ages: BpfMap;

  constructor(source: Source, object: BpfObject) {
    this.#source = source;
    this.#ages = object.map('ages');
  }

  /** Adds what some milliseconds show. */
  async sample(subject: Subject, latency: Latency, milliseconds: number): Promise<void> {
    const { shape, kind } = WORK;
    await openAll(this.#source, subject, WORK);
    this.#clear();
    const pace = { interval: INTERVAL, burst: 1 };
    const order = { shape, kind, step: 'datagram', host: subject.hosts - 1, clients: 1 } as const;
    const sent = await this.#source.send(
      subject.path,
      { ...order, pace, stamp: true },
      milliseconds,
    );
    const counts = this.#read();
    const came = counts.reduce((sum, count) => sum + count, 0);
    if (came < sent * 0.99) throw new Error(`${subject.name}: ${came} of ${sent} frames came out`);
    latency.p50.push(quantile(counts, 0.5, AGE_NS));
    latency.p99.push(quantile(counts, 0.99, AGE_NS));
    latency.p999.push(quantile(counts, 0.999, AGE_NS));
    latency.frames += came;
  }

  #clear(): void {
    const { maxEntries } = this.#ages.info;
    const keys = Buffer.from(Uint32Array.from({ length: maxEntries }, (_, i) => i).buffer);
    this.#ages.updateBatch(keys, Buffer.alloc(8 * maxEntries), maxEntries);
  }

  #read(): number[] {
    const counts: number[] = [];
    for (const { keys, values, count } of this.#ages.entries(4096)) {
      for (let i = 0; i < count; i++) {
        counts[keys.readUInt32LE(i * 4)] = Number(values.readBigUInt64LE(i * 8));
      }
    }
    return counts;
  }
}

/** The source has a CPU of its own: what it does must not keep a frame waiting. */
export function quietCpus(cpus: Cpus): Cpus {
  return cpus.sink === cpus.source ? { ...cpus, sink: cpus.measured } : cpus;
}

/** Nothing yet. */
export function noLatency(subject: string): Latency {
  return { subject, p50: [], p99: [], p999: [], frames: 0 };
}
