/**
 * Packets and the connections that they are of: each moves its connection on, opens one, or is none's. The
 * wall (wall.ts) says when it is and which policy judges.
 */
import { addressKey } from '../address.js';
import type { Judgement, Opening } from '../opening.js';
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
import { Expectations, type Expected, judgeByMaster, judgeConnection } from './expected.js';
import type { Frame } from './frame.js';
import { judgeDeny, judgeLines, type World } from './judge.js';
import { Limits } from './limits.js';
import { MidStream } from './mid-stream.js';
import {
  type Arrived,
  accept,
  type Decision,
  drop,
  type Judged,
  type Reason,
  STATELESS,
  type WallNode,
} from './outcome.js';
import type { Packet } from './packet.js';
import { isMidStream, pickUp } from './pick-up.js';
import { isIcmpError, judgeError } from './related.js';
import { ACK, hasBadFlags, kindOf, opensConnection, RST } from './tcp.js';
import { TcpConversation } from './tcp-conversation.js';

/** When a packet is judged, and under what. */
export interface Moment {
  /** Jiffies. */
  readonly now: number;
  /** Changes with everything that judges. */
  readonly epoch: number;
  /** Is what is mirrored of the ports believed? */
  readonly believed: boolean;
  /** When the first policy came; null: there was none yet. */
  readonly judgingSince: number | null;
}

export class Tracker {
  readonly limits: Limits;
  readonly #node: WallNode;
  readonly #connections: Connections;
  readonly #expectations = new Expectations();
  #moment: Moment = { now: 0, epoch: 0, believed: false, judgingSince: null };
  #pickedUp = 0;
  #completed = false;

  constructor(node: WallNode) {
    this.#node = node;
    this.limits = new Limits(node.hz);
    this.#connections = new Connections(node.timeouts ?? DEFAULT_TIMEOUTS, node.hz);
  }

  /** Connections that were picked up mid-stream. */
  get pickedUp(): number {
    return this.#pickedUp;
  }

  /** Has a packet completed a handshake since `at`? */
  get completed(): boolean {
    return this.#completed;
  }

  /** The moment of the next packet. */
  at(moment: Moment): void {
    this.#moment = moment;
    this.#completed = false;
  }

  /** Tells what a helper has read. */
  expect(expected: Expected): void {
    this.#expectations.add(expected);
  }

  /** Connections that have not expired. */
  all(now: number): Connection[] {
    return this.#connections.all(now);
  }

  find(key: string | null): Connection | null {
    return this.#connections.find(key, this.#moment.now);
  }

  end(connection: Connection): void {
    this.#connections.end(connection);
    this.limits.holdings.ended(connection);
  }

  /** Frees what has expired. */
  sweep(now: number): void {
    this.limits.holdings.sweep((connection) => this.#connections.isOver(connection, now));
  }

  /** An IP packet that is no later fragment. */
  judge(arrived: Arrived): Judged {
    const { world, frame, packet, fromUplink } = arrived;
    if (isIcmpError(packet)) {
      const find = (key: string) => this.find(key);
      const judged = judgeError({ ...arrived, epoch: this.#moment.epoch }, find);
      return { ...judged, opened: false, detour: 0 };
    }
    const { transport } = packet;
    if (transport?.kind === 'tcp' && hasBadFlags(transport.flags)) {
      return { ...drop('bad-flags'), ...STATELESS };
    }
    const relation = relate(frame, packet);
    const before = this.find(relation.key)?.phase ?? null;
    const decision =
      this.#hit(world, relation, packet) ?? this.#miss(world, relation, frame, packet, fromUplink);
    return { ...decision, key: relation.key, before };
  }

  /** A packet of a connection that exists; null when it does not, or when a new one begins. */
  #hit(world: World, { key }: Relation, packet: Packet): Decision | null {
    const connection = this.find(key);
    if (connection === null) return null;
    // What a rule asks for besides is found anew for every packet.
    if (connection.epoch !== this.#moment.epoch || connection.detour !== 0) {
      const judgement = judgeConnection(world, connection);
      if (judgement.verdict === 'drop') {
        this.end(connection);
        return { ...judgement, opened: false };
      }
      connection.rules = judgement.rules;
      connection.detour = judgement.detour;
      connection.epoch = this.#moment.epoch;
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
      this.#completed = !established && completesHandshake(before, next);
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

  /**
   * Of one that both ends have closed no SYN-ACK is late: it answers the SYN that is kept, or none. A reset that
   * would be late may be of who gives up that handshake.
   */
  #answersAnew(connection: Connection, packet: Packet, reply: boolean): Decision | null {
    const { transport } = packet;
    if (!['last-ack', 'time-wait', 'close'].includes(connection.phase)) return null;
    if (transport?.kind !== 'tcp') return null;
    const kind = kindOf(transport.flags);
    const bare = kind === 'rst' && (transport.flags & ACK) === 0;
    if (kind !== 'synack' && !bare) return null;
    return this.#succeed(connection, packet, reply);
  }

  #outOfWindow(connection: Connection, { transport }: Packet): Decision {
    const reset = transport?.kind === 'tcp' && (transport.flags & RST) !== 0;
    if (!this.#node.liberal || reset) {
      return { ...drop('out-of-window'), rules: connection.rules };
    }
    const stale = this.#moment.now - connection.seen >= this.#node.hz;
    if (connection.established && stale) connection.seen = this.#moment.now;
    return accept(connection.rules, connection.detour);
  }

  /** A SYN inside a connection changes nothing, but its answer may lead to another one. */
  #keepSuccessor(connection: Connection, { transport }: Packet): void {
    if (!connection.established || transport?.kind !== 'tcp') return;
    if (!opensConnection(transport.flags)) return;
    const kept = this.#connections.successor(connection.key, this.#moment.now);
    if (kept?.tcp?.beganWith(transport)) return;
    this.#connections.keep(successorOf(connection, transport, this.#moment.now));
  }

  /**
   * What is out of window for a connection may be of its successor, which takes its place when both
   * ends have agreed on it. Null: it cannot.
   */
  #succeed(connection: Connection, packet: Packet, reply: boolean): Decision | null {
    const { transport } = packet;
    if (!connection.established) return null;
    const successor = this.#connections.successor(connection.key, this.#moment.now);
    if (successor === null || transport?.kind !== 'tcp') return null;
    if (!mayBeOfSuccessor(successor, transport, reply)) return null;
    successor.rules = connection.rules;
    successor.detour = connection.detour;
    successor.epoch = connection.epoch;
    const step = successor.tcp!.clone().take(transport, reply);
    const opened = step === 'established' || step === 'fin-wait';
    if (opened) {
      this.limits.holdings.ended(connection);
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
      const limited = world !== null && this.#moment.believed;
      if (limited && this.limits.holdings.isFull(world, connection.opening)) return 'limit';
      if (this.#isFull()) return 'table-full';
      connection.established = true;
    }
    // Last-seen moves with the phase, otherwise at most once a second.
    const stale = this.#moment.now - connection.seen >= this.#node.hz;
    if (phase !== connection.phase || stale) connection.seen = this.#moment.now;
    connection.phase = phase;
    this.limits.holdings.moved(connection);
    return null;
  }

  #isFull(): boolean {
    const { maxEstablished } = this.#node;
    if (maxEstablished === undefined) return false;
    const established = this.#connections.all(this.#moment.now).filter((each) => each.established);
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
    const excess =
      expected === null ? this.limits.excess(world, opening, allowing, this.#moment) : null;
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
    const since = this.#moment.now - this.#moment.judgingSince!;
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
      ...{ born: this.#moment.now, seen: this.#moment.now, epoch: this.#moment.epoch },
      ...begun,
    });
    return { ...judgement, opened: true };
  }

  /** A packet that no rule allows may be what a helper expects; null: it is not. */
  #expected(world: World, lack: Judgement, frame: Frame, packet: Packet) {
    if (this.#node.detour !== true) return null;
    const found = this.#expectations.find(frame, packet, this.#moment.now);
    if (found === null) return null;
    const master = [
      this.find(found.master),
      this.#connections.successor(found.master, this.#moment.now),
    ].find((one) => one !== null && one.detour !== 0);
    if (master === undefined || master === null) return null;
    const own = openingOf(frame, packet, false);
    const judgement = judgeByMaster(world, lack, own, master.opening);
    if (judgement.verdict === 'drop') return null;
    found.take();
    return { judgement, master: master.opening };
  }
}
