/**
 * Inputs through the programs in the kernel, by test runs: they do what the same sources did on the
 * host. Compared are, after every frame, the verdict, what was made of its bytes, the mark; after every
 * input, all tables that packets fill, and of other maps the elements that it looked at.
 */
import { type Codec, codec } from '../../native/lib/index.js';
import * as layouts from '../../src/generated/layouts.js';
import { PORTS } from '../dataplane/fixtures/types.js';
import { type Outcome, TcHook, XdpHook } from '../dataplane/harness/hooks.js';
import { index } from '../dataplane/harness/wall.js';
import { describeFrame } from '../packet/index.js';
import type { Elements, RecordedFrame, RecordedInput, WalkLayout } from './record.js';
import type { World } from './worlds.js';

/** As far as it names a connection, what an ICMP error quotes. */
interface Frame {
  readonly flags: number;
  readonly proto: number;
  readonly sport: number;
  readonly dport: number;
}

type Fields = Readonly<Record<string, unknown>>;

/** Kinds of hash, by the kernel's number. */
const TABLES = [1, 9];
const FRAME_PORTS = 2;
const FRAME_QUOTE = 512;
/** Both addresses, at the start of struct frame. */
const ADDRESSES = 32;
/** What is written into the action of a verdict before: it stands there still when a frame went the short way. */
const NO_VERDICT = 0xff;
/** Return codes of both kinds of program that drop, and that send on. */
const DROP = [1, 2];
const REDIRECT = [4, 7];

class Wall {
  readonly world: World;
  readonly #xdp: XdpHook;
  readonly #tc: TcHook;
  readonly #layout: WalkLayout;
  readonly #frames: Codec<Frame & Fields>;
  /** Tables that are empty before every input. */
  readonly #tables: readonly string[];
  /** Of other maps, what the last input looked at. */
  #touched: readonly { readonly name: string; readonly key: string }[] = [];

  constructor(world: World, layout: WalkLayout) {
    this.world = world;
    this.#layout = layout;
    this.#xdp = new XdpHook(world.wall);
    this.#tc = new TcHook(world.wall);
    this.#frames = codec<Frame & Fields>(world.wall.object.btf(), 'frame');
    this.#tables = [...world.initial]
      .filter(([name, { size }]) => size === 0 && TABLES.includes(world.wall.map(name).info.type))
      .map(([name]) => name);
  }

  /** Differences, in words. */
  run(input: RecordedInput): string[] {
    this.#renew();
    const words: string[] = [];
    for (const [number, frame] of input.frames.entries()) {
      const problems = this.#frame(frame);
      const where = `frame ${number + 1} (${describeFrame(frame.bytes)})`;
      words.push(...problems.map((problem) => `${where}: ${problem}`));
      if (problems.length > 0) return words;
    }
    return [...words, ...this.#remains(input)];
  }

  #renew(): void {
    const { wall, initial } = this.world;
    for (const { name, key } of this.#touched) {
      const map = wall.map(name);
      const value = initial.get(name)?.get(key);
      const bytes = Buffer.from(key, 'hex');
      const zeros = () => Buffer.alloc(map.lookup(bytes)!.length);
      map.update(bytes, value === undefined ? zeros() : Buffer.from(value, 'hex'));
    }
    this.#touched = [];
    wall.setClock(0);
    for (const name of this.#tables) {
      const map = wall.map(name);
      for (const { keys, count } of [...map.entries()]) map.deleteBatch(keys, count);
    }
  }

  #frame(frame: RecordedFrame): string[] {
    const { wall } = this.world;
    wall.setClock(frame.since / wall.hz);
    if (frame.rejudge) wall.rejudge();
    const port = PORTS[frame.port]!.name;
    const gso = { gsoSegs: frame.segments, gsoSize: frame.segmentSize };
    this.#clearVerdict();
    const outcome = frame.tc
      ? this.#tc.run(port, frame.bytes, gso)
      : this.#xdp.run(port, frame.bytes);
    const problems = outcomeProblems(frame, outcome);
    const walk = wall.map('walks').lookup(index(0))!;
    return [...problems, ...this.#walkProblems(frame.walk, walk)];
  }

  /** The action is the first of a verdict. */
  #clearVerdict(): void {
    const walk = this.world.wall.map('walks').lookup(index(0))!;
    walk.writeUInt32LE(NO_VERDICT, this.#layout.verdict);
    this.world.wall.map('walks').update(index(0), walk);
  }

  #walkProblems(host: Buffer, kernel: Buffer): string[] {
    const { frame, frameSize, verdict, verdictSize, quote } = this.#layout;
    const ways = [host, kernel].map((walk) => walk.readUInt32LE(verdict) === NO_VERDICT);
    if (ways[0] !== ways[1]) return [`short way: host ${ways[0]}, kernel ${ways[1]}`];
    // Nothing else of the scratch is of this frame.
    if (ways[0]) return [];
    const problems = fieldDifferences('frame', this.#frames, host, kernel, frame, frameSize);
    problems.push(
      ...fieldDifferences(
        'verdict',
        layouts.verdict as unknown as Codec<Fields>,
        host,
        kernel,
        verdict,
        verdictSize,
      ),
    );
    if (problems.length > 0) return problems;
    const { flags } = this.#frames.decode(host, frame);
    return (flags & FRAME_QUOTE) === 0 ? [] : this.#quoteProblems(host, kernel, quote);
  }

  #quoteProblems(host: Buffer, kernel: Buffer, at: number): string[] {
    const ends = (walk: Buffer) => walk.subarray(at, at + ADDRESSES).toString('hex');
    const words = (walk: Buffer) => {
      const { flags, proto, sport, dport } = this.#frames.decode(walk, at);
      const ports = (flags & FRAME_PORTS) === 0 ? '' : ` ${sport} ${dport}`;
      return `${ends(walk)} flags ${flags} proto ${proto}${ports}`;
    };
    const [here, there] = [words(host), words(kernel)];
    return here === there ? [] : [`quote: host ${here}, kernel ${there}`];
  }

  #remains({ maps }: RecordedInput): string[] {
    const { wall } = this.world;
    const tables = this.#tables.flatMap((name) => {
      const held = new Map<string, string>();
      const { keySize, valueSize } = wall.map(name).info;
      for (const { keys, values, count } of wall.map(name).entries()) {
        for (let at = 0; at < count; at++) {
          const key = keys.toString('hex', at * keySize, (at + 1) * keySize);
          held.set(key, values.toString('hex', at * valueSize, (at + 1) * valueSize));
        }
      }
      return elementDifferences(name, maps.get(name) ?? new Map(), held);
    });
    const others = [...maps].filter(([name]) => !this.#tables.includes(name));
    return [...tables, ...others.flatMap(([name, elements]) => this.#looked(name, elements))];
  }

  #looked(name: string, host: Elements): string[] {
    const map = this.world.wall.map(name);
    const held = [...host.keys()].map((key): [string, string] => {
      // This thread stays on one CPU, the first.
      const value = map.lookup(Buffer.from(key, 'hex'));
      return [key, value?.toString('hex', 0, map.info.valueSize) ?? 'none'];
    });
    const touched = [...host.keys()].map((key) => ({ name, key }));
    this.#touched = [...this.#touched, ...touched];
    return elementDifferences(name, host, new Map(held));
  }

  close(): void {
    this.#xdp.close();
    this.#tc.close();
  }
}

/** The action by return code and mark, as the harness tells it. */
function actionOf({ retval, by, mark }: RecordedFrame): Outcome['action'] {
  if (retval === DROP[by]) return 'drop';
  if (retval === REDIRECT[by]) return 'forward';
  const kind = (mark & layouts.MarkBits.KIND) >>> 0;
  if (kind === layouts.MarkBits.DROP_LOG) return 'drop';
  return kind === layouts.MarkBits.SENT_LOG ? 'forward' : 'flood';
}

function outcomeProblems(frame: RecordedFrame, outcome: Outcome): string[] {
  const words = (action: string, by: string, mark: number) =>
    `${action} by ${by}, mark 0x${mark.toString(16)}`;
  const here = words(actionOf(frame), frame.by === 0 ? 'xdp' : 'tc', frame.mark);
  const there = words(outcome.action, outcome.by, outcome.mark);
  const problems = here === there ? [] : [`host: ${here}; kernel: ${there}`];
  return outcome.bytes.equals(frame.bytes) ? problems : [...problems, 'its bytes have changed'];
}

function fieldDifferences(
  what: string,
  fields: Codec<Fields>,
  host: Buffer,
  kernel: Buffer,
  at: number,
  size: number,
): string[] {
  if (host.subarray(at, at + size).equals(kernel.subarray(at, at + size))) return [];
  const [here, there] = [fields.decode(host, at), fields.decode(kernel, at)];
  return Object.keys(here).flatMap((name) => {
    const [a, b] = [shown(here[name]), shown(there[name])];
    return a === b ? [] : [`${what}.${name}: host ${a}, kernel ${b}`];
  });
}

function shown(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'bigint' ? `${inner}` : inner,
  );
}

function elementDifferences(name: string, host: Elements, kernel: Elements): string[] {
  const missing = [...host].filter(([key, value]) => kernel.get(key) !== value);
  const surplus = [...kernel].filter(([key]) => !host.has(key));
  return [
    ...missing.map(
      ([key, value]) => `${name} ${key}: host ${value}, kernel ${kernel.get(key) ?? 'has none'}`,
    ),
    ...surplus.map(([key, value]) => `${name} ${key}: only the kernel has it: ${value}`),
  ];
}

/** All inputs of a recording, each on its wall. */
export class Replay {
  readonly #walls: readonly Wall[];
  frames = 0;

  constructor(worlds: readonly World[], layout: WalkLayout) {
    this.#walls = worlds.map((world) => new Wall(world, layout));
  }

  run(input: RecordedInput): string[] {
    this.frames += input.frames.length;
    return this.#walls[input.world % this.#walls.length]!.run(input);
  }

  close(): void {
    for (const wall of this.#walls) wall.close();
  }
}
