import { checkBytes, checkNumber, checkOptions, checkText, shown } from './check.js';
import { BpfError } from './error.js';
import type { ProgramInfo, XdpMode } from './info.js';
import { BpfLink } from './link.js';
import { addon, type NativeProgram } from './native.js';
import { adoptPin } from './pin.js';
import { checkTcPlace, type TcDirection } from './tc.js';

/** What {@link BpfProgram.testRun} gives the program. */
export interface TestRunOptions {
  /** The frame; none for syscall programs. */
  readonly data?: Uint8Array;
  /** Room for the frame as the program leaves it, in bytes; by default 256 more than it had. */
  readonly dataOut?: number;
  /** The context: see xdpContext() and skbContext(); of a syscall program, its argument. */
  readonly ctx?: Uint8Array;
  /** How many times to run; 1 by default. */
  readonly repeat?: number;
  /** XDP only: sends the frames for real, as the program decides; data and ctx come back empty. */
  readonly live?: boolean;
  /** Live frames per batch; the kernel's choice by default. */
  readonly batchSize?: number;
}

/**
 * What a test run gave: the return code, frame and context as the program left them, mean time of a
 * run.
 */
export interface TestRunResult {
  readonly retval: number;
  readonly data: Buffer;
  readonly ctx: Buffer;
  readonly durationNs: number;
}

/** Room that a program may gain by growing the head of the frame. */
const HEADROOM = 256;
const MOST_DATA = 1 << 20;
const MOST_REPEATS = 0x7fffffff;
const MOST_BATCH = 256;

/**
 * One program that the verifier has accepted. Every method throws {@link BpfError}; ECLOSED after
 * close().
 */
export class BpfProgram implements Disposable {
  readonly info: ProgramInfo;
  readonly #native: NativeProgram;
  #closed = false;

  private constructor(fd: number) {
    this.#native = new (addon().NativeProgram)(fd);
    this.info = Object.freeze(this.#native.info());
  }

  /** @internal Makes a handle of a descriptor, which it then owns. */
  static own(fd: number): BpfProgram {
    return new BpfProgram(fd);
  }

  /** Opens the program that is pinned there. */
  static adopt(pinPath: string): BpfProgram {
    return new BpfProgram(adoptPin(pinPath, 'program'));
  }

  /** The descriptor, for as long as the program is open; it stays the program's own. */
  get fd(): number {
    return this.#native.descriptor();
  }

  /** Whether close() was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Ids of the maps that the program uses, data sections among them; at most 64. */
  mapIds(): number[] {
    return this.#native.mapIds();
  }

  /** Runs the program once or more on made-up input, in the kernel, with its real maps. */
  testRun(o: TestRunOptions): TestRunResult {
    checkOptions(o, 'testRun');
    const { data, ctx, repeat = 1, live = false } = o;
    if (data !== undefined) checkBytes(data, 'data');
    if (ctx !== undefined) checkBytes(ctx, 'ctx');
    const dataOut = o.dataOut ?? (data === undefined ? 0 : data.byteLength + HEADROOM);
    checkNumber(dataOut, 'dataOut', 0, MOST_DATA);
    checkNumber(repeat, 'repeat', 1, MOST_REPEATS);
    checkNumber(o.batchSize ?? 0, 'batchSize', 0, MOST_BATCH);
    if (o.batchSize !== undefined && !live) throw new BpfError('batchSize: only with live');
    return this.#native.testRun(
      data ?? null,
      dataOut,
      ctx ?? null,
      repeat,
      Boolean(live),
      o.batchSize ?? 0,
    );
  }

  /** Attaches to an interface of the process's network namespace until the link is gone. */
  attachXdp(ifindex: number, mode: XdpMode): BpfLink {
    checkNumber(ifindex, 'ifindex', 1, 0x7fffffff);
    if (mode !== 'native' && mode !== 'generic') {
      throw new BpfError(`mode: expected native or generic, got ${shown(mode)}`);
    }
    return BpfLink.own(this.#native.attachXdp(ifindex, mode === 'generic'));
  }

  /** Attaches a program of section `tp_btf` to the tracepoint that its section names. */
  attachTracing(): BpfLink {
    return BpfLink.own(this.#native.attachTracing());
  }

  /**
   * Attaches a tc program to an interface before all others there, without a qdisc: tcx, which Linux
   * has since 6.6. An older one refuses with `EINVAL`.
   */
  attachTcx(ifindex: number, direction: 'ingress' | 'egress'): BpfLink {
    checkNumber(ifindex, 'ifindex', 1, 0x7fffffff);
    if (direction !== 'ingress' && direction !== 'egress') {
      throw new BpfError(`direction: expected ingress or egress, got ${shown(direction)}`);
    }
    return BpfLink.own(this.#native.attachTcx(ifindex, direction === 'egress'));
  }

  /**
   * Attaches as a tc filter in direct action, and stays until detachTc(); makes the clsact qdisc
   * when there is none. EEXIST when the place is taken, unless `replace`, which swaps without a
   * gap.
   */
  attachTc(o: {
    readonly ifindex: number;
    readonly direction: TcDirection;
    readonly handle: number;
    readonly priority: number;
    readonly replace?: boolean;
  }): void {
    const egress = checkTcPlace(o);
    addon().attachTc(this.fd, o.ifindex, egress, o.handle, o.priority, o.replace ?? false);
  }

  /** Gives the program a path in a bpf file system, so that it outlives the process. */
  pin(path: string): void {
    checkText(path, 'pin');
    this.#native.pin(path);
  }

  /** Lets go of the program; harmless when done before. What it is attached to keeps it. */
  close(): void {
    this.#closed = true;
    this.#native.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
