import { createHash } from 'node:crypto';
import { addressKey } from './address.js';
import { bindingText, isBound, vlanText } from './bindings.js';
import { isLimit, limitText } from './limits.js';
import type { AddressClass, Plan } from './plan.js';

/** How many lines go into the hash at once. */
const CHUNK = 4096;

/**
 * sha256 over everything that decides a verdict or names its rule, in hex. Hosts and rules count by
 * name and id, not by number, and positions do not count: moving a line that wins nothing changes
 * nothing.
 */
export function planDigest(plan: Omit<Plan, 'digest'>): string {
  const hash = createHash('sha256');
  let chunk: string[] = [];
  const flush = (): void => {
    hash.update(chunk.join(''));
    chunk = [];
  };
  const put = (...fields: (string | number | bigint | boolean)[]): void => {
    chunk.push(`${fields.join(' ')}\n`);
    if (chunk.length >= CHUNK) flush();
  };
  const hostName = (host: number): string => (host === 0 ? '-' : plan.hosts[host - 1]!.name);
  const ids = plan.rules.map((rule) => rule.id);
  const putClass = (kind: string, c: AddressClass): void =>
    put(kind, hostName(c.host), c.peerClass, c.denyFrom, c.denyTo);

  const groups = (mask: number): string =>
    plan.dynamicGroups
      .filter((_, i) => (mask >>> i) & 1)
      .map(({ name }) => name)
      .join();

  put('bridgewall plan 1', plan.logDrops);
  // Digests of policies without it are in stores already.
  if (plan.pickup > 0) put('pickup', plan.pickup);
  putClass('v4', plan.defaultV4);
  putClass('v6', plan.defaultV6);
  for (const entry of plan.addresses) {
    const vlan = entry.vlan === null ? '' : ` in ${vlanText(entry.vlan)}`;
    const place = `${entry.length}${entry.tagged ? ' tagged' : vlan}`;
    putClass(`${addressKey(entry.address)}/${place}`, entry);
  }
  for (const { id, detour } of plan.rules) if (detour !== 0) put('detour', id, detour);
  for (const line of plan.deny) {
    const from = line.dynamicFrom.map((group) => plan.dynamicGroups[group]!.name).join();
    const to = line.dynamicTo.map((group) => plan.dynamicGroups[group]!.name).join();
    put('deny', ids[line.rule]!, line.log, line.allServices, `<${from}>`, `<${to}>`);
  }
  for (const one of plan.onDrop) {
    const group = plan.dynamicGroups[one.group]!.name;
    const spared = one.exemptGroups.map((exempt) => plan.dynamicGroups[exempt]!.name).join();
    const { after, windowSeconds, ttlSeconds, exemptBit, spoofable, side, reasons, line } = one;
    put('onDrop', group, after, windowSeconds, ttlSeconds, exemptBit, `<${spared}>`);
    put('for', spoofable, side, reasons.join(), line ?? '-');
  }
  for (const [i, mask] of plan.serviceDeny.entries()) if (mask !== 0n) put('class', i, mask);
  for (const group of plan.dynamicGroups) put('group', group.name, group.max, group.allowScreened);
  for (const entry of byHostName(plan)) {
    const host = entry.direction === 'transit' ? entry.host : hostName(entry.host);
    const rule = entry.rule === null ? '-' : ids[entry.rule]!;
    const alternatives = entry.alternatives.map(
      ({ from, to, rule, log }) => `<${groups(from)}|${groups(to)}|${ids[rule]!}|${log}>`,
    );
    const { direction, peer, serviceClass, log } = entry;
    put(direction, host, peer, serviceClass, rule, log, ...alternatives);
  }
  for (const { id, rate } of plan.rules) if (rate !== '') put('rate', id, rate);
  const { hosts, sourceLimit } = plan;
  if (isLimit(sourceLimit)) put('sources', limitText(sourceLimit));
  for (const { name, binding } of hosts)
    if (isBound(binding)) put('bound', name, bindingText(binding));
  for (const { name, limit, addresses } of hosts) {
    // What a host holds is counted under its first address.
    if (isLimit(limit)) put('host', name, limitText(limit), addresses[0]!);
  }
  for (const { id, session } of plan.rules) if (session) put('session', id);
  flush();
  hash.update(servicesBytes(plan.services));
  return hash.digest('hex');
}

/** Matrix entries with hosts in the order of their names; those of one host keep theirs. */
function* byHostName(plan: Omit<Plan, 'digest'>): Generator<Plan['matrix'][number]> {
  const byHost = new Map<number, Plan['matrix'][number][]>();
  const transit: Plan['matrix'][number][] = [];
  for (const entry of plan.matrix) {
    if (entry.direction === 'transit') transit.push(entry);
    else {
      const list = byHost.get(entry.host);
      if (list === undefined) byHost.set(entry.host, [entry]);
      else list.push(entry);
    }
  }
  const nameOf = (host: number): string => plan.hosts[host - 1]!.name;
  const hosts = [...byHost.keys()].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  for (const host of hosts) yield* byHost.get(host)!;
  yield* transit;
}

/** Little-endian whatever the machine. */
function servicesBytes(services: Uint16Array): Buffer {
  const bytes = Buffer.alloc(services.length * 2);
  for (const [i, serviceClass] of services.entries()) bytes.writeUInt16LE(serviceClass, i * 2);
  return bytes;
}
