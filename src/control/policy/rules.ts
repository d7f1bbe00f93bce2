import type { DenyStatement, HostLine, PairLine, Peers, Policy, ServiceRef } from './ast.js';
import { formatPosition, PolicyError, quote } from './errors.js';
import { peersText } from './peers.js';
import type { PolicyWarning, Position, Rule } from './plan.js';
import {
  contentKey,
  denyServicesText,
  hashedId,
  matrixId,
  pairText,
  type RuleContent,
} from './rule-id.js';
import { servicesText } from './service-reader.js';

/** A rule of a screened host with what it matches. */
export interface HostRule {
  readonly kind: 'host';
  readonly rule: Rule;
  /** Host id: index + 1. */
  readonly hostId: number;
  readonly services: readonly ServiceRef[];
  readonly peers: Peers;
  /** Dynamic groups of which the host's address must be in one; none: it need not. */
  readonly own: readonly string[];
}

export interface TransitRule {
  readonly kind: 'transit';
  readonly rule: Rule;
  readonly services: readonly ServiceRef[];
  readonly from: Peers;
  readonly to: Peers;
}

export interface DenyRule {
  readonly kind: 'deny';
  readonly rule: Rule;
  readonly line: DenyStatement;
}

export type LineRule = HostRule | TransitRule | DenyRule;

export interface Rules {
  /** In the order of the file, duplicates left out. */
  readonly all: readonly LineRule[];
  readonly warnings: readonly PolicyWarning[];
}

/** Names of the screened hosts that have an address among some peers, in the order of their ids. */
export type ScreenedAmong = (peers: Peers) => readonly number[];

/**
 * The rules of a policy: one per line, but for matrix lines, which give one per screened host.
 *
 * @throws PolicyError for an id that is given twice, too many rules, a matrix line with no screened
 *   host.
 */
export function collectRules(policy: Policy, screened: ScreenedAmong, limit: number): Rules {
  const hostIds = new Map([...policy.hosts.keys()].map((name, i) => [name, i + 1]));
  const found: LineRule[] = [];
  for (const line of policy.lines) found.push(hostRule(line, hostIds.get(line.host)!));
  const names = [...policy.hosts.keys()];
  for (const line of policy.matrix) {
    for (const rule of matrixRules(policy, line, names, screened)) found.push(rule);
  }
  for (const line of policy.transit) found.push(transitRule(line));
  for (const line of policy.deny) found.push(denyRule(line));
  // Stable: the rules of one matrix line keep their order.
  found.sort((a, b) => comparePositions(a.rule.position, b.rule.position));
  const rules = withoutDuplicates(found);
  const over = rules.all[limit];
  if (over !== undefined) {
    const hint = 'merge lines: services and peers take lists, and groups may be large';
    throw new PolicyError('too-large', over.rule.position, `more than ${limit} rules`, hint);
  }
  return rules;
}

/** The deny lines alone, as {@link collectRules} would number them. */
export function collectDenyRules(policy: Policy): DenyRule[] {
  return withoutDuplicates(policy.deny.map(denyRule)).all;
}

function comparePositions(a: Position, b: Position): number {
  return a.line - b.line || a.column - b.column;
}

function makeRule(content: RuleContent, id: string | null, position: Position): Rule {
  return { id: id ?? hashedId(content), ...content, position };
}

function hostRule(line: HostLine, hostId: number): HostRule {
  const { host, direction, services, peers, log, session, rate, detour, position } = line;
  const service = servicesText(services);
  const content = { host, direction, service, peers: peersText(peers), log, session, rate, detour };
  const rule = makeRule(content, line.id, position);
  return { kind: 'host', rule, hostId, services, peers, own: [] };
}

/**
 * A host that a side of the line names has a rule; where that side names a dynamic group that may hold
 * screened hosts, every other host has one for while it is in there.
 */
function matrixRules(
  { groups }: Policy,
  line: PairLine,
  names: readonly string[],
  screened: ScreenedAmong,
): HostRule[] {
  const rules: HostRule[] = [];
  const half = (direction: 'in' | 'out', own: Peers, peers: Peers): void => {
    const named = new Set(screened(own));
    const dynamic = screenableGroups(own, groups);
    const hosts = dynamic.length === 0 ? named : names.map((_, i) => i + 1);
    for (const hostId of hosts) {
      const host = names[hostId - 1]!;
      const service = servicesText(line.services);
      const options = {
        log: line.log,
        session: line.session,
        rate: line.rate,
        detour: line.detour,
      };
      const content = { host, direction, service, peers: peersText(peers), ...options };
      const id = line.id === null ? null : matrixId(line.id, direction, host);
      const rule = makeRule(content, id, line.position);
      const asked = named.has(hostId) ? [] : dynamic;
      rules.push({ kind: 'host', rule, hostId, services: line.services, peers, own: asked });
    }
  };
  half('out', line.from, line.to);
  half('in', line.to, line.from);
  if (rules.length === 0) {
    const problem = 'neither side of this matrix line has a screened host';
    const hint = 'name a host of this policy, or move the line to transit';
    throw new PolicyError('not-screened', line.position, problem, hint);
  }
  return rules;
}

/** Dynamic groups among peers whose members may be screened hosts. */
function screenableGroups(peers: Peers, groups: Policy['groups']): string[] {
  const names = peers.flatMap((item) => (item.kind === 'group' ? [item.name] : []));
  return names.filter((name) => groups.get(name)?.dynamic?.allowScreened);
}

function transitRule(line: PairLine): TransitRule {
  const { services, from, to, log, session, rate, detour, position } = line;
  const peers = pairText(from, to);
  const service = servicesText(services);
  const options = { log, session, rate, detour };
  const content: RuleContent = { host: '', direction: 'transit', service, peers, ...options };
  return { kind: 'transit', rule: makeRule(content, line.id, position), services, from, to };
}

/** The rule of a deny line. */
export function denyRule(line: DenyStatement): DenyRule {
  const peers = pairText(line.from, line.to);
  const service = denyServicesText(line.services);
  const options = { log: line.log, session: line.session, rate: line.rate, detour: 0 };
  const content: RuleContent = { host: '', direction: 'deny', service, peers, ...options };
  return { kind: 'deny', rule: makeRule(content, line.id, line.position), line };
}

function withoutDuplicates<Line extends LineRule>(
  found: readonly Line[],
): { all: Line[]; warnings: PolicyWarning[] } {
  const all: Line[] = [];
  const warnings: PolicyWarning[] = [];
  const first = new Map<string, Rule>();
  for (const line of found) {
    const { rule } = line;
    const earlier = first.get(rule.id);
    if (earlier === undefined) {
      first.set(rule.id, rule);
      all.push(line);
      continue;
    }
    const where = formatPosition(earlier.position);
    if (contentKey(earlier) !== contentKey(rule)) {
      const problem = `the id ${quote(rule.id)} is already that of another line, at ${where}`;
      const hint = 'give each line an id of its own, or none';
      throw new PolicyError('duplicate', rule.position, problem, hint);
    }
    warnings.push({ message: `the same as the line at ${where}`, position: rule.position });
  }
  return { all, warnings };
}
