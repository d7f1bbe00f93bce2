/** Writes a policy out again, every line spelled out. */

import { formatPrefix } from '../../../../src/control/policy/address.js';
import type { HostLine, PeerItem, Peers, Policy } from '../../../../src/control/policy/ast.js';
import { bindingText } from '../../../../src/control/policy/bindings.js';
import type { CodeRange } from '../../../../src/control/policy/codes.js';
import type { Limit } from '../../../../src/control/policy/limits.js';
import { servicesText } from '../../../../src/control/policy/service-reader.js';

function writeItem(item: PeerItem): string {
  switch (item.kind) {
    case 'any':
      return 'any';
    case 'prefix':
      return `"${formatPrefix(item.prefix)}"`;
    case 'name':
      return `{name: ${item.name}}`;
    case 'not':
      return `{not: ${writePeers(item.items)}}`;
    default:
      return item.name;
  }
}

function writePeers(peers: Peers): string {
  return `[${peers.map(writeItem).join(', ')}]`;
}

function writeCodes({ low, high }: CodeRange): string {
  if (low === 0 && high === 0x302ff) return 'all';
  if (high >= 0x30200) return `proto/${low - 0x30200}`;
  if (high >= 0x30100) return `icmp6/${low - 0x30100}`;
  if (high >= 0x30000) return `icmp/${low - 0x30000}`;
  const protocol = ['tcp', 'udp', 'sctp'][low >> 16];
  return `${low & 0xffff}-${high & 0xffff}/${protocol}`;
}

function writeLimit({ states, rate }: Limit): string {
  return `{states: ${states === 0 ? 'none' : states}, rate: ${rate === '' ? 'none' : rate}}`;
}

function writeOptions({ log, rate }: { log: boolean; rate: string }): string[] {
  return [`log: ${log}`, ...(rate === '' ? [] : [`rate: ${rate}`])];
}

function writeHostLines(lines: readonly HostLine[], key: 'from' | 'to'): string {
  const byService = new Map<string, string[]>();
  for (const { services, peers, id, ...options } of lines) {
    const parts = [`${key}: ${writePeers(peers)}`, ...writeOptions(options)];
    const text = `{${parts.join(', ')}${id === null ? '' : `, id: ${id}`}}`;
    const service = servicesText(services);
    byService.set(service, [...(byService.get(service) ?? []), text]);
  }
  return Array.from(byService, ([service, all]) => `      ${service}: [${all.join(', ')}]\n`).join(
    '',
  );
}

function writeSection(name: string, lines: readonly Record<string, unknown>[]): string {
  const text = lines.map(({ from, to, services, log, rate }) => {
    const parts = writeOptions({ log, rate } as { log: boolean; rate: string });
    if (from) parts.push(`from: ${writePeers(from as Peers)}`);
    if (to) parts.push(`to: ${writePeers(to as Peers)}`);
    if (services) parts.push(`services: [${servicesText(services as never)}]`);
    return `  - {${parts.join(', ')}}\n`;
  });
  return lines.length === 0 ? '' : `${name}:\n${text.join('')}`;
}

export function writePolicy(policy: Policy): string {
  const services = Array.from(
    policy.services.values(),
    ({ name, items }) => `  ${name}: [${items.map(writeCodes).join(', ')}]\n`,
  );
  const groups = Array.from(policy.groups.values(), ({ name, items, dynamic }) =>
    dynamic === null
      ? `  ${name}: ${writePeers(items)}\n`
      : `  ${name}: {dynamic: true, max: ${dynamic.max}, allowScreened: ${dynamic.allowScreened}}\n`,
  );
  const hosts = Array.from(policy.hosts.values(), (host) => {
    const own = (direction: string) =>
      policy.lines.filter((line) => line.host === host.name && line.direction === direction);
    const addresses = host.addresses.map(({ text }) => `"${text}"`).join(', ');
    const into = writeHostLines(own('in'), 'from');
    const out = writeHostLines(own('out'), 'to');
    return [
      `  ${host.name}:\n    addresses: [${addresses}]\n    limits: ${writeLimit(host.limit)}\n`,
      ...bindingText(host.binding)
        .split(/, (?=[a-z])/)
        .flatMap((line) => (line === '' ? [] : [`    ${line}\n`])),
      into && `    in:\n${into}`,
      out && `    out:\n${out}`,
    ].join('');
  });
  return [
    'apiVersion: bridgewall/v1\n',
    `services:\n${services.join('')}`,
    `groups:\n${groups.join('')}`,
    `hosts:\n${hosts.join('')}`,
    writeSection('matrix', policy.matrix as never),
    writeSection('transit', policy.transit as never),
    writeSection('deny', policy.deny as never),
    `defaults: {limits: {perSource: ${writeLimit(policy.sourceLimit)}}}\n`,
  ].join('');
}

/** A policy without positions, for comparing. */
export function withoutPositions(value: unknown): unknown {
  if (value instanceof Map) return [...value].map(withoutPositions);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(withoutPositions);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => !/position$/i.test(key));
  return Object.fromEntries(entries.map(([key, each]) => [key, withoutPositions(each)]));
}
