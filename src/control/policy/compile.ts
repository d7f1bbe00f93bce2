import { type AddressClasses, classifyAddresses, sortedUnique } from './address-classes.js';
import type { DenyStatement, PairLine, Peers, Policy, ResolvedNames, ServiceRef } from './ast.js';
import { planDigest } from './digest.js';
import { PolicyError } from './errors.js';
import {
  addMatrixEntries,
  MAX_ALTERNATIVES,
  type MatrixLine,
  TooManyAlternatives,
} from './matrix.js';
import { type MatrixEntry, type MatrixTable, MatrixTableBuilder } from './matrix-table.js';
import { idleGroups, onDropsOf, planOnDrops } from './on-drop-plan.js';
import { PeerIndex, PeerSets } from './peer-sets.js';
import { peersText } from './peers.js';
import type { DenyLine, DynamicGroup, Plan, Position } from './plan.js';
import { setOf } from './prefix-set.js';
import type { HashEach } from './rule-ids.js';
import { collectDenyRules, collectRules, type DenyRule, peersOf, type Rules } from './rules.js';
import { ServiceClasses, TooManyServiceClasses } from './service-classes.js';

/** What fits into the tables of the packet path. */
export interface Limits {
  readonly rules: number;
  readonly matrixEntries: number;
  readonly addresses: number;
  readonly serviceClasses: number;
}

export const DEFAULT_LIMITS: Limits = {
  rules: 65_535,
  matrixEntries: 1_000_000,
  addresses: 262_144,
  serviceClasses: 8192,
};

export interface CompileOptions {
  /** Addresses of the DNS names in Policy.names. */
  readonly names?: ResolvedNames;
  readonly limits?: Partial<Limits>;
  /** For ids of rules, where there is something faster than one call for each. */
  readonly hashEach?: HashEach;
}

/**
 * Compiles a policy into the tables that judge packets.
 *
 * @throws PolicyError when a name is not resolved, when ids collide, when a matrix line touches no
 *   screened host, or when the tables are too small for it.
 */
export function compile(policy: Policy, options: CompileOptions = {}): Plan {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const hosts = [...policy.hosts.values()];
  const peerSets = new PeerSets(policy, options.names ?? new Map());
  const index = new PeerIndex(peerSets);
  for (const peers of distinct(policy.lines)) index.numbers(peers);
  for (const line of [...policy.matrix, ...policy.transit]) {
    index.numbers(line.from);
    index.numbers(line.to);
  }

  const dynamic = dynamicGroups(policy);
  const denyRules = collectDenyRules(policy);
  const staticPart = (peers: Peers | null) =>
    peers && peerSets.of(peers.filter((item) => item.kind !== 'group' || !dynamic.has(item.name)));
  const denySets = [
    ...denyRules.map(({ line }) => ({ from: staticPart(line.from), to: staticPart(line.to) })),
    ...onDropsOf(policy).map(({ except }) => ({ from: staticPart(except), to: setOf([]) })),
  ];
  const classes = classifyAddresses(hosts, index.sets, denySets);
  if (classes.entries.length > limits.addresses) {
    const problem = `the policy needs ${classes.entries.length} address entries, and ${limits.addresses} fit`;
    const hint = 'merge neighbouring addresses into prefixes';
    throw new PolicyError('too-large', largestSection(policy), problem, hint);
  }

  const peers = new PeerClasses(index, classes);
  const rules = collectRules(
    policy,
    (among) => peers.hostsAmong(among, hosts.length),
    limits.rules,
    options.hashEach,
  );
  const services = divideServices(policy, limits.serviceClasses);
  const matrix = buildMatrix(rules, services, peers, dynamic, hosts.length, classes, limits);
  const ruleIndex = indexOf(denyRules, rules);
  const plan = {
    hosts: hosts.map(({ name, addresses, binding, limit, position }) => ({
      name,
      binding,
      limit,
      addresses: addresses.map(({ text }) => text),
      position,
    })),
    rules: rules.table,
    addresses: classes.entries,
    defaultV4: classes.defaultV4,
    defaultV6: classes.defaultV6,
    services: services.byCode,
    serviceDeny: serviceDeny(denyRules, services),
    matrix,
    deny: denyRules.map((line) => denyLine(line, ruleIndex.get(line.rule.id)!, dynamic)),
    dynamicGroups: [...dynamic.values()].map(({ group }) => group),
    logDrops: policy.logDrops,
    pickup: policy.pickup,
    sourceLimit: policy.sourceLimit,
    onDrop: planOnDrops(policy, denyRules, (except) => dynamicIndices(except, dynamic)),
    warnings: [...policy.warnings, ...rules.warnings, ...idleGroups(policy)],
  };
  return { ...plan, digest: planDigest(plan) };
}

/** Peers that lines have, shared ones once. */
function distinct(lines: Policy['lines']): Set<Peers> {
  const found = new Set<Peers>();
  for (const { peers } of lines) found.add(peers);
  return found;
}

/** Where some rules stand among all of them. */
function indexOf(some: readonly DenyRule[], { table }: Rules): Map<string, number> {
  const found = new Map<string, number>();
  if (some.length === 0) return found;
  for (let i = 0; i < table.length; i++) {
    if (table.direction(i) === 'deny') found.set(table.ids[i]!, i);
  }
  return found;
}

/** Peers of lines as classes. Peers that hold every class are every peer. */
class PeerClasses {
  readonly #index: PeerIndex;
  readonly #classes: AddressClasses;
  readonly #cache = new Map<string, readonly number[] | null>();
  readonly #shared = new Map<Peers, readonly number[] | null>();

  constructor(index: PeerIndex, classes: AddressClasses) {
    this.#index = index;
    this.#classes = classes;
  }

  /** Ascending; null for every class. */
  of(peers: Peers): readonly number[] | null {
    let found = this.#shared.get(peers);
    if (found === undefined) {
      found = this.#ofText(peers);
      this.#shared.set(peers, found);
    }
    return found;
  }

  #ofText(peers: Peers): readonly number[] | null {
    const text = peersText(peers);
    let found = this.#cache.get(text);
    if (found === undefined) {
      const numbers = this.#index.numbers(peers);
      const all = numbers?.flatMap((number) => this.#classes.classesOf[number] ?? []);
      found = all === undefined ? null : sortedUnique(all);
      if (found?.length === this.#classes.count) found = null;
      this.#cache.set(text, found);
    }
    return found;
  }

  hostsAmong(peers: Peers, hosts: number): readonly number[] {
    const classes = this.of(peers);
    if (classes === null) return Array.from({ length: hosts }, (_, i) => i + 1);
    return sortedUnique(classes.flatMap((number) => this.#classes.hostsOf.get(number) ?? []));
  }
}

type DynamicGroups = ReadonlyMap<string, { readonly index: number; readonly group: DynamicGroup }>;

function dynamicGroups(policy: Policy): DynamicGroups {
  const groups = new Map<string, { index: number; group: DynamicGroup }>();
  for (const { name, dynamic } of policy.groups.values()) {
    if (dynamic !== null) groups.set(name, { index: groups.size, group: { name, ...dynamic } });
  }
  return groups;
}

/** Bits of the dynamic groups among peers; none when `any` is among them. */
function groupMask(peers: Peers, dynamic: DynamicGroups): number {
  if (dynamic.size === 0) return 0;
  if (peers.some((item) => item.kind === 'any')) return 0;
  const names = peers.flatMap((item) => (item.kind === 'group' ? [item.name] : []));
  return maskOf(names, dynamic);
}

function maskOf(names: readonly string[], dynamic: DynamicGroups): number {
  if (names.length === 0) return 0;
  return names.reduce((mask, name) => {
    const found = dynamic.get(name);
    return found === undefined ? mask : (mask | (1 << found.index)) >>> 0;
  }, 0);
}

function divideServices(policy: Policy, limit: number): ServiceClasses {
  const used = new Set<ServiceRef>();
  for (const lines of [policy.lines, policy.matrix, policy.transit, policy.deny]) {
    for (const { services } of lines) for (const service of services ?? []) used.add(service);
  }
  try {
    return new ServiceClasses(used, limit);
  } catch (error) {
    if (!(error instanceof TooManyServiceClasses)) throw error;
    const { position } = error.service;
    const hint = 'use fewer distinct ports and ranges';
    throw new PolicyError('too-large', position, `more than ${limit} service classes`, hint);
  }
}

function buildMatrix(
  rules: Rules,
  services: ServiceClasses,
  peers: PeerClasses,
  dynamic: DynamicGroups,
  hosts: number,
  classes: AddressClasses,
  limits: Limits,
): MatrixTable {
  const byHost = Array.from({ length: hosts + 1 }, () => ({
    in: [] as MatrixLine[],
    out: [] as MatrixLine[],
  }));
  const transit = new Map(classes.unscreened.map((source) => [source, [] as MatrixLine[]]));
  const maskOfPeers = remembered((among: Peers) => groupMask(among, dynamic));
  const matchesOf = remembered((named: readonly ServiceRef[]) => services.matches(named));
  for (let rule = 0; rule < rules.table.length; rule++) {
    const line = rules.lines[rule]!;
    const direction = rules.table.direction(rule);
    if (direction === 'deny') continue;
    const { log } = line;
    const matches = matchesOf(line.services!);
    const to = peersOf(line, direction === 'in');
    const peerGroups = maskOfPeers(to);
    const entry = { rule, log, services: matches, peers: peers.of(to), peerGroups, ownGroups: 0 };
    if (direction !== 'transit') {
      const own = rules.own.get(rule);
      if (own !== undefined) entry.ownGroups = maskOf(own, dynamic);
      byHost[rules.hostIds[rule]!]![direction].push(entry);
      continue;
    }
    const from = (line as PairLine).from;
    const certain = peers.of(from);
    for (const one of certain ?? transit.keys()) transit.get(one)?.push(entry);
    const ownGroups = maskOfPeers(from);
    if (certain === null || ownGroups === 0) continue;
    const named = new Set(certain);
    for (const [one, lines] of transit) {
      if (!named.has(one)) lines.push({ ...entry, ownGroups });
    }
  }

  const matrix = new MatrixTableBuilder();
  const most = limits.matrixEntries;
  const add = (direction: MatrixEntry['direction'], host: number, lines: MatrixLine[]): void => {
    checked(() => addMatrixEntries(matrix, direction, host, lines, most), rules);
    if (matrix.length > most) {
      const { position } = rules.lines[matrix.ruleOf(most)]!;
      const problem = `the policy needs more than ${most} matrix entries`;
      const hint = 'use fewer overlapping groups, or `any` and ranges where they will do';
      throw new PolicyError('too-large', position, problem, hint);
    }
  };
  for (const [host, lines] of byHost.entries()) {
    add('in', host, lines.in);
    add('out', host, lines.out);
  }
  for (const [source, lines] of transit) add('transit', source, lines);
  return matrix.table();
}

/** Works out once what is asked for many times of the same thing. */
function remembered<K, V>(work: (of: K) => V): (of: K) => V {
  const known = new Map<K, V>();
  return (of) => {
    let found = known.get(of);
    if (found === undefined) {
      found = work(of);
      known.set(of, found);
    }
    return found;
  };
}

function checked(work: () => void, { lines }: Rules): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof TooManyAlternatives)) throw error;
    const { position } = lines[error.rule]!;
    const problem = `more than ${MAX_ALTERNATIVES} lines with dynamic groups meet in one host and service`;
    const hint = 'name the groups of several lines in the list of one';
    throw new PolicyError('too-large', position, problem, hint);
  }
}

function isAllServices({ services }: DenyStatement): boolean {
  return services === null || services.some((service) => service.all);
}

function serviceDeny(rules: readonly DenyRule[], services: ServiceClasses): BigUint64Array {
  const masks = new BigUint64Array(services.count);
  for (const [i, { line }] of rules.entries()) {
    if (isAllServices(line)) continue;
    for (const { serviceClass } of services.matches(line.services!)) {
      masks[serviceClass]! |= 1n << BigInt(i);
    }
  }
  return masks;
}

function denyLine(
  { line }: DenyRule,
  rule: number,
  dynamic: ReadonlyMap<string, { index: number }>,
): DenyLine {
  return {
    rule,
    log: line.log,
    dynamicFrom: dynamicIndices(line.from ?? [], dynamic),
    dynamicTo: dynamicIndices(line.to ?? [], dynamic),
    allServices: isAllServices(line),
  };
}

function dynamicIndices(
  peers: Peers,
  dynamic: ReadonlyMap<string, { readonly index: number }>,
): number[] {
  return sortedUnique(
    peers.flatMap((item) =>
      item.kind === 'group' && dynamic.has(item.name) ? [dynamic.get(item.name)!.index] : [],
    ),
  );
}

/** Where most addresses are listed, roughly: the group with the most items, else the first host. */
function largestSection(policy: Policy): Position {
  const groups = [...policy.groups.values()].sort((a, b) => b.items.length - a.items.length);
  const largest = groups[0];
  if (largest !== undefined && largest.items.length > policy.hosts.size) return largest.position;
  const host = policy.hosts.values().next().value;
  return (host ?? largest)?.position ?? { file: policy.file, line: 1, column: 1 };
}
