/**
 * The whole wall as a model: raw frames in, what becomes of them out. It keeps connections and
 * learned MACs the plain way, in one map each. The packet path is right when it agrees with this
 * on every frame.
 */
import { addressKey } from '../address.js';
import type { Policy, ResolvedNames } from '../ast.js';
import type { Judgement, Opening } from '../opening.js';
import { judgeBound } from './bound.js';
import {
  type Connection,
  completesHandshake,
  DEFAULT_TIMEOUTS,
  firstPhase,
  isSettled,
  mayBeOfSuccessor,
  openingOf,
  type Phase,
  type Relation,
  relate,
  successorOf,
} from './connection.js';
import { Connections } from './connections.js';
import { DynamicMembers } from './dynamic-members.js';
import { Expectations, type Expected, judgeByMaster, judgeConnection } from './expected.js';
import { type FirstPart, Fragments } from './fragments.js';
import { type Frame, macText, parseFrame, TAG_SERVICE } from './frame.js';
import { judgeDeny, judgeLines, screenedHost, type World } from './judge.js';
import { LearnedMacs } from './learned.js';
import { Limits } from './limits.js';
import { judgeLink, reservedAction } from './link.js';
import { isGroupMac, isMartian } from './martian.js';
import { MidStream } from './mid-stream.js';
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
  type Reason,
  STATELESS,
  type WallNode,
} from './outcome.js';
import type { Packet } from './packet.js';
import { isMidStream, pickUp } from './pick-up.js';
import { isIcmpError, judgeError } from './related.js';
import { ruleIds } from './rule-ids.js';
import { hasBadFlags, kindOf, opensConnection, RST } from './tcp.js';
import { TcpConversation } from './tcp-conversation.js';

export class Wall {
  readonly #node: WallNode;
  readonly #macs: ReadonlySet<string>;
  readonly #connections: Connections;
  readonly #learned: LearnedMacs;
  readonly #ports = new MirroredPorts();
  readonly #fragments: Fragments;
  readonly #members = new DynamicMembers();
  readonly #expectations = new Expectations();
  readonly #limits: Limits;
  readonly #offenders: Offenders;
  #policy: Policy | null = null;
  #standby = false;
  #paired = false;
  #names: ResolvedNames = new Map();
  #epoch = 0;
  #now = 0;
  /** When the first policy came; null: there was none yet. */
  #judgingSince: number | null = null;
  #pickedUp = 0;
  /** Is what is mirrored of the ports believed, for the frame under judgement? */
  #believed = false;
  /** The frame completes a handshake. */
  #completes = false;

  constructor(node: WallNode) {
    this.#node = node;
    const timeouts = node.timeouts ?? DEFAULT_TIMEOUTS;
    this.#connections = new Connections(timeouts, node.hz);
    this.#macs = new Set(node.macs.map(macText));
    this.#fragments = new Fragments(node.hz);
    this.#limits = new Limits(node.hz);
    this.#offenders = new Offenders(node.hz);
    const quota = node.fdbQuota ?? Number.POSITIVE_INFINITY;
    this.#learned = new LearnedMacs(timeouts.fdb * node.hz, node.hz, quota);
  }

  /** Connections that were picked up mid-stream. */
  get pickedUp(): number {
    return this.#pickedUp;
  }

  /** Switches to a policy: from the next frame on, it alone judges. `now` in jiffies. */
  install(policy: Policy, names: ResolvedNames = new Map(), now = this.#now): void {
    this.#judgingSince ??= now;
    this.#policy = policy;
    this.#names = names;
    this.#epoch++;
    this.#limits.keep(ruleIds(policy, names));
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
    this.#expectations.add(expected);
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
    for (const one of connections) this.#end(one);
  }

  /** Frees what has expired. */
  sweep(now: number): void {
    this.#limits.holdings.sweep((connection) => this.#connections.isOver(connection, now));
  }

  #end(connection: Connection): void {
    this.#connections.end(connection);
    this.#limits.holdings.ended(connection);
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
    return this.#connections.all(now);
  }

  /** Takes a frame that enters by a port at a time in jiffies. */
  receive(data: Uint8Array, port: number, now: number): Outcome {
    this.#now = now;
    this.#completes = false;
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
    if (this.#completes) this.#offenders.prove(frame.packet.source, watched);
    return [];
  }

  #receive(frame: Frame, port: number, now: number): Outcome {
    if (isMartian(frame)) return this.#dropped(drop('martian'));
    const believed = this.#ports.believes(port, now);
    this.#believed = believed;
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
    const after = this.#find(key)?.phase ?? null;
    return { ...outcome, stateKey: key, phaseBefore: before, phaseAfter: after };
  }

  /** The first fragment of a datagram is judged like a packet, and those that fit follow its verdict. */
  #judgeIp(arrived: Arrived): Judged {
    const { world, frame, packet, fromUplink } = arrived;
    if (packet.fragment === null) return this.#judgePacket(arrived);
    const circumstances = { fromUplink, epoch: this.#epoch, now: this.#now };
    const error = isIcmpError(packet);
    const decision = this.#fragments.receive(frame, packet, error, circumstances, (...tail) =>
      this.#sendTail(packet, ...tail),
    );
    if (decision === 'judge') {
      const judged = this.#judgePacket(arrived);
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
    const connection = this.#find(key);
    if (connection === null || !connection.established || connection.tcp === null) {
      return 'fragment';
    }
    const reply = addressKey(source) !== connection.originator;
    return connection.tcp.sendTail(end, fin && last, reply) ? 'none' : 'out-of-window';
  }

  #judgePacket(arrived: Arrived): Judged {
    const { world, frame, packet, fromUplink } = arrived;
    if (isIcmpError(packet)) {
      const find = (key: string) => this.#find(key);
      const judged = judgeError({ ...arrived, epoch: this.#epoch }, find);
      return { ...judged, opened: false, detour: 0 };
    }
    const { transport } = packet;
    if (transport?.kind === 'tcp' && hasBadFlags(transport.flags)) {
      return { ...drop('bad-flags'), ...STATELESS };
    }
    const relation = relate(frame, packet);
    const before = this.#find(relation.key)?.phase ?? null;
    const decision =
      this.#hit(world, relation, packet) ?? this.#miss(world, relation, frame, packet, fromUplink);
    return { ...decision, key: relation.key, before };
  }

  /** A packet of a connection that exists; null when it does not, or when a new one begins. */
  #hit(world: World, { key }: Relation, packet: Packet): Decision | null {
    const connection = this.#find(key);
    if (connection === null) return null;
    // What a rule asks for besides is found anew for every packet.
    if (connection.epoch !== this.#epoch || connection.detour !== 0) {
      const judgement = judgeConnection(world, connection);
      if (judgement.verdict === 'drop') {
        this.#end(connection);
        return { ...judgement, opened: false };
      }
      connection.rules = judgement.rules;
      connection.detour = judgement.detour;
      connection.epoch = this.#epoch;
    }
    const reply = addressKey(packet.source) !== connection.originator;
    return this.#follow(connection, packet, reply, world);
  }

  /** The packet moves its connection on, if it is one of it. */
  #follow(
    connection: Connection,
    packet: Packet,
    reply: boolean,
    world: World | null,
  ): Decision | null {
    const { transport } = packet;
    if (connection.midStream !== null) return this.#settle(connection, packet, reply, world);
    const tcp = connection.tcp?.clone() ?? null;
    const phase = reply ? 'both-ways' : connection.phase;
    const next = tcp !== null && transport?.kind === 'tcp' ? tcp.take(transport, reply) : phase;
    if (next === 'new') return null;
    if (next === 'invalid') return { ...drop('bad-phase'), rules: connection.rules };
    if (next === 'out') {
      return this.#succeed(connection, packet, reply) ?? this.#outOfWindow(connection, packet);
    }
    if (next === 'ignore') {
      const answer = this.#answersAnew(connection, packet, reply);
      if (answer !== null) return answer;
      this.#keepSuccessor(connection, packet);
    } else {
      const { phase: before, established } = connection;
      const refusal = this.#move(connection, next, world);
      if (refusal !== null) return { ...drop(refusal), rules: connection.rules };
      this.#completes = !established && completesHandshake(before, next);
    }
    connection.tcp = tcp;
    return accept(connection.rules, connection.detour);
  }

  /** A segment of a connection whose ends have not agreed yet. */
  #settle(
    connection: Connection,
    packet: Packet,
    reply: boolean,
    world: World | null,
  ): Decision | null {
    const { transport } = packet;
    if (transport?.kind !== 'tcp') return null;
    const next = connection.midStream!.take(transport, reply);
    const { rules, detour } = connection;
    if (next === 'new') return null;
    if (next === 'invalid') return { ...drop('bad-phase'), rules };
    if (next === 'out') return this.#outOfWindow(connection, packet);
    if (next === 'ignore') return accept(rules, detour);
    if (next instanceof MidStream) {
      connection.midStream = next;
      return accept(rules, detour);
    }
    const refusal = this.#move(connection, next.phase, world);
    if (refusal !== null) return { ...drop(refusal), rules };
    connection.midStream = null;
    connection.tcp = next;
    this.#pickedUp++;
    return accept(rules, detour);
  }

  /** Of one that both ends have closed no SYN-ACK is late: it answers the SYN that is kept, or none. */
  #answersAnew(connection: Connection, packet: Packet, reply: boolean): Decision | null {
    const { transport } = packet;
    if (!['last-ack', 'time-wait', 'close'].includes(connection.phase)) return null;
    if (transport?.kind !== 'tcp' || kindOf(transport.flags) !== 'synack') return null;
    return this.#succeed(connection, packet, reply);
  }

  #outOfWindow(connection: Connection, { transport }: Packet): Decision {
    const reset = transport?.kind === 'tcp' && (transport.flags & RST) !== 0;
    if (!this.#node.liberal || reset) {
      return { ...drop('out-of-window'), rules: connection.rules };
    }
    const stale = this.#now - connection.seen >= this.#node.hz;
    if (connection.established && stale) connection.seen = this.#now;
    return accept(connection.rules, connection.detour);
  }

  /** A SYN inside a connection changes nothing, but its answer may lead to another one. */
  #keepSuccessor(connection: Connection, { transport }: Packet): void {
    if (!connection.established || transport?.kind !== 'tcp') return;
    if (!opensConnection(transport.flags)) return;
    const kept = this.#connections.successor(connection.key, this.#now);
    if (kept?.tcp?.beganWith(transport)) return;
    this.#connections.keep(successorOf(connection, transport, this.#now));
  }

  /**
   * What is out of window for a connection may be of its successor, which takes its place when both
   * ends have agreed on it. Null: it cannot.
   */
  #succeed(connection: Connection, packet: Packet, reply: boolean): Decision | null {
    const { transport } = packet;
    if (!connection.established) return null;
    const successor = this.#connections.successor(connection.key, this.#now);
    if (successor === null || transport?.kind !== 'tcp') return null;
    if (!mayBeOfSuccessor(successor, transport, reply)) return null;
    successor.rules = connection.rules;
    successor.detour = connection.detour;
    successor.epoch = connection.epoch;
    const step = successor.tcp!.clone().take(transport, reply);
    const opened = step === 'established' || step === 'fin-wait';
    if (opened) {
      this.#limits.holdings.ended(connection);
      this.#connections.stand(successor);
    }
    const decision = this.#follow(successor, packet, reply, null);
    return decision === null ? null : { ...decision, opened };
  }

  /**
   * Moves a connection to its next phase. Returns why it cannot, and then nothing moves. Without a world
   * to ask for limits it takes the place of another.
   */
  #move(connection: Connection, phase: Phase, world: World | null): Reason | null {
    if (isSettled(phase) && !connection.established) {
      const limited = world !== null && this.#believed;
      if (limited && this.#limits.holdings.isFull(world, connection.opening)) return 'limit';
      if (this.#isFull()) return 'table-full';
      connection.established = true;
    }
    // Last-seen moves with the phase, otherwise at most once a second.
    const stale = this.#now - connection.seen >= this.#node.hz;
    if (phase !== connection.phase || stale) connection.seen = this.#now;
    connection.phase = phase;
    this.#limits.holdings.moved(connection);
    return null;
  }

  #isFull(): boolean {
    const { maxEstablished } = this.#node;
    if (maxEstablished === undefined) return false;
    const established = this.connections(this.#now).filter((each) => each.established);
    return established.length >= maxEstablished;
  }

  #miss(
    world: World,
    relation: Relation,
    frame: Frame,
    packet: Packet,
    fromUplink: boolean,
  ): Decision {
    const opening = openingOf(frame, packet, fromUplink);
    const denied = judgeDeny(world, opening);
    if (denied !== null) return { ...denied, opened: false };
    if (relation.key === null) return drop('no-state');
    if (!relation.mayOpen)
      return this.#pickUp(world, relation.key, frame, packet) ?? drop('no-state');
    const { judgement: own, allowing } = judgeLines(world, opening);
    const expected = own.verdict === 'drop' ? this.#expected(world, own, frame, packet) : null;
    const judgement = expected?.judgement ?? own;
    if (judgement.verdict === 'drop') return { ...judgement, opened: false };
    const circumstances = { now: this.#now, believed: this.#believed };
    const excess =
      expected === null ? this.#limits.excess(world, opening, allowing, circumstances) : null;
    if (excess !== null) return { ...drop(excess), rules: judgement.rules };
    const { transport } = packet;
    return this.#open(relation.key, packet, opening, judgement, {
      phase: firstPhase(packet.protocol),
      tcp: transport?.kind === 'tcp' ? new TcpConversation(transport) : null,
      midStream: null,
      pickedUp: false,
      master: expected?.master ?? null,
    });
  }

  /** A segment without a connection: of one that is older than the wall? Null: it is not. */
  #pickUp(world: World, key: string, frame: Frame, packet: Packet): Decision | null {
    const since = this.#now - this.#judgingSince!;
    if (since >= world.policy.pickup * this.#node.hz || !isMidStream(packet)) return null;
    const found = pickUp(world, frame, packet);
    if (found === null || packet.transport?.kind !== 'tcp') return null;
    const { opening, judgement } = found;
    const bySender = addressKey(packet.source) === addressKey(opening.source);
    const midStream = new MidStream().take(packet.transport, !bySender) as MidStream;
    return this.#open(key, packet, opening, judgement, {
      ...{ phase: 'mid-stream', tcp: null, midStream, pickedUp: true, master: null },
    });
  }

  #open(
    key: string,
    packet: Packet,
    opening: Opening,
    judgement: Judgement,
    begun: Pick<Connection, 'phase' | 'tcp' | 'midStream' | 'pickedUp' | 'master'>,
  ): Decision {
    const { rules, detour } = judgement;
    this.#connections.stand({
      ...{ key, rules, detour, originator: addressKey(opening.source) },
      opening: { ...opening, fromUplink: false },
      protocol: packet.protocol,
      icmp: packet.transport?.kind === 'icmp',
      established: false,
      ...{ born: this.#now, seen: this.#now, epoch: this.#epoch },
      ...begun,
    });
    return { ...judgement, opened: true };
  }

  /** A packet that no rule allows may be what a helper expects; null: it is not. */
  #expected(world: World, lack: Judgement, frame: Frame, packet: Packet) {
    if (this.#node.detour !== true) return null;
    const found = this.#expectations.find(frame, packet, this.#now);
    if (found === null) return null;
    const master = [
      this.#find(found.master),
      this.#connections.successor(found.master, this.#now),
    ].find((one) => one !== null && one.detour !== 0);
    if (master === undefined || master === null) return null;
    const own = openingOf(frame, packet, false);
    const judgement = judgeByMaster(world, lack, own, master.opening);
    if (judgement.verdict === 'drop') return null;
    found.take();
    return { judgement, master: master.opening };
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

  #find(key: string | null): Connection | null {
    return this.#connections.find(key, this.#now);
  }

  #world(): World {
    const members = (group: string, address: Uint8Array): boolean =>
      this.#members.has(group, address, this.#now);
    return { policy: this.#policy!, names: this.#names, members };
  }
}
