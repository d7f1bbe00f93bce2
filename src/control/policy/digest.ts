import { createHash } from 'node:crypto';
import { endianness } from 'node:os';
import { addressKey } from './address.js';
import { bindingText, isBound, vlanText } from './bindings.js';
import { isLimit, limitText } from './limits.js';
import { MATRIX_DIRECTIONS, NO_RULE } from './matrix-table.js';
import type { AddressClass, Plan } from './plan.js';
import type { RuleOptions } from './rule.js';

/**
 * sha256 over everything that decides a verdict or names its rule, in hex. Hosts and rules count by
 * name and id, not by number, and positions do not count: moving a line that wins nothing changes
 * nothing.
 */
export function planDigest(plan: Omit<Plan, 'digest'>): string {
  const text = new HashedText();
  const put = (...fields: (string | number | bigint | boolean)[]): void =>
    text.put(`${fields.join(' ')}\n`);
  const hostName = (host: number): string => (host === 0 ? '-' : plan.hosts[host - 1]!.name);
  const { ids } = plan.rules;
  const putClass = (kind: string, c: AddressClass): void =>
    put(kind, hostName(c.host), c.peerClass, c.denyFrom, c.denyTo);

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
  putOptions(plan, ({ detour }, id) => detour !== 0 && put('detour', id, detour));
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
  putMatrix(plan, text);
  putOptions(plan, ({ rate }, id) => rate !== '' && put('rate', id, rate));
  const { hosts, sourceLimit } = plan;
  if (isLimit(sourceLimit)) put('sources', limitText(sourceLimit));
  for (const { name, binding } of hosts)
    if (isBound(binding)) put('bound', name, bindingText(binding));
  for (const { name, limit, addresses } of hosts) {
    // What a host holds is counted under its first address.
    if (isLimit(limit)) put('host', name, limitText(limit), addresses[0]!);
  }
  putOptions(plan, ({ session }, id) => session && put('session', id));
  return text.digest(servicesBytes(plan.services));
}

/** Text on its way into a hash: gathered byte by byte, for it comes in many small pieces. */
class HashedText {
  readonly #hash = createHash('sha256');
  readonly #bytes = Buffer.allocUnsafe(65_536);
  #at = 0;

  put(text: string): void {
    const bytes = this.#bytes;
    const { length } = text;
    if (length > bytes.length - this.#at) this.#flush();
    let at = this.#at;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127 || at === bytes.length) {
        this.#putWide(text);
        return;
      }
      bytes[at++] = code;
    }
    this.#at = at;
  }

  /** Instead of what was begun of it. */
  #putWide(text: string): void {
    this.#flush();
    this.#hash.update(text, 'utf8');
  }

  #flush(): void {
    this.#hash.update(this.#bytes.subarray(0, this.#at));
    this.#at = 0;
  }

  digest(last: Uint8Array): string {
    this.#flush();
    return this.#hash.update(last).digest('hex');
  }
}

function putOptions(
  { rules }: Omit<Plan, 'digest'>,
  put: (options: RuleOptions, id: string) => unknown,
): void {
  const { options } = rules.columns;
  // Most policies use none of them.
  if (options.every(({ detour, session, rate }) => detour === 0 && !session && rate === '')) return;
  for (let i = 0; i < rules.length; i++) put(rules.options(i), rules.ids[i]!);
}

/** Matrix entries with hosts in the order of their names; those of one host keep theirs. */
function putMatrix({ matrix, rules, hosts, dynamicGroups }: Omit<Plan, 'digest'>, to: HashedText) {
  const { direction, host, peer, serviceClass, rule, log, alternatives, lists } = matrix.columns;
  const { ids } = rules;
  const groups = (mask: number): string =>
    dynamicGroups
      .filter((_, i) => (mask >>> i) & 1)
      .map(({ name }) => name)
      .join();
  const texts = lists.map((list) => {
    const each = list.map(
      ({ from, to, rule, log }) => ` <${groups(from)}|${groups(to)}|${ids[rule]!}|${log}>`,
    );
    return `${each.join('')}\n`;
  });
  const word = numberWords();
  const put = (i: number, begin: string): void => {
    to.put(begin);
    to.put(word(peer[i]!));
    to.put(word(serviceClass[i]!));
    to.put(rule[i] === NO_RULE ? '-' : ids[rule[i]!]!);
    to.put(log[i] !== 0 ? ' true' : ' false');
    to.put(texts[alternatives[i]!]!);
  };
  const transit = MATRIX_DIRECTIONS.indexOf('transit');
  const byHost = new Map<number, number[]>();
  const last: number[] = [];
  let [known, list] = [-1, last];
  for (let i = 0; i < matrix.length; i++) {
    if (direction[i] === transit) {
      last.push(i);
      continue;
    }
    if (host[i] !== known) {
      known = host[i]!;
      list = byHost.get(known) ?? [];
      byHost.set(known, list);
    }
    list.push(i);
  }
  const nameOf = (id: number): string => hosts[id - 1]!.name;
  for (const id of [...byHost.keys()].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))) {
    const begins = MATRIX_DIRECTIONS.map((one) => `${one} ${nameOf(id)} `);
    for (const i of byHost.get(id)!) put(i, begins[direction[i]!]!);
  }
  for (const i of last) put(i, `transit ${host[i]} `);
}

/** Numbers with a space behind them: the same ones come again and again. */
function numberWords(): (number: number) => string {
  const words = new Map<number, string>();
  return (number) => {
    let word = words.get(number);
    if (word === undefined) {
      word = `${number} `;
      words.set(number, word);
    }
    return word;
  };
}

/** Little-endian whatever the machine. */
function servicesBytes(services: Uint16Array): Uint8Array {
  if (endianness() === 'LE') {
    return new Uint8Array(services.buffer, services.byteOffset, services.byteLength);
  }
  const bytes = Buffer.alloc(services.length * 2);
  for (const [i, serviceClass] of services.entries()) bytes.writeUInt16LE(serviceClass, i * 2);
  return bytes;
}
