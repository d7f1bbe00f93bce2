/** The wall on real devices: a bridge, the nft tables, the programs attached, and frames on cables. */
import { execFileSync } from 'node:child_process';
import type { BpfLink } from '../../../native/lib/index.js';
import { detachTc, queryXdp } from '../../../native/lib/index.js';
import { parseCounters } from '../../../src/control/netfilter/nft.js';
import { CounterName, renderTable, tableName } from '../../../src/control/netfilter/table.js';
import { Outcome } from '../../../src/generated/layouts.js';
import { describeFrame } from '../../packet/index.js';
import { everyPort, stranger } from '../fixtures/actors.js';
import { bpdu, SELF_MAC } from '../fixtures/link.js';
import type { Expectation, FrameStep } from '../fixtures/types.js';
import type { Sender } from './fixture-run.js';
import { nativeWire } from './native.js';
import { command, type TestPort } from './network.js';
import type { TestWall } from './wall.js';

export type WireMode = 'native' | 'generic' | 'tc';

const BRIDGE = 'br-test';
const TC = { direction: 'ingress', handle: 0xb1, priority: 1 } as const;
/** How long a frame may be under way before it counts as lost. */
const PATIENCE_MS = 3000;
const PAGE = 4096;

/** Builds the bridge around the ports as a node does: nothing learned, nothing sent of its own. */
export function buildBridge(ports: readonly TestPort[]): void {
  for (const family of ['iptables', 'ip6tables', 'arptables']) {
    command('sysctl', '-qw', `net.bridge.bridge-nf-call-${family}=0`);
  }
  const names = ports.map(({ name }) => name);
  const tables = renderTable({ node: 'test', ports: names, group: 7 });
  execFileSync('nft', ['-f', '-'], { input: tables });
  command(
    'ip',
    'link',
    'add',
    'name',
    BRIDGE,
    'address',
    SELF_MAC,
    'type',
    'bridge',
    'mcast_snooping',
    '0',
  );
  for (const { name, wire } of ports) {
    command('ip', 'link', 'set', name, 'master', BRIDGE);
    command('bridge', 'link', 'set', 'dev', name, 'learning', 'off');
    // The far end of a redirect needs NAPI, which veth has with GRO.
    command('ethtool', '-K', wire, 'gro', 'on');
  }
  command('ip', 'link', 'set', BRIDGE, 'up');
  waitFor('the ports to forward', () => {
    const states = JSON.parse(command('bridge', '-j', 'link')) as { state: string }[];
    return states.length === ports.length && states.every(({ state }) => state === 'forwarding');
  });
}

/** Frames that the tables stopped because no program had judged them. */
export function unjudged(): number {
  return (['netdev', 'bridge'] as const)
    .map((family) => command('nft', '-j', 'list', 'counters', 'table', family, tableName('test')))
    .flatMap(parseCounters)
    .reduce((sum, [name, packets]) => sum + (name === CounterName.UNJUDGED ? packets : 0), 0);
}

/** Asks again and again, without a pause. */
export function waitFor(what: string, done: () => boolean): void {
  const end = Date.now() + PATIENCE_MS * 3;
  while (!done()) if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
}

/** A wall attached to its ports in one mode. */
export class Wire implements Sender {
  readonly mode: WireMode;
  readonly wall: TestWall;
  readonly #links: BpfLink[] = [];
  readonly #descriptors: number[];
  readonly #sparse: number[];
  readonly #linear: number;

  /** @param linear of frames that fill a page, so many bytes arrive in linear memory */
  constructor(wall: TestWall, mode: WireMode, linear?: number) {
    this.wall = wall;
    this.mode = mode;
    for (const { ifindex } of wall.ports) {
      wall.object.program('tc_wall').attachTc({ ifindex, ...TC });
      if (mode === 'tc') continue;
      const program = wall.object.program(mode === 'native' ? 'xdp_wall_frags' : 'xdp_wall');
      this.#links.push(program.attachXdp(ifindex, mode));
      const { mode: got } = queryXdp(ifindex);
      if (got !== mode) throw new Error(`asked for ${mode} XDP, got ${got}`);
    }
    this.#descriptors = wall.ports.map(({ wire }) => nativeWire().openWire(wire, true));
    this.#linear = linear ?? 0;
    const sparse = linear === undefined ? [] : wall.ports;
    this.#sparse = sparse.map(({ wire }) => nativeWire().openSparse(wire, false));
  }

  /** Sends a frame into a port and lists what became of it that should not have. */
  send({ port, frame, expect }: FrameStep): string[] {
    const number = this.wall.number(port);
    const counter = this.#counterOf(expect);
    const before = this.wall.count(number, Outcome.RX);
    const counted = this.wall.count(number, counter);
    this.#transmit(number, frame);
    const missing = new Set(this.#destinations(number, expect));
    const problems: string[] = [];
    const end = Date.now() + PATIENCE_MS;
    while (missing.size > 0 && Date.now() < end) {
      const received = nativeWire().receive(this.#descriptors, 50);
      if (received === undefined) continue;
      const name = this.wall.ports[received.wire]!.name;
      if (!missing.delete(received.wire)) {
        problems.push(`came out of ${name}: ${describeFrame(received.frame)}`);
      } else if (!received.frame.equals(frame)) {
        problems.push(`changed when it came out of ${name}: ${received.frame.toString('hex')}`);
      }
    }
    for (const wire of missing) problems.push(`never came out of ${this.wall.ports[wire]!.name}`);
    waitFor('the frame to be counted', () => this.wall.count(number, Outcome.RX) > before);
    if (this.wall.count(number, counter) !== counted + 1) {
      problems.push(`expected ${expect.reason}: ${JSON.stringify(this.wall.tally(number))}`);
    }
    return problems;
  }

  #transmit(number: number, frame: Buffer): void {
    const sparse = this.#sparse[number];
    if (sparse !== undefined && frame.length >= PAGE)
      nativeWire().sendSparse(sparse, frame, this.#linear);
    else nativeWire().send(this.#descriptors[number]!, frame, frame.length, 1);
  }

  #counterOf({ action, reason }: Expectation): number {
    if (action === 'flood' || action === 'detour') return Outcome.PASSED;
    return action === 'drop' ? Outcome.DROP + this.wall.reasonNumber(reason) : Outcome.FORWARDED;
  }

  #destinations(from: number, { action, out, except = [] }: Expectation): number[] {
    if (action === 'drop' || action === 'detour') return [];
    if (action === 'forward') return out === undefined ? [] : [this.wall.number(out)];
    const kept = new Set([from, ...except.map((name) => this.wall.number(name))]);
    return this.wall.ports.map((_, number) => number).filter((number) => !kept.has(number));
  }

  /** Everything that still comes out, until a frame that goes to every port has overtaken nothing. */
  rest(): string[] {
    this.wall.setNode({});
    this.wall.setStandby(false);
    this.wall.openPorts();
    const problems = this.send(everyPort(bpdu(stranger)));
    return problems.map((problem) => `afterwards: ${problem}`);
  }

  close(): void {
    for (const descriptor of [...this.#descriptors, ...this.#sparse])
      nativeWire().closeWire(descriptor);
    for (const link of this.#links) link.close();
    for (const { ifindex } of this.wall.ports) detachTc({ ifindex, ...TC });
  }
}
