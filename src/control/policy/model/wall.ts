/**
 * The whole wall as a model: raw frames in, what becomes of them out. It keeps connections and
 * learned MACs the plain way, in one map each. The packet path is right when it agrees with this
 * on every frame.
 */
import { addressKey } from '../address.js';
import type { Policy, ResolvedNames } from '../ast.js';
import { judgeBound } from './bound.js';
import { type Connection, DEFAULT_TIMEOUTS, openingOf } from './connection.js';
import { DynamicMembers } from './dynamic-members.js';
import { type Expected, judgeConnection } from './expected.js';
import { type FirstPart, Fragments } from './fragments.js';
import { type Frame, macText, parseFrame, TAG_SERVICE } from './frame.js';
import { judgeDeny, screenedHost, type World } from './judge.js';
import { LearnedMacs } from './learned.js';
import { judgeLink, reservedAction } from './link.js';
import { isGroupMac, isMartian } from './martian.js';
import { MirroredPorts, type PortFacts } from './mirror.js';
import { type Offence, Offenders, watches } from './offenders.js';
import {
  type Arrived,
  accept,
  type Decision,
  drop,
  type Judged,
  NO_RULES,
  type Outcome,
  PASSED,
  STATELESS,
  type WallNode,
} from './outcome.js';
import type { Packet } from './packet.js';
import { isIcmpError } from './related.js';
import { ruleIds } from './rule-ids.js';
import { Tracker } from './tracker.js';

export class Wall {
  readonly #node: WallNode;
  readonly #macs: ReadonlySet<string>;
  readonly #tracker: Tracker;
  readonly #learned: LearnedMacs;
  readonly #ports = new MirroredPorts();
  readonly #fragments: Fragments;
  readonly #members = new DynamicMembers();
  readonly #offenders: Offenders;
  #policy: Policy | null = null;
  #standby = false;
  #paired = false;
  #names: ResolvedNames = new Map();
  #epoch = 0;
  #now = 0;
  /** When the first policy came; null: there was none yet. */
  #judgingSince: number | null = null;

  constructor(node: WallNode) {
    this.#node = node;
    const timeouts = node.timeouts ?? DEFAULT_TIMEOUTS;
    this.#tracker = new Tracker(node);
    this.#macs = new Set(node.macs.map(macText));
    this.#fragments = new Fragments(node.hz);
    this.#offenders = new Offenders(node.hz);
    const quota = node.fdbQuota ?? Number.POSITIVE_INFINITY;
    this.#learned = new LearnedMacs(timeouts.fdb * node.hz, node.hz, quota);
  }

  /** Connections that were picked up mid-stream. */
  get pickedUp(): number {
    return this.#tracker.pickedUp;
  }

  /** Switches to a policy: from the next frame on, it alone judges. `now` in jiffies. */
  install(policy: Policy, names: ResolvedNames = new Map(), now = this.#now): void {
    this.#judgingSince ??= now;
    this.#policy = policy;
    this.#names = names;
    this.#epoch++;
    this.#tracker.limits.keep(ruleIds(policy, names));
    this.#offenders.install();
  }

  /** What `onDrop` has counted, and who has shown to be who they say. */
  get offences(): Offence[] {
    return this.#offenders.offences;
  }

  get proofs(): Offenders['proofs'] {
    return this.#offenders.proofs;
  }

  /** Adds a member to a dynamic group; `expires` in jiffies, 0: never. */
  addMember(group: string, address: Uint8Array, expires = 0): void {
    this.#members.add(group, address, expires);
    this.#epoch++;
  }

  removeMember(group: string, address: Uint8Array): void {
    this.#members.remove(group, address);
    this.#epoch++;
  }

  /** Tells what a helper has read. */
  expect(expected: Expected): void {
    this.#tracker.expect(expected);
  }

  /** Has every connection judged again at its next packet. */
  rejudge(): void {
    this.#epoch++;
  }

  /** Connections that a policy refuses: what their next packets would end, were it the installed one. */
  refused(now: number, policy: Policy, names: ResolvedNames = new Map()): Connection[] {
    this.#now = now;
    const world = { ...this.#world(), policy, names };
    return this.connections(now).filter(
      (connection) => judgeConnection(world, connection).verdict === 'drop',
    );
  }

  /** Ends connections at once, also those that send nothing. */
  end(connections: readonly Connection[]): void {
    for (const one of connections) this.#tracker.end(one);
  }

  /** Frees what has expired. */
  sweep(now: number): void {
    this.#tracker.sweep(now);
  }

  /** Tells what the kernel's bridge makes of a port. */
  setPort(port: number, facts: Partial<PortFacts>): void {
    this.#ports.set(port, facts);
  }

  /** Until when, in jiffies, what is known of ports is believed. */
  believeUntil(until: number): void {
    this.#ports.believeUntil(until);
  }

  /** Another node is the one whose packets pass. */
  setStandby(standby: boolean): void {
    this.#standby = standby;
  }

  /** There is another node. Its probes are none of the model's: what looks like one here is forged. */
  setPaired(): void {
    this.#paired = true;
  }

  /** Connections that have not expired. */
  connections(now: number): Connection[] {
    return this.#tracker.all(now);
  }

  /** Takes a frame that enters by a port at a time in jiffies. */
  receive(data: Uint8Array, port: number, now: number): Outcome {
    this.#now = now;
    const believed = this.#ports.believes(port, now);
    this.#tracker.at({ now, epoch: this.#epoch, believed, judgingSince: this.#judgingSince });
    const frame = parseFrame(data);
    if (typeof frame === 'string') return this.#dropped(drop(frame));
    const outcome = this.#receive(frame, port, now);
    return { ...outcome, bans: this.#watch(frame, port, outcome) };
  }

  /** Counts what is dropped against its sender, and remembers who can be held to account. */
  #watch(frame: Frame, port: number, outcome: Outcome): string[] {
    if (this.#policy === null || frame.packet === null || !watches(this.#policy)) return [];
    const fromUplink = this.#node.ports.get(port) === 'uplink';
    const watched = { frame, port, fromUplink, now: this.#now };
    if (outcome.action === 'drop') {
      return this.#offenders.drop(this.#world(), watched, outcome).map(({ group }) => group);
    }
    if (this.#tracker.completed) this.#offenders.prove(frame.packet.source, watched);
    return [];
  }

  #receive(frame: Frame, port: number, now: number): Outcome {
    if (isMartian(frame)) return this.#dropped(drop('martian'));
    const believed = this.#ports.believes(port, now);
    const shut = believed && !this.#ports.isForwarding(port);
    const reserved = reservedAction(frame, this.#node.reserved);
    if (reserved === 'drop') return this.#dropped(drop('reserved'));
    if (reserved === 'kernel') return this.#handUp(frame);
    if (reserved === 'forward') {
      if (this.#standby) return this.#dropped(drop('standby'));
      const unsure = !believed && this.#node.reserved.bpdu === 'kernel';
      return shut || unsure ? this.#dropped(drop('stp')) : this.#sendEverywhere(port, believed);
    }
    if (this.#paired && frame.probe) return this.#dropped(drop('probe-auth'));
    if (this.#standby) return this.#dropped(drop('standby'));
    if (this.#policy === null) return this.#dropped(drop('no-policy'));
    if (shut) return this.#dropped(drop('stp'));
    if (this.#macs.has(macText(frame.destinationMac))) return this.#dropped(drop('self'));

    const fromUplink = this.#node.ports.get(port) === 'uplink';
    const link = judgeLink(frame, fromUplink);
    if (link !== 'goes-on' && link !== 'passes') return this.#dropped(drop(link));
    const place = { port: this.#node.names?.get(port) ?? null, fromUplink };
    const astray = judgeBound(this.#world(), frame, place);
    if (astray !== null) return this.#dropped(drop(astray));
    if (link === 'passes') return this.#forward(frame, port, accept(NO_RULES));
    return this.#receiveIp(frame, frame.packet!, port, fromUplink);
  }

  /** A BPDU, for the kernel bridge. */
  #handUp(frame: Frame): Outcome {
    if (frame.bpdu!.topologyChange) this.#learned.flush(this.#now);
    return { ...PASSED, action: 'flood' };
  }

  /** Reserved multicast, to every other port that may have it. */
  #sendEverywhere(from: number, believed: boolean): Outcome {
    const closed = [...this.#node.ports.keys()].filter((port) => !this.#ports.isOpen(port));
    const except = believed ? closed.filter((port) => port !== from) : [];
    return { ...PASSED, action: 'every-port', except };
  }

  #receiveIp(frame: Frame, packet: Packet, port: number, fromUplink: boolean): Outcome {
    const world = this.#world();
    if (fromUplink && screenedHost(world, packet.source, frame.tags) !== null) {
      return this.#dropped(drop('spoofed'));
    }
    const judged = this.#judgeIp({ world, frame, packet, fromUplink });
    const { key, before } = judged;
    const outcome =
      judged.reason === 'none' ? this.#forward(frame, port, judged) : this.#dropped(judged);
    const after = this.#tracker.find(key)?.phase ?? null;
    return { ...outcome, stateKey: key, phaseBefore: before, phaseAfter: after };
  }

  /** The first fragment of a datagram is judged like a packet, and those that fit follow its verdict. */
  #judgeIp(arrived: Arrived): Judged {
    const { world, frame, packet, fromUplink } = arrived;
    if (packet.fragment === null) return this.#tracker.judge(arrived);
    const circumstances = { fromUplink, epoch: this.#epoch, now: this.#now };
    const error = isIcmpError(packet);
    const decision = this.#fragments.receive(frame, packet, error, circumstances, (...tail) =>
      this.#sendTail(packet, ...tail),
    );
    if (decision === 'judge') {
      const judged = this.#tracker.judge(arrived);
      if (judged.reason === 'none') {
        this.#fragments.remember(frame, packet, judged, circumstances, judged.key);
      }
      return { ...judged, ...STATELESS };
    }
    if (typeof decision !== 'string') {
      return { ...accept(decision.rules, decision.detour), ...STATELESS };
    }
    const denied = judgeDeny(world, openingOf(frame, packet, fromUplink));
    return { ...(denied === null ? drop(decision) : { ...denied, opened: false }), ...STATELESS };
  }

  /** More of a TCP segment whose first fragment was accepted. */
  #sendTail({ source }: Packet, { key, fin }: FirstPart, end: number, last: boolean) {
    const connection = this.#tracker.find(key);
    if (connection === null || !connection.established || connection.tcp === null) {
      return 'fragment';
    }
    const reply = addressKey(source) !== connection.originator;
    return connection.tcp.sendTail(end, fin && last, reply) ? 'none' : 'out-of-window';
  }

  /** An accepted frame: to its way out, or where netfilter sees it before. */
  #forward(frame: Frame, port: number, decision: Decision): Outcome {
    const outcome = this.#sendOn(frame, port, decision);
    if (outcome.action === 'drop' || decision.detour === 0) return outcome;
    const [outer, inner] = frame.tags;
    const strange = inner !== 0 || (outer & TAG_SERVICE) !== 0;
    if (this.#node.detour !== true || strange) {
      return { ...outcome, action: 'drop', reason: 'no-detour', outPort: null };
    }
    return { ...outcome, action: 'detour', outPort: null };
  }

  /** Learns the sender of an accepted frame and finds its way out. */
  #sendOn(frame: Frame, port: number, decision: Decision): Outcome {
    const { rules, log, opened } = decision;
    const outcome = { ...PASSED, rules, log, opened };
    // What is learned is no surer than what is known of the ports: the kernel bridge floods.
    if (!this.#ports.believes(port, this.#now)) return { ...outcome, action: 'flood' };
    this.#learned.learn(frame, port, this.#now);
    if (isGroupMac(frame.destinationMac)) return { ...outcome, action: 'flood' };
    const outPort = this.#learned.portOf(frame, this.#now);
    if (outPort === null) return { ...outcome, action: 'flood' };
    if (outPort === port) return { ...outcome, action: 'drop', reason: 'same-port' };
    const way = this.#ports.wayOut(outPort, frame);
    if (way === 'unknown') return { ...outcome, action: 'flood' };
    if (way !== 'free') return { ...outcome, action: 'drop', reason: way };
    return { ...outcome, action: 'forward', outPort };
  }

  #dropped({ reason, rules, log }: Decision): Outcome {
    return { ...PASSED, action: 'drop', reason, rules, log };
  }

  #world(): World {
    const members = (group: string, address: Uint8Array): boolean =>
      this.#members.has(group, address, this.#now);
    return { policy: this.#policy!, names: this.#names, members };
  }
}
