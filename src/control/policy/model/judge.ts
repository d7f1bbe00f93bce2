/**
 * What the policy language means, read straight from the syntax tree and with no thought for speed.
 * The compiler and the packet path are right when they agree with this file.
 */
import { addressKey, prefixHolds, readAddress } from '../address.js';
import type {
  DenyStatement,
  PeerItem,
  Peers,
  Policy,
  PolicyHost,
  ResolvedNames,
  ServiceRef,
} from '../ast.js';
import type { Vlan } from '../bindings.js';
import { rangeWidth, SERVICE_CODES } from '../codes.js';
import { bothDetours } from '../detour.js';
import { type Judgement, type Members, NO_MEMBERS, type Opening } from '../opening.js';
import { peersText } from '../peers.js';
import type { Position } from '../plan.js';
import { denyServicesText, hashedId, matrixId, pairText } from '../rule-id.js';
import { servicesText } from '../service-reader.js';
import { TAG_SERVICE } from './frame.js';

/** A policy and the state of the world that it refers to. */
export interface World {
  readonly policy: Policy;
  /** Addresses of the DNS names in the policy. */
  readonly names: ResolvedNames;
  readonly members: Members;
}

/** A line that allows, seen from one host and direction. */
interface Candidate {
  readonly services: readonly ServiceRef[];
  readonly peers: Peers;
  readonly position: Position;
  readonly log: boolean;
  readonly session: boolean;
  readonly rate: string;
  readonly detour: number;
  id(): string;
}

/** A rule that lets connections through, and how many. */
export interface Allowing {
  readonly rule: string;
  /** As written; '' for any number. */
  readonly rate: string;
}

/** What the policy says, and by which lines. */
export interface Verdict {
  readonly judgement: Judgement;
  readonly allowing: readonly Allowing[];
}

/** VLAN tags as frames have them, the outer one first. */
export type Tags = readonly [number, number];

const UNTAGGED: Tags = [0, 0];
const NO_RULES = { out: null, in: null, transit: null, deny: null };

/** Judges the packet that asks for a connection. */
export function judgeOpening(world: World, opening: Opening): Judgement {
  return judgeLines(world, opening).judgement;
}

/** The same, with the lines that allow it. */
export function judgeLines(world: World, opening: Opening): Verdict {
  const tags = opening.tags ?? UNTAGGED;
  const source = screenedHost(world, opening.source, tags);
  const destination = screenedHost(world, opening.destination, tags);
  if (source !== null && opening.fromUplink) return refused('spoofed');
  const denied = judgeDeny(world, opening);
  if (denied !== null) return { judgement: denied, allowing: [] };
  if (isElsewhere(world, opening)) return refused('not-screened');
  if (source === null && destination === null) return judgeTransit(world, opening);

  let rules: Judgement['rules'] = NO_RULES;
  let log = false;
  const allowing: Allowing[] = [];
  let asked = 0;
  if (source !== null) {
    const lines = candidates(world, source, 'out', opening.source);
    const out = winner(world, lines, opening.destination, opening);
    if (out === null) return refused('no-out');
    rules = { ...rules, out: out.id() };
    log ||= out.log;
    allowing.push({ rule: out.id(), rate: out.rate });
    asked = out.detour;
  }
  if (destination !== null) {
    const lines = candidates(world, destination, 'in', opening.destination);
    const into = winner(world, lines, opening.source, opening);
    if (into === null) return refused('no-in', rules);
    rules = { ...rules, in: into.id() };
    log ||= into.log;
    allowing.push({ rule: into.id(), rate: into.rate });
    asked = bothDetours(asked, into.detour);
  }
  return { judgement: { verdict: 'accept', reason: 'none', rules, log, detour: asked }, allowing };
}

/** The deny lines alone: the only part of a policy that fragments meet. */
export function judgeDeny(world: World, opening: Opening): Judgement | null {
  const holds = (peers: Peers | null, address: Uint8Array): boolean =>
    peers === null || peersHold(world, peers, address, opening.tags);
  for (const line of world.policy.deny) {
    const asked = line.services === null || narrowest(line.services, opening.code) !== null;
    if (asked && holds(line.from, opening.source) && holds(line.to, opening.destination)) {
      const rules = { ...NO_RULES, deny: denyRuleId(line) };
      return { verdict: 'drop', reason: 'denied', rules, log: line.log, detour: 0 };
    }
  }
  return null;
}

/** Id of the rule of a deny line. */
export function denyRuleId(line: DenyStatement): string {
  const service = denyServicesText(line.services);
  const peers = pairText(line.from, line.to);
  const { log, session, rate } = line;
  const options = { log, session, rate, detour: 0 };
  return line.id ?? hashedId({ host: '', direction: 'deny', service, peers, ...options });
}

/** The host that an address is screened as in its VLANs, or null. */
export function screenedHost(
  { policy }: World,
  address: Uint8Array,
  tags: Tags = UNTAGGED,
): PolicyHost | null {
  for (const host of policy.hosts.values()) {
    const { vlan } = host.binding;
    if (vlan !== null && !isInVlan(vlan, tags)) continue;
    if (host.addresses.some((own) => sameAddress(own.address, address))) return host;
  }
  return null;
}

/** Is it the address of a screened host in whatever VLANs? */
export function isScreenedAnywhere({ policy }: World, address: Uint8Array): boolean {
  return [...policy.hosts.values()].some((host) =>
    host.addresses.some((own) => sameAddress(own.address, address)),
  );
}

/** Is an end of it a screened host, but in other VLANs only? There is nobody by that address here. */
export function isElsewhere(
  world: World,
  { source, destination, tags = UNTAGGED }: Pick<Opening, 'source' | 'destination' | 'tags'>,
): boolean {
  return [source, destination].some(
    (end) => isScreenedAnywhere(world, end) && screenedHost(world, end, tags) === null,
  );
}

/** Of two tags, the outer one may be of 802.1ad; one alone may not. */
function isInVlan([outer, inner]: Vlan, tags: Tags): boolean {
  if (inner === 0) return tags[0] === outer && tags[1] === 0;
  return (tags[0] & ~TAG_SERVICE) === outer && tags[1] === inner;
}

/** Is an address among peers? `not` takes from all addresses of both families. */
export function peersHold(
  world: World,
  peers: Peers,
  address: Uint8Array,
  tags: Tags = UNTAGGED,
): boolean {
  return peers.some((item) => itemHolds(world, item, address, tags));
}

function itemHolds(world: World, item: PeerItem, address: Uint8Array, tags: Tags): boolean {
  switch (item.kind) {
    case 'any':
      return true;
    case 'prefix':
      return prefixHolds(item.prefix, address);
    case 'host':
      return screenedHost(world, address, tags)?.name === item.name;
    case 'name':
      return (world.names.get(item.name) ?? []).some((text) => isText(address, text));
    case 'not':
      return !peersHold(world, item.items, address, tags);
    case 'group': {
      const group = world.policy.groups.get(item.name)!;
      if (group.dynamic !== null) return world.members(group.name, address);
      return peersHold(world, group.items, address, tags);
    }
  }
}

function judgeTransit(world: World, opening: Opening): Verdict {
  const lines = world.policy.transit
    .filter((line) => peersHold(world, line.from, opening.source, opening.tags))
    .map((line): Candidate => {
      const { services, to, position, log, session, rate, detour } = line;
      const id = (): string => {
        const peers = pairText(line.from, to);
        const service = servicesText(services);
        const options = { log, session, rate, detour };
        return line.id ?? hashedId({ host: '', direction: 'transit', service, peers, ...options });
      };
      return { services, peers: to, position, log, session, rate, detour, id };
    });
  const line = winner(world, lines, opening.destination, opening);
  if (line === null) return refused('not-screened');
  const { log, rate } = line;
  const rules = { ...NO_RULES, transit: line.id() };
  const judgement = { verdict: 'accept', reason: 'none', rules, log, detour: line.detour } as const;
  return { judgement, allowing: [{ rule: line.id(), rate }] };
}

/** Lines of a host's own, and matrix lines that touch it when it uses this address. */
function candidates(
  world: World,
  host: PolicyHost,
  direction: 'in' | 'out',
  own: Uint8Array,
): Candidate[] {
  const { policy } = world;
  const candidate = (
    line: Omit<Candidate, 'id'> & { id: string | null },
    explicit: (id: string) => string,
  ): Candidate => {
    const { services, peers, position, log, session, rate, detour } = line;
    const id = (): string => {
      const options = { log, session, rate, detour };
      const content = { service: servicesText(services), peers: peersText(peers), ...options };
      if (line.id !== null) return explicit(line.id);
      return hashedId({ host: host.name, direction, ...content });
    };
    return { services, peers, position, log, session, rate, detour, id };
  };
  const lines = policy.lines
    .filter((line) => line.host === host.name && line.direction === direction)
    .map((line) => candidate(line, (id) => id));
  const shared = policy.matrix
    .map((line) => ({
      ...line,
      screened: direction === 'out' ? line.from : line.to,
      peers: direction === 'out' ? line.to : line.from,
    }))
    .filter(({ screened }) => touches(world, screened, host, own))
    .map((line) => candidate(line, (id) => matrixId(id, direction, host.name)));
  return [...lines, ...shared];
}

/**
 * Does a side of a matrix line name this host? By any of its addresses; a dynamic group only by the one
 * that is in use, and only if it may hold screened hosts.
 */
function touches(world: World, side: Peers, host: PolicyHost, own: Uint8Array): boolean {
  const nobody = { ...world, members: NO_MEMBERS };
  const tags = host.binding.vlan ?? UNTAGGED;
  if (host.addresses.some(({ address }) => peersHold(nobody, side, address, tags))) return true;
  return side.some(
    (item) =>
      item.kind === 'group' &&
      world.policy.groups.get(item.name)!.dynamic?.allowScreened === true &&
      world.members(item.name, own),
  );
}

/** Of the lines that allow this, the one with the narrowest service, then the earliest. */
function winner(
  world: World,
  lines: readonly Candidate[],
  peer: Uint8Array,
  { code, tags }: Opening,
): Candidate | null {
  let best: { line: Candidate; width: number } | null = null;
  for (const line of lines) {
    const width = narrowest(line.services, code);
    if (width === null || !peersHold(world, line.peers, peer, tags)) continue;
    const better =
      best === null ||
      width < best.width ||
      (width === best.width && isEarlier(line.position, best.line.position));
    if (better) best = { line, width };
  }
  return best?.line ?? null;
}

/** Width of the narrowest item that covers a code, or null. Only `all` covers "no code". */
function narrowest(services: readonly ServiceRef[], code: number | null): number | null {
  const widths = services
    .flatMap((service) => service.items)
    .filter((item) =>
      code === null ? rangeWidth(item) === SERVICE_CODES : item.low <= code && code <= item.high,
    )
    .map(rangeWidth);
  return widths.length === 0 ? null : Math.min(...widths);
}

function isEarlier(a: Position, b: Position): boolean {
  return a.line < b.line || (a.line === b.line && a.column < b.column);
}

function sameAddress(a: Uint8Array, b: Uint8Array): boolean {
  return addressKey(a) === addressKey(b);
}

function isText(address: Uint8Array, text: string): boolean {
  const read = readAddress(text);
  return read instanceof Uint8Array && sameAddress(read, address);
}

function refused(reason: Judgement['reason'], rules: Judgement['rules'] = NO_RULES): Verdict {
  return { judgement: { verdict: 'drop', reason, rules, log: false, detour: 0 }, allowing: [] };
}
