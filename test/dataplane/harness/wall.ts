/**
 * A wall under test: the object loaded afresh, unpinned, with its clock in our hands. Nothing is
 * attached; frames are judged by test runs (see hooks.ts).
 */
import { resolve } from 'node:path';
import {
  type BpfMap,
  BpfObject,
  type BpfProgram,
  jiffiesPerSecond,
} from '../../../native/lib/index.js';
import { countCut } from '../../../src/control/daemon/states-cut.js';
import { Clock } from '../../../src/control/dataplane/clock.js';
import {
  type Dataplane,
  Installer,
  NO_POLICY_NUMBERS,
  type Numbering,
  StatePasses,
} from '../../../src/control/dataplane/index.js';
import { changeBatch } from '../../../src/control/dataplane/member-batch.js';
import { MemberTable } from '../../../src/control/dataplane/member-table.js';
import { forgetWays } from '../../../src/control/dataplane/ports.js';
import { Reasons } from '../../../src/control/dataplane/reasons.js';
import { writeTimeouts } from '../../../src/control/dataplane/timeouts.js';
import type { Plan } from '../../../src/control/policy/index.js';
import type { PortFacts } from '../../../src/control/policy/model/index.js';
import * as layouts from '../../../src/generated/layouts.js';
import { macBytes, wideBytes } from '../../packet/index.js';
import { SELF_MAC } from '../fixtures/link.js';
import type { NodeOptions, PortName } from '../fixtures/types.js';
import { ROOT } from './native.js';
import type { TestPort } from './network.js';
import { Outcomes, type Tally } from './outcomes.js';

const { Limits, MirrorWord, PortFlags, PortState, ReservedAction, RoleFlags, Side } = layouts;
const OBJECT = resolve(ROOT, 'build/bpf/bridgewall.bpf.o');
/** Second 0 of a fixture, in seconds of the wall's clock: young enough to look back from. */
const EPOCH_SECONDS = 10_000_000;
const PLENTY = 1_000_000;
/** No frame is longer. */
const ANY_MTU = 65535;
const OPEN: PortFacts = { state: 'forwarding', carrier: true, mtu: ANY_MTU };
const FOR_EVER = 1n << 62n;
/** ifindex of `lo` in every namespace. */
const LOOPBACK = 1;
const RESERVED_ACTIONS = {
  drop: ReservedAction.DROP,
  forward: ReservedAction.FORWARD,
  kernel: ReservedAction.KERNEL,
} as const;
const PORT_STATES = {
  disabled: PortState.DISABLED,
  listening: PortState.LISTENING,
  learning: PortState.LEARNING,
  forwarding: PortState.FORWARDING,
  blocking: PortState.BLOCKING,
  unknown: PortState.UNKNOWN,
} as const;

export class TestWall implements Disposable {
  readonly ports: readonly TestPort[];
  readonly object: BpfObject;
  readonly reasons: Reasons;
  readonly hz = jiffiesPerSecond();
  readonly passes: StatePasses;
  /** Whether drivers send frames of several buffers from XDP; heeded when ports are written. */
  sendsFrags = true;
  /** What installers, passes and sweeps need of a dataplane, and nothing else of it. */
  readonly dataplane: Dataplane;
  readonly #installer: Installer;
  readonly #outcomes: Outcomes;
  #members: MemberTable;
  readonly #numberOf: ReadonlyMap<PortName, number>;
  #numbering: Numbering = NO_POLICY_NUMBERS;
  #generation = 0;
  #plan: Plan | undefined;

  /** @param o.sizes most elements of maps, by name */
  constructor(
    ports: readonly TestPort[],
    o: {
      maxStates?: number;
      object?: string;
      sizes?: Readonly<Record<string, number>>;
      realClock?: boolean;
    } = {},
  ) {
    this.ports = ports;
    this.#numberOf = new Map(ports.map((port, number) => [port.name, number]));
    this.object = BpfObject.open(o.object ?? OBJECT);
    this.object.setReadOnly({ hz: this.hz, test_clock: o.realClock ? 0 : 1 });
    this.object.setMaxEntries('established', o.maxStates ?? 65536);
    for (const [name, most] of Object.entries(o.sizes ?? {})) this.object.setMaxEntries(name, most);
    this.object.load();
    this.reasons = new Reasons(this.map('.rodata.reasons').lookup(index(0))!);
    this.#outcomes = new Outcomes(this.map('outcomes'), ports.length, this.reasons);
    this.dataplane = {
      map: (name: string) => this.map(name),
      program: (name: string) => this.object.program(name),
      clock: new Clock(this.object.program('read_clock'), this.hz),
    } as unknown as Dataplane;
    this.#installer = new Installer(this.dataplane, () => this.#numberOf);
    this.passes = new StatePasses(this.dataplane);
    this.#members = MemberTable.open(this);
    writeTimeouts(this.dataplane);
    this.openPorts();
    this.setNode({});
    this.setClock(0);
  }

  map(name: string): BpfMap {
    return this.object.map(name);
  }

  program(name: string): BpfProgram {
    return this.object.program(name);
  }

  number(port: PortName): number {
    return this.#numberOf.get(port)!;
  }

  ifindex(port: PortName): number {
    return this.ports[this.number(port)]!.ifindex;
  }

  /** Every port forwards, and that is believed for ever; nothing was learned. */
  openPorts(): void {
    for (const { name } of this.ports) this.setPort(name, OPEN);
    this.map('mirror').storeWord(MirrorWord.UNTIL, FOR_EVER);
    this.map('mirror').storeWord(MirrorWord.SINCE, 0n);
  }

  /** Tells the packet path what the kernel makes of a port; what is left out stays. */
  setPort(name: PortName, facts: Partial<PortFacts>): void {
    const number = this.number(name);
    const port = this.ports[number]!;
    const before = layouts.port.decode(this.map('port_list').lookup(index(number))!);
    const value = layouts.port.encode({
      ...before,
      ifindex: port.ifindex,
      number,
      side: port.side === 'uplink' ? Side.UPLINK : Side.INSIDE,
      mac: macBytes(port.mac),
      state: facts.state === undefined ? before.state : PORT_STATES[facts.state],
      carrier: facts.carrier === undefined ? before.carrier : Number(facts.carrier),
      mtu: facts.mtu ?? before.mtu,
      flags: this.sendsFrags ? PortFlags.SENDS_FRAGS : 0,
    });
    this.map('ports').update(index(port.ifindex), value);
    this.map('port_list').update(index(number), value);
    for (const map of ['tx_ports', 'tx_ports_frags']) {
      this.map(map).update(index(number), index(port.ifindex));
    }
  }

  /** What was told of ports is believed until a second of the wall's clock. */
  believeUntil(seconds: number): void {
    this.map('mirror').storeWord(MirrorWord.UNTIL, this.jiffies(seconds));
  }

  /** What the node is. @param epoch since which change of roles */
  setStandby(standby: boolean, epoch = 0, replicates = false): void {
    const flags = (standby ? RoleFlags.STANDBY : 0) | (replicates ? RoleFlags.REPLICATES : 0);
    this.map('role').storeWord(0, (BigInt(epoch) << 32n) | BigInt(flags));
  }

  setNode(options: NodeOptions): void {
    let bloom = 0n;
    for (const mac of [SELF_MAC, ...this.ports.map((port) => port.mac)]) {
      const bytes = macBytes(mac);
      bloom |= 1n << BigInt(bytes[5]! & 63);
      const key = layouts.macKey.encode({ mac: bytes, pad: new Uint8Array(2) });
      this.map('self_macs').update(key, index(1));
    }
    const action = (wish: NodeOptions['bpdu'], or: 'drop' | 'forward') =>
      RESERVED_ACTIONS[wish ?? or];
    const value = layouts.node.encode({
      selfBloom: bloom,
      logRate: options.logRate ?? PLENTY,
      fdbQuota: options.fdbQuota ?? 1024,
      bpdu: action(options.bpdu, 'forward'),
      lldp: action(options.lldp, 'drop'),
      lacp: action(options.lacp, 'drop'),
      eapol: action(options.eapol, 'drop'),
      liberal: options.liberal ? 1 : 0,
      counters: options.counters ? 1 : 0,
      pad: new Uint8Array(2),
    });
    this.map('node').update(index(0), value);
    // What is sent there ends there: it is nobody's.
    const side = options.detour ? LOOPBACK : 0;
    const detour = layouts.detour.encode({ in: side, out: side, bridge: side, pad: 0 });
    this.map('detour').update(index(0), detour);
  }

  /** Seconds since the wall was new; never back, but for a reset. */
  setClock(seconds: number): void {
    const value = Buffer.alloc(8);
    value.writeBigUInt64LE(this.jiffies(seconds));
    this.map('clock').update(index(0), value);
  }

  /** The wall's clock at a second since it was new. */
  jiffies(seconds: number): bigint {
    return BigInt(EPOCH_SECONDS * this.hz + Math.round(seconds * this.hz));
  }

  /** Installs a plan as the next generation. */
  install(plan: Plan): void {
    this.#plan = plan;
    const prepared = this.#installer.prepare(plan, ++this.#generation, this.#numbering);
    this.#numbering = prepared;
    this.#installer.install(prepared);
  }

  /** Installs a plan that gives way to the one before after so many seconds of the wall's clock. */
  installOnTrial(plan: Plan, seconds: number): void {
    this.#plan = undefined;
    const held = this.#numbering;
    const prepared = this.#installer.prepare(plan, ++this.#generation, held, true);
    this.#numbering = {
      ruleSlots: new Map([...held.ruleSlots, ...prepared.ruleSlots]),
      groupBits: new Map([...held.groupBits, ...prepared.groupBits]),
    };
    this.#installer.install(prepared, seconds);
  }

  /** How many live states a plan would cut. */
  countCut(plan: Plan): Promise<number> {
    return countCut(this.#installer, this.passes, plan, this.#numbering);
  }

  /** Keeps the plan that is on trial; false when it is too late. */
  confirm(): boolean {
    return this.#installer.confirm();
  }

  /** Has every state judged again. */
  rejudge(): void {
    this.#installer.cell.rejudge();
  }

  /** The table that holds the members of all dynamic groups. */
  get memberTable(): BpfMap {
    this.#members.close();
    this.#members = MemberTable.open(this);
    return this.#members.map;
  }

  /** Slot of the generation that judges. */
  get slot(): number {
    return this.#installer.current().slot;
  }

  /** Number of the generation that was installed last. */
  get generation(): number {
    return this.#generation;
  }

  /** Adds a member of a dynamic group, with the second at which it expires, or removes it. */
  setMember(group: string, address: string, change: { expires?: number } | 'remove'): void {
    const bit = this.#numbering.groupBits.get(group);
    if (bit === undefined) throw new Error(`no dynamic group ${group}`);
    const kind = change === 'remove' ? 'remove' : 'add';
    const expires = change === 'remove' ? undefined : change.expires;
    const result = changeBatch(
      this,
      kind,
      { width: 16, bytes: wideBytes(address) },
      {
        ...{ bit, max: PLENTY, allowScreened: true, slot: 0 },
        until: expires === undefined ? 0n : this.jiffies(expires),
      },
    );
    if (result.done !== 1) throw new Error(`${address}: refusal ${result.refusal}`);
    this.#installer.cell.rejudge();
  }

  /**
   * As if it had just been loaded, with `plan` installed. A plan that is in force already stays:
   * installing takes most of a fixture's time.
   */
  reset(options: NodeOptions = {}, plan?: Plan): void {
    for (const name of ['pending', 'established', 'sessions', 'fdb']) empty(this.map(name));
    forgetWays(this.map('fdb_changes'));
    zero(this.map('session_stats'), 0);
    // Whoever works with members may have put a larger table there.
    this.#members.close();
    this.#members = MemberTable.open(this);
    empty(this.#members.map);
    this.map('member_counts').update(index(0), Buffer.alloc(layouts.memberCounts.size));
    const tables = ['fragments', 'expectations', 'children', 'offenders', 'proofs'];
    for (const name of tables) empty(this.object.map(name));
    for (const name of ['holders', 'source_allowances'] as const) empty(this.map(name));
    this.map('colour').update(index(0), index(0));
    this.map('watch_window').update(index(0), Buffer.alloc(8));
    for (let number = 0; number < this.ports.length; number++) {
      this.map('fdb_counts').update(index(number), index(0));
    }
    this.#outcomes.zero();
    this.map('log_window').update(index(0), Buffer.alloc(8));
    this.openPorts();
    this.setStandby(false);
    this.map('pair').update(index(0), Buffer.alloc(layouts.pair.size));
    this.setNode(options);
    this.setClock(0);
    const since = Buffer.alloc(8);
    if (plan !== undefined) since.writeBigUInt64LE(this.jiffies(0));
    this.map('judging_since').update(index(0), since);
    if (plan === undefined) {
      this.#forgetPolicy();
    } else if (plan === this.#plan) {
      for (const slot of this.#numbering.ruleSlots.values()) {
        zero(this.map('rule_counters'), slot);
        zero(this.map('rule_allowances'), slot);
      }
      this.#installer.cell.rejudge();
    } else {
      this.#numbering = NO_POLICY_NUMBERS;
      this.install(plan);
    }
  }

  #forgetPolicy(): void {
    const none = Buffer.alloc(layouts.generation.size);
    for (let slot = 0; slot < Limits.GENERATION_SLOTS; slot++) {
      this.map('generations').update(index(slot), none);
    }
    this.#installer.cell.switchTo(0);
    this.#numbering = NO_POLICY_NUMBERS;
    this.#generation = 0;
    this.#plan = undefined;
  }

  /** Id of the rule in a counter slot; '' for none. */
  ruleId(slot: number): string {
    if (slot === 0) return '';
    for (const [id, of] of this.#numbering.ruleSlots) if (of === slot) return id;
    return `slot ${slot}`;
  }

  /** Number of a reason by its name. */
  reasonNumber(name: string): number {
    for (let number = 0; number < this.reasons.count; number++) {
      if (this.reasons.get(number).name === name) return number;
    }
    throw new Error(`no reason ${name}`);
  }

  /** Packets, bytes and connections that a rule has counted. */
  ruleCount(id: string): { packets: number; bytes: number; connections: number } {
    const slot = this.#numbering.ruleSlots.get(id);
    if (slot === undefined) throw new Error(`no rule ${id}`);
    const sum = { packets: 0, bytes: 0, connections: 0 };
    const values = this.map('rule_counters').lookup(index(slot))!;
    for (let at = 0; at < values.length; at += layouts.ruleCounter.size) {
      const one = layouts.ruleCounter.decode(values, at);
      sum.packets += Number(one.packets);
      sum.bytes += Number(one.bytes);
      sum.connections += Number(one.connections);
    }
    return sum;
  }

  /** Packets that one outcome of a port has counted. */
  count(port: number, outcome: number): number {
    return this.#outcomes.count(port, outcome);
  }

  /** The outcomes of one port, or the sums of all. */
  tally(port?: number): Tally {
    return this.#outcomes.tally(port);
  }

  close(): void {
    this.#members.close();
    this.object.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Key of an array, or any 32-bit value. */
export function index(number: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(number);
  return key;
}

function zero(map: BpfMap, at: number): void {
  const key = index(at);
  map.update(key, Buffer.alloc(map.lookup(key)!.length));
}

function empty(map: BpfMap): void {
  for (const { keys, count } of [...map.entries()]) map.deleteBatch(keys, count);
}
