import { type AddressClasses, classifyAddresses, sortedUnique } from './address-classes.js';
import type { DenyStatement, Peers, Policy, ResolvedNames, ServiceRef } from './ast.js';
import { planDigest } from './digest.js';
import { PolicyError } from './errors.js';
import { MAX_ALTERNATIVES, type MatrixLine, matrixEntries, TooManyAlternatives } from './matrix.js';
import { idleGroups, onDropsOf, planOnDrops } from './on-drop-plan.js';
import { PeerIndex, PeerSets } from './peer-sets.js';
import { peersText } from './peers.js';
import type { DenyLine, DynamicGroup, MatrixEntry, Plan, Position } from './plan.js';
import { setOf } from './prefix-set.js';
import { collectDenyRules, collectRules, type DenyRule, type LineRule } from './rules.js';
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
  for (const line of policy.lines) index.numbers(line.peers);
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
  );
  const services = divideServices(policy, limits.serviceClasses);
  const matrix = buildMatrix(rules.all, services, peers, dynamic, hosts.length, classes, limits);
  const ruleIndex = new Map(rules.all.map(({ rule }, i) => [rule.id, i]));
  const plan = {
    hosts: hosts.map(({ name, addresses, binding, limit, position }) => ({
      name,
      binding,
      limit,
      addresses: addresses.map(({ text }) => text),
      position,
    })),
    rules: rules.all.map(({ rule }) => rule),
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

/** Peers of lines as classes. Peers that hold every class are every peer. */
class PeerClasses {
  readonly #index: PeerIndex;
  readonly #classes: AddressClasses;
  readonly #cache = new Map<string, readonly number[] | null>();

  constructor(index: PeerIndex, classes: AddressClasses) {
    this.#index = index;
    this.#classes = classes;
  }

  /** Ascending; null for every class. */
  of(peers: Peers): readonly number[] | null {
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
  if (peers.some((item) => item.kind === 'any')) return 0;
  const names = peers.flatMap((item) => (item.kind === 'group' ? [item.name] : []));
  return maskOf(names, dynamic);
}

function maskOf(names: readonly string[], dynamic: DynamicGroups): number {
  return names.reduce((mask, name) => {
    const found = dynamic.get(name);
    return found === undefined ? mask : (mask | (1 << found.index)) >>> 0;
  }, 0);
}

function divideServices(policy: Policy, limit: number): ServiceClasses {
  const used: ServiceRef[] = [];
  for (const line of [...policy.lines, ...policy.matrix, ...policy.transit, ...policy.deny]) {
    for (const service of line.services ?? []) used.push(service);
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
  rules: readonly LineRule[],
  services: ServiceClasses,
  peers: PeerClasses,
  dynamic: DynamicGroups,
  hosts: number,
  classes: AddressClasses,
  limits: Limits,
): MatrixEntry[] {
  const byHost = Array.from({ length: hosts + 1 }, () => ({
    in: [] as MatrixLine[],
    out: [] as MatrixLine[],
  }));
  const transit = new Map(classes.unscreened.map((source) => [source, [] as MatrixLine[]]));
  for (const [rule, line] of rules.entries()) {
    if (line.kind === 'deny') continue;
    const { log } = line.rule;
    const matches = services.matches(line.services);
    if (line.kind === 'host') {
      const peerGroups = groupMask(line.peers, dynamic);
      const ownGroups = maskOf(line.own, dynamic);
      const entry = { rule, log, services: matches, peers: peers.of(line.peers) };
      const lines = byHost[line.hostId]![line.rule.direction as 'in' | 'out'];
      lines.push({ ...entry, peerGroups, ownGroups });
      continue;
    }
    const peerGroups = groupMask(line.to, dynamic);
    const entry = { rule, log, services: matches, peers: peers.of(line.to), peerGroups };
    const certain = peers.of(line.from);
    for (const source of certain ?? transit.keys()) {
      transit.get(source)?.push({ ...entry, ownGroups: 0 });
    }
    const ownGroups = groupMask(line.from, dynamic);
    if (certain === null || ownGroups === 0) continue;
    const named = new Set(certain);
    for (const [source, lines] of transit) {
      if (!named.has(source)) lines.push({ ...entry, ownGroups });
    }
  }

  const matrix: MatrixEntry[] = [];
  const add = (entries: Iterable<MatrixEntry>): void => {
    for (const entry of checked(entries, rules)) {
      if (matrix.length >= limits.matrixEntries) {
        const { position } = rules[entry.rule ?? entry.alternatives[0]!.rule]!.rule;
        const problem = `the policy needs more than ${limits.matrixEntries} matrix entries`;
        const hint = 'use fewer overlapping groups, or `any` and ranges where they will do';
        throw new PolicyError('too-large', position, problem, hint);
      }
      matrix.push(entry);
    }
  };
  for (const [host, lines] of byHost.entries()) {
    add(matrixEntries('in', host, lines.in));
    add(matrixEntries('out', host, lines.out));
  }
  for (const [source, lines] of transit) add(matrixEntries('transit', source, lines));
  return matrix;
}

function* checked(
  entries: Iterable<MatrixEntry>,
  rules: readonly LineRule[],
): Generator<MatrixEntry> {
  try {
    yield* entries;
  } catch (error) {
    if (!(error instanceof TooManyAlternatives)) throw error;
    const { position } = rules[error.rule]!.rule;
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
