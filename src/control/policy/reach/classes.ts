/**
 * What a new plan lets through that another one does not, and the other way round: in packets, not in
 * lines, for a line may say what another says already, or be narrower than one that goes.
 */
import type { Sliced } from '../../slices.js';
import type { CodeRange } from '../codes.js';
import type { MatrixEntry, Plan } from '../plan.js';
import { PEER_ANY } from '../plan.js';
import { type Atom, atomsOf, describeAtoms } from './atoms.js';
import { describeServices, type JointService, jointServices } from './services.js';

/**
 * New connections that are allowed by one of two plans. Of a connection between two screened hosts each
 * half is a class of its own, and both have to be open. Deny lines are not considered here: they come
 * before and say themselves what they close.
 */
export interface PacketClass {
  readonly kind: 'opened' | 'closed';
  readonly direction: 'in' | 'out' | 'transit';
  /** Screened host; '' for transit. */
  readonly host: string;
  /** As a policy writes them. */
  readonly services: readonly string[];
  /** Prefixes of the other end, of transit of the source; `members of NAME` for a dynamic group. */
  readonly from: readonly string[];
  /** Of transit: the destination. */
  readonly to: readonly string[];
}

type Direction = MatrixEntry['direction'];

/** What the matrix says of one row and one service class. */
interface Cell {
  any: MatrixEntry | null;
  readonly peers: Map<number, MatrixEntry>;
}

/** Cells by service class. */
type Row = Map<number, Cell>;

/** Addresses that both plans treat alike, as the other end of a connection. */
interface JointPeer {
  readonly before: number;
  readonly after: number;
  readonly beforeScreened: boolean;
  readonly afterScreened: boolean;
  /** Nobody is there: who has the address is in other VLANs. */
  readonly beforeNobody: boolean;
  readonly afterNobody: boolean;
  readonly atoms: number[];
}

const NO_CLASS = -1;
const NO_CELL: Cell = { any: null, peers: new Map() };

/** In the order of hosts in the new plan, those of the old one that are gone after them, transit last. */
export function* packetClasses(before: Plan | null, after: Plan): Sliced<PacketClass[]> {
  const atoms = yield* atomsOf(before, after);
  const plans = { before, after };
  const comparison = new Comparison(plans, yield* jointServices(before, after), jointPeers(atoms));
  yield;
  const found: PacketClass[] = [];
  for (const host of hostNames(before, after)) {
    for (const direction of ['in', 'out'] as const) {
      for (const difference of comparison.ofHost(direction, host)) {
        const { kind, who, groups, ranges } = difference;
        const members = groups.map((group) => `members of ${group}`);
        const from = [...describePeers(atoms, who), ...members];
        found.push({ kind, direction, host, services: describeServices(ranges), from, to: [] });
      }
      yield;
    }
  }
  const transit = yield* transitClasses(comparison, atoms);
  return [...found, ...transit];
}

/** Sources that may newly reach the same, or no longer, go together. */
function* transitClasses(comparison: Comparison, atoms: readonly Atom[]): Sliced<PacketClass[]> {
  const found = new Map<string, { sources: JointPeer[]; difference: Difference }>();
  for (const source of comparison.peers) {
    for (const difference of comparison.ofSource(source)) {
      const { kind, who, ranges } = difference;
      const what = ranges.map(({ low, high }) => `${low}-${high}`).join(',');
      const key = `${kind} ${who.map(({ atoms: [first] }) => first).join(',')} ${what}`;
      const known = found.get(key);
      if (known === undefined) found.set(key, { sources: [source], difference });
      else known.sources.push(source);
    }
    yield;
  }
  return [...found.values()].map(({ sources, difference: { kind, who, ranges } }) => ({
    ...{ kind, direction: 'transit' as const, host: '', services: describeServices(ranges) },
    ...{ from: describePeers(atoms, sources), to: describePeers(atoms, who) },
  }));
}

/** What several services of one row have in common. */
interface Difference {
  readonly kind: PacketClass['kind'];
  readonly who: readonly JointPeer[];
  /** Dynamic groups whose members it is about. */
  readonly groups: readonly string[];
  readonly ranges: CodeRange[];
}

/** Both plans in the form that they are compared in. */
class Comparison {
  readonly peers: readonly JointPeer[];
  readonly #plans: { readonly before: Plan | null; readonly after: Plan };
  readonly #services: readonly JointService[];
  /** An address is nobody's in VLANs where it was somebody's, or the other way round. */
  readonly #somebodyMoves: boolean;
  readonly #idsBefore: ReadonlyMap<string, number>;
  readonly #idsAfter: ReadonlyMap<string, number>;
  readonly #old: Rows;
  readonly #new: Rows;
  readonly #peersBefore = new Map<number, JointPeer[]>();
  readonly #peersAfter = new Map<number, JointPeer[]>();

  constructor(
    plans: { readonly before: Plan | null; readonly after: Plan },
    services: readonly JointService[],
    peers: readonly JointPeer[],
  ) {
    this.#plans = plans;
    this.#services = services;
    this.peers = peers;
    this.#somebodyMoves = peers.some((peer) => peer.beforeNobody !== peer.afterNobody);
    this.#idsBefore = hostIds(plans.before);
    this.#idsAfter = hostIds(plans.after);
    this.#old = rowsOf(plans.before);
    this.#new = rowsOf(plans.after);
    for (const peer of peers) {
      append(this.#peersBefore, peer.before, peer);
      append(this.#peersAfter, peer.after, peer);
    }
  }

  ofHost(direction: 'in' | 'out', name: string): Iterable<Difference> {
    const [old, now] = [this.#idsBefore.get(name) ?? 0, this.#idsAfter.get(name) ?? 0];
    return this.#compare(direction, this.#old[direction].get(old), this.#new[direction].get(now));
  }

  ofSource(source: JointPeer): Iterable<Difference> {
    const old =
      source.beforeScreened || source.beforeNobody
        ? undefined
        : this.#old.transit.get(source.before);
    const now =
      source.afterScreened || source.afterNobody ? undefined : this.#new.transit.get(source.after);
    return this.#compare('transit', old, now);
  }

  #compare(
    direction: Direction,
    before: Row | undefined,
    after: Row | undefined,
  ): Iterable<Difference> {
    const gathered = new Map<string, Difference>();
    if (before === undefined && after === undefined) return [];
    for (const service of this.#services) {
      const old = before?.get(service.before) ?? NO_CELL;
      const now = after?.get(service.after) ?? NO_CELL;
      if (old === NO_CELL && now === NO_CELL) continue;
      for (const difference of this.#compareCells(direction, old, now)) {
        const { kind, who, groups } = difference;
        const key = `${kind} ${who.map(({ atoms: [first] }) => first).join(',')} ${groups}`;
        const known = gathered.get(key);
        if (known !== undefined) known.ranges.push(...service.ranges);
        else gathered.set(key, { ...difference, ranges: [...service.ranges] });
      }
    }
    return gathered.values();
  }

  *#compareCells(direction: Direction, old: Cell, now: Cell): Iterable<Difference> {
    const opened: JointPeer[] = [];
    const closed: JointPeer[] = [];
    const transit = direction === 'transit';
    for (const peer of this.#candidates(old, now)) {
      const was =
        !peer.beforeNobody && !(transit && peer.beforeScreened) && allowed(old, peer.before);
      const is = !peer.afterNobody && !(transit && peer.afterScreened) && allowed(now, peer.after);
      if (is && !was) opened.push(peer);
      if (was && !is) closed.push(peer);
    }
    const { before, after } = this.#plans;
    const [had, has] = [membersOf(before, direction, old), membersOf(after, direction, now)];
    const newly = allows(old.any) || allows(now.any) ? [] : without(has, had);
    const gone = allows(old.any) || allows(now.any) ? [] : without(had, has);
    if (opened.length + newly.length > 0) {
      yield { kind: 'opened', who: opened, groups: newly, ranges: [] };
    }
    if (closed.length + gone.length > 0) {
      yield { kind: 'closed', who: closed, groups: gone, ranges: [] };
    }
  }

  /** Peers of which one of two cells may say something else than the other. */
  #candidates(old: Cell, now: Cell): Iterable<JointPeer> {
    if (allows(old.any) !== allows(now.any)) return this.peers;
    if (this.#somebodyMoves) return this.peers;
    const named = new Set<JointPeer>();
    for (const peer of old.peers.keys()) {
      for (const joint of this.#peersBefore.get(peer) ?? []) named.add(joint);
    }
    for (const peer of now.peers.keys()) {
      for (const joint of this.#peersAfter.get(peer) ?? []) named.add(joint);
    }
    return [...named].sort((a, b) => a.atoms[0]! - b.atoms[0]!);
  }
}

/** By host id; of transit by the source's peer class. */
type Rows = Readonly<Record<Direction, Map<number, Row>>>;

function rowsOf(plan: Plan | null): Rows {
  const rows: Rows = { in: new Map(), out: new Map(), transit: new Map() };
  for (const entry of plan?.matrix ?? []) {
    const row: Row = rows[entry.direction].get(entry.host) ?? new Map();
    rows[entry.direction].set(entry.host, row);
    const cell: Cell = row.get(entry.serviceClass) ?? { any: null, peers: new Map() };
    row.set(entry.serviceClass, cell);
    if (entry.peer === PEER_ANY) cell.any = entry;
    else cell.peers.set(entry.peer, entry);
  }
  return rows;
}

function hostIds(plan: Plan | null): Map<string, number> {
  return new Map((plan?.hosts ?? []).map(({ name }, i) => [name, i + 1]));
}

function allows(entry: MatrixEntry | null): boolean {
  return entry !== null && entry.rule !== null;
}

function allowed(cell: Cell, peer: number): boolean {
  return allows(cell.peers.get(peer) ?? cell.any);
}

/** Dynamic groups whose members a cell allows whatever else they are. */
function membersOf(plan: Plan | null, direction: Direction, { any }: Cell): string[] {
  if (plan === null || direction === 'transit') return [];
  const mask = (any?.alternatives ?? []).reduce(
    (all, { from, to }) => all | (direction === 'in' ? from : to),
    0,
  );
  return plan.dynamicGroups.filter((_, i) => (mask >>> i) & 1).map(({ name }) => name);
}

/** Atoms that are empty, because longer prefixes fill them, are nobody. */
function jointPeers(atoms: readonly Atom[]): JointPeer[] {
  const peers = new Map<string, JointPeer>();
  const filled = new Float64Array(atoms.length);
  for (const { parent, prefix } of atoms) {
    if (parent >= 0) filled[parent]! += 2 ** (atoms[parent]!.prefix.length - prefix.length);
  }
  for (const [i, { before, after }] of atoms.entries()) {
    if (filled[i] === 1) continue;
    const [old, now] = [before?.peerClass ?? NO_CLASS, after?.peerClass ?? NO_CLASS];
    const [beforeScreened, afterScreened] = [isScreened(before), isScreened(after)];
    const [beforeNobody, afterNobody] = [before?.tagged === true, after?.tagged === true];
    const who = { beforeScreened, afterScreened, beforeNobody, afterNobody };
    const key = [old, now, ...Object.values(who)].join(' ');
    const known = peers.get(key);
    if (known !== undefined) known.atoms.push(i);
    else peers.set(key, { before: old, after: now, ...who, atoms: [i] });
  }
  return [...peers.values()];
}

function isScreened(of: Atom['before']): boolean {
  return of !== null && of.host !== 0;
}

function describePeers(atoms: readonly Atom[], peers: readonly JointPeer[]): string[] {
  return describeAtoms(atoms, new Set(peers.flatMap((peer) => peer.atoms)));
}

function hostNames(before: Plan | null, after: Plan): Set<string> {
  return new Set([...after.hosts, ...(before?.hosts ?? [])].map(({ name }) => name));
}

function without<T>(all: readonly T[], some: readonly T[]): T[] {
  return all.filter((each) => !some.includes(each));
}

function append<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
