/** Policies of a given number of rules, around the one that every measured packet asks for. */
import { compile, DEFAULT_LIMITS, type Plan, parsePolicy } from '../src/control/policy/index.js';

/** Sources of all traffic. */
export const CLIENTS = '10.0.0.0/8';
export const CLIENTS6 = '2001:db8:c::/48';
/** Addresses of all screened hosts, the first of which follows the first 256. */
const HOSTS = '198.18.0.0/15';
/** What the measured packets ask for, in both protocols: one line of the policy. */
export const SERVICE_PORT = 443;
/** The dynamic group whose members are denied. */
export const DENY_GROUP = 'badguys';
/** Members that it may have. */
export const MOST_DENIED = 1_000_000;

const RULES_PER_HOST = 100;
const GROUPS = 8;

/** A policy: its plan, and what it took to make it. */
export interface BenchPolicy {
  readonly rules: number;
  readonly hosts: number;
  readonly plan: Plan;
  readonly compileMs: number;
}

/** What policies of the same rules differ in. */
export interface PolicyOptions {
  /** Members of `badguys` are denied. */
  readonly deny?: boolean;
  /** Every drop is logged. */
  readonly logDrops?: boolean;
  /** Hosts have an address of IPv6 as well. */
  readonly six?: boolean;
}

/**
 * Every host has one rule for the measured service, and up to 99 others from groups in turn. Where
 * there are more rules than a policy may have, the tables are made larger: the packet path
 * does not know that limit.
 */
export function benchPolicy(rules: number, options: PolicyOptions = {}): BenchPolicy {
  const many = rules > DEFAULT_LIMITS.rules;
  const text = many ? wholesaleText(rules) : policyText(rules, options);
  const began = performance.now();
  const limits = many ? { rules: rules + 1, matrixEntries: 2 * rules } : {};
  const plan = compile(parsePolicy(text, `${rules}-rules.yaml`), { limits });
  const compileMs = performance.now() - began;
  const made = plan.rules.length - plan.deny.length;
  if (made !== rules) throw new Error(`${made} rules, not ${rules}`);
  return { rules, hosts: plan.hosts.length, plan, compileMs };
}

/** The text of one, with so many lines of hosts. */
export function policyText(rules: number, options: PolicyOptions = {}): string {
  const lines = head();
  lines.push('hosts:');
  for (let host = 0, left = rules; left > 0; host++) {
    const own = Math.min(left, RULES_PER_HOST);
    left -= own;
    lines.push(`  h${host}:`, `    addresses: ${addressesOf(host, options.six)}`, '    in:');
    lines.push('      bench: clients');
    for (let i = 1; i < own; i++) lines.push(`      ${2000 + i}/tcp: ${peers(host + i)}`);
  }
  lines.push(...foot(options));
  return lines.join('\n');
}

/** The same by lines that give every host a rule: a million of them are a hundred. */
export function wholesaleText(rules: number): string {
  const hosts = rules / RULES_PER_HOST;
  if (!Number.isInteger(hosts)) throw new Error(`not a multiple of ${RULES_PER_HOST}: ${rules}`);
  const lines = head();
  lines.push(`  screened: [${HOSTS}]`, 'hosts:');
  for (let host = 0; host < hosts; host++) {
    lines.push(`  h${host}: {addresses: ${addressesOf(host)}}`);
  }
  lines.push('matrix:', '  - {from: clients, to: screened, services: bench}');
  for (let i = 1; i < RULES_PER_HOST; i++) {
    lines.push(`  - {from: ${peers(i)}, to: screened, services: ${2000 + i}/tcp}`);
  }
  lines.push(...foot({ deny: true }));
  return lines.join('\n');
}

function head(): string[] {
  return [
    'apiVersion: bridgewall/v1',
    `services: {bench: [${SERVICE_PORT}/tcp, ${SERVICE_PORT}/udp]}`,
    'groups:',
    `  clients: [${CLIENTS}, "${CLIENTS6}"]`,
    `  ${DENY_GROUP}: {dynamic: true, max: ${MOST_DENIED}}`,
    ...Array.from({ length: GROUPS }, (_, i) => `  ${peers(i)}: [${peersNet(i)}]`),
  ];
}

function foot({ deny = false, logDrops = false }: PolicyOptions): string[] {
  return [
    ...(deny ? [`deny: [{from: ${DENY_GROUP}}]`] : []),
    `defaults: {log: {drops: ${logDrops ? 'all' : 'none'}}}`,
    '',
  ];
}

function peers(number: number): string {
  return `g${number % GROUPS}`;
}

/** Network of one of the groups that the other rules are for. */
export function peersNet(number: number): string {
  return `172.16.${(number % GROUPS) * 8}.0/21`;
}

function addressesOf(host: number, six = false): string {
  return `[${hostAddress(host)}${six ? `, "${hostAddress6(host)}"` : ''}]`;
}

/** Address of a screened host by its number. */
export function hostAddress(host: number): string {
  const at = 256 + host;
  return `198.${18 + (at >> 16)}.${(at >> 8) & 255}.${at & 255}`;
}

/** The same of IPv6. */
export function hostAddress6(host: number): string {
  return `2001:db8:5::${(host + 1).toString(16)}`;
}
