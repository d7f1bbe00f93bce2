/** Test runs of frames that the wall may rewrite and send back. */
import {
  type BpfObject,
  type BpfProgram,
  skbContext,
  xdpContext,
} from '../../../native/lib/index.js';
import * as layouts from '../../../src/generated/layouts.js';
import type { PortName } from '../fixtures/types.js';
import { type Hook, openShim } from './hooks.js';
import type { TestWall } from './wall.js';

const { Outcome } = layouts;
const CODES = {
  xdp: { 1: 'drop', 2: 'pass', 4: 'redirect' },
  tc: { 0: 'pass', 2: 'drop', 7: 'redirect' },
} as const;

export interface ProbeRun {
  readonly action: 'drop' | 'pass' | 'redirect';
  readonly bytes: Buffer;
  /** Frames by outcome, of all ports. */
  readonly counted: Record<string, number>;
}

export class ProbeRuns {
  readonly #wall: TestWall;
  readonly #hook: Hook;
  readonly #program: BpfProgram;
  readonly #shim: BpfObject | undefined;

  constructor(wall: TestWall, hook: Hook) {
    this.#wall = wall;
    this.#hook = hook;
    if (hook === 'xdp') {
      this.#program = wall.object.program('xdp_wall');
    } else {
      this.#shim = openShim(wall);
      this.#program = this.#shim.program('from_wire');
    }
  }

  run(port: PortName, frame: Buffer): ProbeRun {
    const before = this.#counts();
    const { retval, data } = this.throwAt(port, frame);
    const after = this.#counts();
    const counted = Object.fromEntries(
      Object.entries(after)
        .map(([name, count]) => [name, count - (before[name] ?? 0)] as const)
        .filter(([, count]) => count !== 0),
    );
    const codes = CODES[this.#hook] as Record<number, ProbeRun['action']>;
    const action = codes[retval];
    if (action === undefined) throw new Error(`${this.#hook}_wall returned ${retval}`);
    return { action, bytes: data, counted };
  }

  /** Without a look at what is counted. */
  throwAt(port: PortName, frame: Buffer): { retval: number; data: Buffer } {
    const ifindex = this.#wall.ifindex(port);
    const ctx =
      this.#hook === 'xdp'
        ? xdpContext({ length: frame.length, ifindex })
        : skbContext({ ifindex });
    return this.#program.testRun({ data: frame, dataOut: frame.length, ctx });
  }

  #counts(): Record<string, number> {
    const { rx, forwarded, passed, dropped } = this.#wall.tally();
    const answered = this.#wall.ports
      .map((_, port) => this.#wall.count(port, Outcome.ANSWERED))
      .reduce((sum, count) => sum + count, 0);
    return { rx, forwarded, passed, answered, ...dropped };
  }

  close(): void {
    this.#shim?.close();
  }
}
