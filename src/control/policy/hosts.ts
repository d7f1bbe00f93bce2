import { addressKey, formatAddress, readAddress, readPrefix } from './address.js';
import type { HostAddress, HostLine, PolicyHost } from './ast.js';
import {
  BINDING_KEYS,
  type Binding,
  readBinding,
  type Vlan,
  vlansMeet,
  vlanText,
} from './bindings.js';
import { isList, type Node } from './document/nodes.js';
import { formatPosition, quote } from './errors.js';
import { type Limit, readLimit } from './limits.js';
import { type LineContext, readHostLines } from './lines.js';
import type { Entry, Reader } from './reader.js';
import { neverSource } from './sources.js';

const HOST_KEYS = ['addresses', 'note', ...BINDING_KEYS, 'limits', 'in', 'out'];
const LATER_KEYS = ['use'];

/** Reads the entries of `hosts`: who is screened, and the lines of each; `limit` is that of each. */
export function readHosts(
  context: LineContext,
  entries: readonly Entry[],
  limit: Limit,
): { hosts: Map<string, PolicyHost>; lines: HostLine[] } {
  const reader: Reader = context.reader;
  const hosts = new Map<string, PolicyHost>();
  const lines: HostLine[] = [];
  const owners = new Map<string, Owner[]>();
  for (const entry of entries) {
    const name = entry.key;
    const what = `host ${quote(name)}`;
    const position = reader.at(entry.keyNode);
    const fields = reader.fields(entry.value, entry.keyNode, what, HOST_KEYS, LATER_KEYS).entries;
    const addressesEntry = fields.get('addresses');
    if (addressesEntry === undefined) {
      const hint = 'write addresses: [192.0.2.1]';
      reader.fail('missing-key', position, `${what} has no addresses`, hint);
    }
    const addresses = readAddresses(reader, what, addressesEntry);
    const binding = readBinding(reader, fields);
    for (const address of addresses) claim(reader, owners, name, address, binding);
    const note = fields.get('note');
    const text = note && reader.text(note.value, note.keyNode, '`note`', 'write any text');
    const own = readLimit(reader, fields.get('limits'), limit);
    hosts.set(name, { name, addresses, binding, limit: own, note: text ?? null, position });
    for (const direction of ['in', 'out'] as const) {
      const section = fields.get(direction);
      if (section !== undefined) {
        readHostLines(context, name, direction, section, lines);
      }
    }
  }
  return { hosts, lines };
}

function readAddresses(reader: Reader, what: string, entry: Entry): HostAddress[] {
  const hint = 'write a list of single addresses, as in [192.0.2.1, "2001:db8::1"]';
  const { value, keyNode } = entry;
  const nodes = isList(value) ? reader.list(value, keyNode, '`addresses`', hint) : [value];
  if (nodes.length === 0) {
    reader.fail('wrong-type', value ?? keyNode, `${what} has no addresses`, hint);
  }
  return nodes.map((node) => readHostAddress(reader, what, node, node ?? keyNode));
}

function readHostAddress(
  reader: Reader,
  what: string,
  node: Node | null,
  where: Node,
): HostAddress {
  const hint = 'write a single address, as in 192.0.2.1 or "2001:db8::1"';
  const text = reader.text(node, where, `an address of ${what}`, hint);
  const address = readAddress(text);
  const position = reader.at(node);
  if (address instanceof Uint8Array) {
    const never = neverSource(address);
    if (never !== null) reader.fail('bad-address', position, never.problem, never.hint);
    return { address, text: formatAddress(address), position };
  }
  const wrong = text.includes('/') ? readPrefix(text) : address;
  if ('problem' in wrong && /[:.]/.test(text)) {
    return reader.fail('bad-address', position, wrong.problem, wrong.hint);
  }
  return reader.fail('bad-address', position, `${quote(text)} is not a single address`, hint);
}

interface Owner {
  readonly host: string;
  readonly vlan: Vlan | null;
  readonly position: HostAddress['position'];
}

/** An address is of one host, or of one in each VLAN. */
function claim(
  reader: Reader,
  owners: Map<string, Owner[]>,
  host: string,
  { address, text, position }: HostAddress,
  { vlan }: Binding,
): void {
  const key = addressKey(address);
  const others = owners.get(key) ?? [];
  const owner = others.find((other) => vlansMeet(other.vlan, vlan));
  if (owner !== undefined) {
    const bound = vlan !== null || owner.vlan !== null;
    const where = bound ? ` ${placeText(owner.vlan)}` : '';
    const problem = `${text} is already an address of host ${quote(owner.host)}${where}`;
    const hint = bound
      ? `${formatPosition(owner.position)} has it: give each of the two a vlan of its own`
      : `line ${owner.position.line} has it: an address belongs to one host, once`;
    reader.fail('duplicate', position, problem, hint);
  }
  owners.set(key, [...others, { host, vlan, position }]);
}

function placeText(vlan: Vlan | null): string {
  return vlan === null ? 'in every VLAN' : `with vlan: ${vlanText(vlan)}`;
}
