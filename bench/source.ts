/** The source of frames and the sinks that count them: programs of bench.bpf.c and their maps. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BpfLink,
  type BpfMap,
  type BpfObject,
  type BpfProgram,
  type Codec,
  codec,
  xdpContext,
} from '../native/lib/index.js';
import { u32, u64 } from '../test/native/words.js';
import type { Device, Path } from './cables.js';
import { frameOf, isBack, type Step, variation } from './frames.js';
import type { Kind, Shape } from './works.js';

/** Frames under way at most: fewer than the 256 that a queue of veth holds. */
const WINDOW = 192;
/** Attempts per system call, some 20 ms; those that send nothing cost only the source's time. */
const ATTEMPTS = 32_768;
/** Frames that the kernel hands on at once. */
export const BATCH = 64;
/** Clients follow each other by steps of the golden section, so that no two neighbours are near in a table. */
const STRIDE = 0.618;

const Flag = { VARY: 1, BACK: 2, TAGGED: 4, STAMP: 8 } as const;

interface Job {
  interval: bigint;
  burst: number;
  ifindex: number;
  flags: number;
  window: number;
  limit: number;
  clients: number;
  stride: number;
  family: number;
  client: number;
  server: number;
  servers: number;
  serverPort: number;
  ipSum: number;
  l4Sum: number;
  head: Uint8Array;
}

/** What to send. */
export interface Order {
  readonly shape: Shape;
  readonly kind: Kind;
  readonly step: Step;
  /** The screened host, or the last of those that are asked in turn. */
  readonly host: number;
  readonly servers?: number;
  /** So many clients in turn; 0: none comes twice. */
  readonly clients: number;
  /** In the order of their numbers, from this one on; default: in any order. */
  readonly from?: number;
  /** Frames in all; default: until the time is over. */
  readonly limit?: number;
  /** Nanoseconds from one burst of so many to the next; default: as fast as frames come out. */
  readonly pace?: { readonly interval: number; readonly burst: number };
  /** With the time of day, for the sink. */
  readonly stamp?: boolean;
  /** Which of several sources of one subject this is: others have other machines. */
  readonly lane?: number;
}

/** Sends frames into paths. */
export class Source {
  readonly #program: BpfProgram;
  readonly #sink: BpfProgram;
  readonly #jobs: BpfMap;
  readonly #sent: BpfMap;
  readonly #received: BpfMap;
  readonly #job: Codec<Job>;
  #serial = 0n;

  /** @param object bench.bpf.o, loaded */
  constructor(object: BpfObject) {
    this.#program = object.program('source');
    this.#sink = object.program('sink');
    this.#jobs = object.map('jobs');
    this.#sent = object.map('sent');
    this.#received = object.map('received');
    this.#job = codec<Job>(object.btf(), 'job');
  }

  /** Has both far ends of a path count what comes out. */
  attachSinks({ enter, end }: Path): BpfLink[] {
    return [enter, end].map(({ ifindex }) => this.#sink.attachXdp(ifindex, 'native'));
  }

  /** Frames that came out, ever. */
  get received(): number {
    return Number(this.#received.lookup(u32(0))!.readBigUInt64LE(0));
  }

  /** Sends for so many milliseconds, or until the limit, and waits until all has come out. Returns how many. */
  async send(path: Path, order: Order, milliseconds = Number.POSITIVE_INFINITY): Promise<number> {
    const frame = frameOf(order, order.step, order.host, order.lane);
    const into = isBack(order.step) ? path.end : path.enter;
    this.#begin(into, order, frame);
    const end = performance.now() + milliseconds;
    const limit = order.limit ?? Number.POSITIVE_INFINITY;
    const ctx = xdpContext({ length: frame.length, ifindex: 1 });
    const paced = order.pace !== undefined;
    const attempts = paced ? 4 * ATTEMPTS : ATTEMPTS;
    const batchSize = order.pace?.burst ?? BATCH;
    do {
      this.#program.testRun({ data: frame, ctx, live: true, repeat: attempts, batchSize });
    } while (performance.now() < end && this.#total() < limit);
    for (let out = -1; out !== this.received; ) {
      out = this.received;
      await sleep(2);
    }
    const sent = this.#sent.lookup(u32(0))!;
    if (order.clients === 0) this.#serial = sent.readBigUInt64LE(8);
    return this.#total();
  }

  #begin(into: Device, o: Order, frame: Buffer): void {
    const { clients, from, pace } = o;
    const varies = clients !== 1 || (o.servers ?? 1) > 1;
    const flags =
      (varies ? Flag.VARY : 0) |
      (isBack(o.step) ? Flag.BACK : 0) |
      (o.shape.vlan === 0 ? 0 : Flag.TAGGED) |
      (o.stamp === true ? Flag.STAMP : 0);
    const first = variation(o.shape, o.step, frame, o.servers ?? 1);
    this.#jobs.update(
      u32(0),
      this.#job.encode({
        interval: BigInt(pace?.interval ?? 0),
        burst: pace?.burst ?? BATCH,
        ifindex: into.ifindex,
        flags,
        window: WINDOW,
        limit: o.limit ?? 0,
        clients,
        stride: from === undefined ? strideOf(clients) : 1,
        ...first,
        server: first.server - ((o.servers ?? 1) > 1 ? o.host : 0),
      }),
    );
    const count = Buffer.alloc(this.#sent.info.valueSize);
    // What came out without being of this job widens no window.
    u64(BigInt(this.received)).copy(count, 0);
    u64(clients === 0 ? this.#serial : BigInt(from ?? 0)).copy(count, 8);
    this.#sent.update(u32(0), count);
  }

  #total(): number {
    return this.#sent.lookup(u32(0))!.readUInt32LE(28);
  }
}

/** A step that leads through all of so many. */
export function strideOf(clients: number): number {
  let stride = Math.max(1, Math.floor(clients * STRIDE));
  while (clients > 1 && gcd(stride, clients) !== 1) stride++;
  return stride;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
