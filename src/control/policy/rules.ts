import type { DenyStatement, HostLine, PairLine, Peers, Policy } from './ast.js';
import { formatPosition, PolicyError, quote } from './errors.js';
import { peersText } from './peers.js';
import type { PolicyWarning } from './plan.js';
import type { Position, Rule, RuleDirection } from './rule.js';
import { contentKey, denyServicesText, hashedId, matrixId, pairText } from './rule-id.js';
import { type HashEach, hashEach, RuleIds } from './rule-ids.js';
import { RULE_DIRECTIONS, type RuleTable, RuleTableBuilder } from './rule-table.js';
import { servicesText } from './service-reader.js';

const indexOf = (direction: RuleDirection) => RULE_DIRECTIONS.indexOf(direction);
const [IN, OUT, TRANSIT, DENY] = [
  indexOf('in'),
  indexOf('out'),
  indexOf('transit'),
  indexOf('deny'),
];

/** A rule of a deny line, with that line. */
export interface DenyRule {
  readonly rule: Rule;
  readonly line: DenyStatement;
}

/** A line that rules are made of. */
export type Line = HostLine | PairLine | DenyStatement;

/** The rules of a policy, and by their index what they are made of. */
export interface Rules {
  /** In the order of the file, duplicates left out. */
  readonly table: RuleTable;
  readonly lines: readonly Line[];
  /** Host ids: index + 1; 0 for transit and deny. */
  readonly hostIds: readonly number[];
  /** Dynamic groups of which the host's address must be in one; most rules have none. */
  readonly own: ReadonlyMap<number, readonly string[]>;
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
export function collectRules(
  policy: Policy,
  screened: ScreenedAmong,
  limit: number,
  hash: HashEach = hashEach,
): Rules {
  const names = [...policy.hosts.keys()];
  const found = new Found();
  const hostIds = new Map(names.map((name, i) => [name, i + 1]));
  for (const line of policy.lines) {
    found.add(line, line.direction === 'in' ? IN : OUT, hostIds.get(line.host)!);
  }
  for (const line of policy.matrix) addMatrixRules(found, policy, line, names, screened);
  for (const line of policy.transit) found.add(line, TRANSIT, 0);
  for (const line of policy.deny) found.add(line, DENY, 0);
  const rules = withoutDuplicates(found.inOrder(), names, policy.file, hash);
  const over = rules.lines[limit];
  if (over !== undefined) {
    const hint = 'merge lines: services and peers take lists, and groups may be large';
    throw new PolicyError('too-large', over.position, `more than ${limit} rules`, hint);
  }
  return rules;
}

/** The deny lines alone, as {@link collectRules} would number them. */
export function collectDenyRules(policy: Policy): DenyRule[] {
  const found = new Found();
  for (const line of policy.deny) found.add(line, DENY, 0);
  const { table, lines } = withoutDuplicates(found, [], policy.file, hashEach);
  return lines.map((line, i) => ({ rule: table.at(i), line: line as DenyStatement }));
}

/** Id of the rule of a deny line. */
export function denyRuleId({ id, ...line }: DenyStatement): string {
  const { log, session, rate, detour } = line;
  const peers = pairText(line.from, line.to);
  const service = denyServicesText(line.services);
  const options = { log, session, rate, detour };
  return id ?? hashedId({ host: '', direction: 'deny', service, peers, ...options });
}

/** Rules as they are found, side by side: there are many. */
class Found {
  lines: Line[] = [];
  /** Index into RULE_DIRECTIONS. */
  directions: number[] = [];
  hostIds: number[] = [];
  own = new Map<number, readonly string[]>();

  add(line: Line, direction: number, hostId: number, own: readonly string[] = NO_GROUPS): void {
    if (own.length > 0) this.own.set(this.lines.length, own);
    this.lines.push(line);
    this.directions.push(direction);
    this.hostIds.push(hostId);
  }

  /** In the order of the file. */
  inOrder(): Found {
    if (isInOrder(this.lines)) return this;
    const { lines } = this;
    const order = lines.map((_, i) => i);
    // Stable: the rules of one matrix line keep their order.
    order.sort((a, b) => comparePositions(lines[a]!.position, lines[b]!.position));
    return this.pick(order);
  }

  pick(order: readonly number[]): Found {
    const found = new Found();
    for (const i of order) {
      found.add(this.lines[i]!, this.directions[i]!, this.hostIds[i]!, this.own.get(i));
    }
    return found;
  }
}

const NO_GROUPS: readonly string[] = [];

function isInOrder(lines: readonly Line[]): boolean {
  for (let i = 1; i < lines.length; i++) {
    if (comparePositions(lines[i - 1]!.position, lines[i]!.position) > 0) return false;
  }
  return true;
}

function comparePositions(a: Position, b: Position): number {
  return a.line - b.line || a.column - b.column;
}

/**
 * A host that a side of the line names has a rule; where that side names a dynamic group that may hold
 * screened hosts, every other host has one for while it is in there.
 */
function addMatrixRules(
  found: Found,
  { groups }: Policy,
  line: PairLine,
  names: readonly string[],
  screened: ScreenedAmong,
): void {
  const before = found.lines.length;
  const half = (direction: number, own: Peers): void => {
    const named = new Set(screened(own));
    const dynamic = screenableGroups(own, groups);
    const hosts = dynamic.length === 0 ? named : names.map((_, i) => i + 1);
    for (const hostId of hosts) {
      found.add(line, direction, hostId, named.has(hostId) ? NO_GROUPS : dynamic);
    }
  };
  half(OUT, line.from);
  half(IN, line.to);
  if (found.lines.length === before) {
    const problem = 'neither side of this matrix line has a screened host';
    const hint = 'name a host of this policy, or move the line to transit';
    throw new PolicyError('not-screened', line.position, problem, hint);
  }
}

/** Dynamic groups among peers whose members may be screened hosts. */
function screenableGroups(peers: Peers, groups: Policy['groups']): string[] {
  const names = peers.flatMap((item) => (item.kind === 'group' ? [item.name] : []));
  return names.filter((name) => groups.get(name)?.dynamic?.allowScreened);
}

/** The peers of a rule that is not of a deny line: the other end. */
export function peersOf(line: Line, isIn: boolean): Peers {
  if ('peers' in line) return line.peers;
  return (isIn ? line.from : line.to) ?? NO_PEERS;
}

const NO_PEERS: Peers = [];

/** Numbers of the words of lines; many lines share theirs. */
class Wordings {
  readonly #table: RuleTableBuilder;
  readonly #services = new Map<object, number>();
  readonly #peers = new Map<object, number>();
  readonly #all: number;

  constructor(table: RuleTableBuilder) {
    this.#table = table;
    this.#all = table.word(denyServicesText(null));
  }

  service({ services }: Line): number {
    if (services === null) return this.#all;
    let number = this.#services.get(services);
    if (number === undefined) {
      number = this.#table.word(servicesText(services));
      this.#services.set(services, number);
    }
    return number;
  }

  peers(line: Line, direction: number, hostId: number): number {
    if (hostId === 0 && 'from' in line) return this.#table.word(pairText(line.from, line.to));
    const peers = peersOf(line, direction === IN);
    let number = this.#peers.get(peers);
    if (number === undefined) {
      number = this.#table.word(peersText(peers));
      this.#peers.set(peers, number);
    }
    return number;
  }
}

function withoutDuplicates(
  found: Found,
  names: readonly string[],
  file: string,
  hash: HashEach,
): Rules {
  const { lines, directions, hostIds, own } = found;
  const builder = new RuleTableBuilder(file, lines.length);
  const wordings = new Wordings(builder);
  const hosts = ['', ...names].map((name) => builder.word(name));
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    const [direction, hostId] = [directions[i]!, hostIds[i]!];
    const peers = wordings.peers(line, direction, hostId);
    const option = builder.option(line);
    builder.add(direction, hosts[hostId]!, wordings.service(line), peers, option, line.position);
  }
  const unnamed = builder.table([]);
  const ids = new RuleIds(unnamed.columns, hash).all((i) => explicitId(found, i, names));
  const table = builder.table(ids);
  const warnings: PolicyWarning[] = [];
  if (new Set(ids).size === ids.length) return { table, lines, hostIds, own, warnings };
  const kept = firstOfEach(table, lines, warnings);
  const others = found.pick(kept);
  return {
    table: table.pick(kept),
    lines: others.lines,
    hostIds: others.hostIds,
    own: others.own,
    warnings,
  };
}

/** The id that the policy gives a rule; null: none. */
function explicitId(found: Found, i: number, names: readonly string[]): string | null {
  const line = found.lines[i]!;
  if (line.id === null) return null;
  const hostId = found.hostIds[i]!;
  if (hostId === 0 || !('from' in line)) return line.id;
  const direction = found.directions[i] === IN ? 'in' : 'out';
  return matrixId(line.id, direction, names[hostId - 1]!);
}

/** Where the rules stand of which others are no copies. */
function firstOfEach(
  table: RuleTable,
  lines: readonly Line[],
  warnings: PolicyWarning[],
): number[] {
  const kept: number[] = [];
  const first = new Map<string, number>();
  for (const [i, id] of table.ids.entries()) {
    const earlier = first.get(id);
    if (earlier === undefined) {
      first.set(id, i);
      kept.push(i);
      continue;
    }
    const { position } = lines[i]!;
    const where = formatPosition(lines[earlier]!.position);
    if (contentKey(table.at(earlier)) !== contentKey(table.at(i))) {
      const problem = `the id ${quote(id)} is already that of another line, at ${where}`;
      const hint = 'give each line an id of its own, or none';
      throw new PolicyError('duplicate', position, problem, hint);
    }
    warnings.push({ message: `the same as the line at ${where}`, position });
  }
  return kept;
}
