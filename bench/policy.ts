/** Policies of a given number of rules, around the one that every measured packet asks for. */
import { compile, type Plan, parsePolicy } from '../src/control/policy/index.js';

/** Sources of all traffic. */
export const CLIENTS = '10.0.0.0/8';
/** Address of the first screened host; the others follow. */
export const FIRST_HOST = '198.18.1.0';
/** What the measured packets ask for, in both protocols: one line of the policy. */
export const SERVICE_PORT = 443;

const RULES_PER_HOST = 100;
const GROUPS = 8;

/** A policy: its plan, and what it took to make it. */
export interface BenchPolicy {
  readonly rules: number;
  readonly hosts: number;
  readonly plan: Plan;
  readonly compileMs: number;
}

/** Every host has one line for the measured service, and up to 99 others from groups in turn. */
export function benchPolicy(rules: number): BenchPolicy {
  const text = policyText(rules);
  const began = performance.now();
  const plan = compile(parsePolicy(text, `${rules}-rules.yaml`));
  const compileMs = performance.now() - began;
  if (plan.rules.length !== rules) throw new Error(`${plan.rules.length} rules, not ${rules}`);
  return { rules, hosts: plan.hosts.length, plan, compileMs };
}

/** The text of one, with so many rules. */
export function policyText(rules: number): string {
  const lines = [
    'apiVersion: bridgewall/v1',
    `services: {bench: [${SERVICE_PORT}/tcp, ${SERVICE_PORT}/udp]}`,
    'groups:',
    `  clients: [${CLIENTS}]`,
    ...Array.from({ length: GROUPS }, (_, i) => `  g${i}: [172.16.${i * 8}.0/21]`),
    'hosts:',
  ];
  for (let host = 0, left = rules; left > 0; host++) {
    const own = Math.min(left, RULES_PER_HOST);
    left -= own;
    lines.push(`  h${host}:`, `    addresses: [${hostAddress(host)}]`, '    in:');
    lines.push('      bench: clients');
    for (let i = 1; i < own; i++) lines.push(`      ${2000 + i}/tcp: g${(host + i) % GROUPS}`);
  }
  lines.push('defaults: {log: {drops: none}}', '');
  return lines.join('\n');
}

/** Address of a screened host by its number. */
export function hostAddress(host: number): string {
  const at = 256 + host;
  return `198.18.${at >> 8}.${at & 255}`;
}
