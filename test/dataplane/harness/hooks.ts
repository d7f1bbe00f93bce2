/** Test runs of one frame through an entry point, and what they show of the verdict. */
import { resolve } from 'node:path';
import { BpfObject, type BpfProgram, skbContext, xdpContext } from '../../../native/lib/index.js';
import * as layouts from '../../../src/generated/layouts.js';
import { cut } from '../../packet/index.js';
import type { ActionName, PortName, RuleIds } from '../fixtures/types.js';
import { built, ROOT } from './native.js';
import { index, type TestWall } from './wall.js';

const { Action, MarkBits, VerdictFlags } = layouts;

export type Hook = 'xdp' | 'tc';

/** How a frame lies in memory before XDP: so many bytes of it in the first buffer. */
export interface Pieces {
  readonly linear: number;
}

/** What one run did, as far as one can see from outside. */
export interface Outcome {
  /** By the code; `every-port` looks like `forward` in XDP, and like `drop` in tc, which has sent copies; `detour` like `forward` in tc. */
  readonly action: 'drop' | 'forward' | 'flood' | 'detour';
  /** The mark for netfilter; 0: none. */
  readonly mark: number;
  /** What is left of the frame. */
  readonly bytes: Buffer;
  /** The hook that judged it: XDP leaves some frames to tc. */
  readonly by: Hook;
}

const XDP = { DROP: 1, PASS: 2, REDIRECT: 4 } as const;
const TC = { OK: 0, SHOT: 2, REDIRECT: 7 } as const;

/** By the mark, when the frame goes on to netfilter for its sake. */
function markedAction(mark: number): Outcome['action'] {
  switch ((mark & MarkBits.KIND) >>> 0) {
    case MarkBits.DROP_LOG:
      return 'drop';
    case MarkBits.SENT_LOG:
      return 'forward';
    case MarkBits.ACCEPT:
    case MarkBits.ACCEPT_LOG:
      return 'flood';
    case MarkBits.DETOUR:
      return 'detour';
    default:
      throw new Error(`passed on with mark 0x${mark.toString(16)}`);
  }
}

export class XdpHook {
  readonly name = 'xdp';
  readonly #program: BpfProgram;
  readonly #wall: TestWall;
  readonly #behind: TcHook;
  readonly #pieces: Pieces | undefined;

  /** @param pieces for the program that takes frames of several buffers */
  constructor(wall: TestWall, pieces?: Pieces) {
    this.#wall = wall;
    this.#pieces = pieces;
    this.#program = wall.object.program(pieces === undefined ? 'xdp_wall' : 'xdp_wall_frags');
    this.#behind = new TcHook(wall);
  }

  run(port: PortName, frame: Buffer): Outcome {
    const { retval, data } = this.#program.testRun({
      data: frame,
      dataOut: frame.length + layouts.xdpMeta.size,
      ctx: xdpContext({
        length: Math.min(frame.length, this.#pieces?.linear ?? frame.length),
        ifindex: this.#wall.ifindex(port),
      }),
    });
    const by = this.name;
    if (retval === XDP.DROP) return { action: 'drop', mark: 0, bytes: data, by };
    if (retval === XDP.REDIRECT) return { action: 'forward', mark: 0, bytes: data, by };
    if (retval !== XDP.PASS) throw new Error(`xdp_wall returned ${retval}`);
    // Without a verdict before it the frame goes on as it came.
    if (data.equals(frame)) return this.#behind.run(port, frame);
    const meta = layouts.xdpMeta.decode(data);
    const bytes = data.subarray(layouts.xdpMeta.size);
    // tc sends what the devmap would not take.
    const sent = meta.mark >>> 0 === MarkBits.ACCEPT && meta.ifindex !== 0;
    return { action: sent ? 'forward' : markedAction(meta.mark), mark: meta.mark, bytes, by };
  }

  close(): void {
    this.#behind.close();
  }
}

interface Segments {
  readonly gsoSegs?: number;
  readonly gsoSize?: number;
}

const SHIM = 'test/dataplane/native/shim.bpf.c';

/** Brings frames to `tc_wall` as they come from the wire: its program `from_wire`. */
export function openShim(wall: TestWall): BpfObject {
  const include = `-I/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
  const object = built('build/test/shim.bpf.o', SHIM, (output) => [
    'clang',
    ...['-O2', '-g', '-Wall', '-target', 'bpf', '-mcpu=v3', include, '-c', SHIM, '-o', output],
  ]);
  const shim = BpfObject.open(resolve(ROOT, object));
  shim.load();
  shim.map('under_test').update(index(0), index(wall.object.program('tc_wall').fd));
  return shim;
}

export class TcHook {
  readonly name = 'tc';
  readonly #wall: TestWall;
  readonly #shim: BpfObject;
  readonly #program: BpfProgram;

  constructor(wall: TestWall) {
    this.#wall = wall;
    this.#shim = openShim(wall);
    this.#program = this.#shim.program('from_wire');
  }

  /** @param segments what the frame is an aggregate of */
  run(port: PortName, frame: Buffer, segments: Segments = {}): Outcome {
    const { retval, data, ctx } = this.#program.testRun({
      ...disguised(frame, { ...segments, ifindex: this.#wall.ifindex(port) }),
      dataOut: frame.length + layouts.xdpMeta.size,
    });
    const bytes = withTag(data, frame);
    const by = this.name;
    if (retval === TC.SHOT) return { action: 'drop', mark: 0, bytes, by };
    if (retval === TC.REDIRECT) return { action: 'forward', mark: 0, bytes, by };
    if (retval !== TC.OK) throw new Error(`tc_wall returned ${retval}`);
    const mark = ctx.readUInt32LE(SKB_MARK);
    return { action: markedAction(mark), mark, bytes, by };
  }

  close(): void {
    this.#shim.close();
  }
}

/** Test runs refuse IP that is shorter than its header: such a frame goes in under another ethertype. */
function disguised(
  frame: Buffer,
  context: Segments & { ifindex: number },
): { data: Buffer; ctx: Buffer } {
  const type = frame.readUInt16BE(12);
  const header = type === 0x0800 ? 20 : type === 0x86dd ? 40 : 0;
  if (frame.length >= 14 + header) return { data: frame, ctx: skbContext(context) };
  const data = Buffer.from(frame);
  data.writeUInt16BE(0x88b5, 12);
  return { data, ctx: skbContext({ ...context, mark: type }) };
}

/** Offset of `mark` in struct __sk_buff. */
const SKB_MARK = 8;

/** The frame with the tag that the shim took out of its bytes put back. */
function withTag(data: Buffer, before: Buffer): Buffer {
  if (data.length !== before.length - 4) return data;
  return Buffer.concat([data.subarray(0, 12), before.subarray(12, 16), data.subarray(12)]);
}

/** What the code of a hook shows of an action. */
export function shown(action: ActionName, { by, mark }: Outcome): Outcome['action'] {
  if (action === 'every-port') return by === 'tc' ? 'drop' : 'forward';
  const sent = (mark & MarkBits.KIND) >>> 0 === MarkBits.SENT_LOG;
  return action === 'detour' && (by === 'tc' || sent) ? 'forward' : action;
}

/** The verdict that `explain` gives. */
export interface Explanation {
  readonly action: ActionName;
  readonly reason: string;
  readonly out: number;
  readonly rules: Required<RuleIds>;
  readonly log: boolean;
  readonly phase: number;
  readonly generation: number;
}

const ACTIONS: Record<number, ActionName> = {
  [Action.DROP]: 'drop',
  [Action.FORWARD]: 'forward',
  [Action.FLOOD]: 'flood',
  [Action.EVERY_PORT]: 'every-port',
  [Action.DETOUR]: 'detour',
};

export class Explainer {
  readonly #wall: TestWall;
  readonly #program: BpfProgram;

  constructor(wall: TestWall) {
    this.#wall = wall;
    this.#program = wall.object.program('explain_wall');
  }

  /** Undefined for a frame too short to hold the answer. */
  explain(port: PortName, frame: Buffer): Explanation | undefined {
    if (frame.length < layouts.verdict.size) return undefined;
    const { data } = this.#program.testRun({
      data: frame,
      dataOut: frame.length,
      ctx: xdpContext({ length: frame.length, ifindex: this.#wall.ifindex(port) }),
    });
    const verdict = layouts.verdict.decode(cut(data, layouts.verdict.size));
    return {
      action: ACTIONS[verdict.action]!,
      reason: this.#wall.reasons.get(verdict.reason).name,
      out: verdict.outPort,
      rules: {
        out: this.#wall.ruleId(verdict.ruleOut),
        in: this.#wall.ruleId(verdict.ruleIn),
        transit: this.#wall.ruleId(verdict.ruleTransit),
        deny: this.#wall.ruleId(verdict.ruleDeny),
      },
      log: (verdict.flags & VerdictFlags.LOG) !== 0,
      generation: verdict.generation,
      phase: verdict.phase,
    };
  }
}
