import { formatPrefix, looksLikeAddress, readPrefix } from './address.js';
import type { NameUse, PeerItem, Peers } from './ast.js';
import { isList, isMap, type Node } from './document/nodes.js';
import { quote } from './errors.js';
import { nearest } from './nearest.js';
import type { Position } from './plan.js';
import type { Reader } from './reader.js';

/** What a name may stand for. */
export type PeerKind = 'group' | 'dynamic' | 'host';

const DNS_NAME = /^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_-]+)*\.?$/;
const PEER_FORMS =
  'peers are any, groups, hosts, addresses, {not: [...]}, {name: ...}, or a list of those';

/** Reads peers where a group, a line or an option names them, and knows every name they may use. */
export class PeerReader {
  readonly #reader: Reader;
  readonly #kinds: ReadonlyMap<string, PeerKind>;
  readonly #names = new Map<string, NameUse>();
  /** Of lines that name one: lines that name the same share it. */
  readonly #ofLines = new Map<string, Peers>();

  constructor(reader: Reader, kinds: ReadonlyMap<string, PeerKind>) {
    this.#reader = reader;
    this.#kinds = kinds;
  }

  /** DNS names met so far, each where it was met first. */
  get names(): NameUse[] {
    return [...this.#names.values()];
  }

  /**
   * Reads one peer or a list of them. `dynamic` is the reason why a dynamic group may not stand
   * here, or null when it may.
   */
  read(node: Node | null, where: Node | Position, what: string, dynamic: string | null): Peers {
    if (!isList(node)) return [this.#item(node, where, what, dynamic)];
    if (node.items.length === 0) {
      this.#reader.fail('wrong-type', node, `${what} is an empty list`, 'name at least one peer');
    }
    return this.items(node, what, dynamic);
  }

  /** The same for a line of a host. A peer that many lines name is where the first does. */
  readLine(node: Node | null, where: Node): Peers {
    const text = this.#reader.scalarText(node);
    if (text === null) return this.read(node, where, 'the peers', null);
    let peers = this.#ofLines.get(text);
    if (peers === undefined) {
      peers = this.read(node, where, 'the peers', null);
      this.#ofLines.set(text, peers);
    }
    return peers;
  }

  /** Reads a list that may be empty. */
  items(node: Node, what: string, dynamic: string | null): Peers {
    const nodes = this.#reader.list(node, node, what, PEER_FORMS);
    return nodes.flatMap((item) =>
      isList(item)
        ? this.items(item, what, dynamic)
        : [this.#item(item, item ?? node, `an item of ${what}`, dynamic)],
    );
  }

  #item(node: Node | null, where: Node | Position, what: string, dynamic: string | null): PeerItem {
    if (isMap(node)) return this.#expression(node, what);
    const text = this.#reader.text(node, where, what, PEER_FORMS);
    const position = this.#reader.at(node);
    if (text === 'any') return { kind: 'any', position };
    const kind = this.#kinds.get(text);
    if (kind === 'host') return { kind: 'host', name: text, position };
    if (kind === 'dynamic' && dynamic !== null) this.#refuseDynamic(text, position, dynamic);
    if (kind !== undefined) return { kind: 'group', name: text, position };
    if (!looksLikeAddress(text)) this.#unknown(text, position);
    const prefix = readPrefix(text);
    if ('problem' in prefix)
      this.#reader.fail('bad-address', position, prefix.problem, prefix.hint);
    return { kind: 'prefix', prefix, position };
  }

  #expression(node: Node, what: string): PeerItem {
    const { entries, position } = this.#reader.fields(node, node, what, ['not', 'name']);
    const negated = entries.get('not');
    const name = entries.get('name');
    if (negated !== undefined && name !== undefined) {
      const hint = 'write them as two items of a list';
      this.#reader.fail('wrong-type', name.keyNode, '`not` and `name` exclude each other', hint);
    }
    if (negated !== undefined) {
      const reason = 'a dynamic group cannot be negated';
      const items = this.read(negated.value, negated.keyNode, '`not`', reason);
      return { kind: 'not', items, position };
    }
    if (name === undefined) {
      this.#reader.fail('wrong-type', node, `${what} is an empty map`, PEER_FORMS);
    }
    return this.#dnsName(
      this.#reader.text(name.value, name.keyNode, '`name`', 'write a DNS name'),
      {
        ...this.#reader.at(name.value),
      },
    );
  }

  #dnsName(name: string, position: Position): PeerItem {
    if (looksLikeAddress(name) || !DNS_NAME.test(name) || name.length > 253) {
      const hint = looksLikeAddress(name)
        ? `write ${name} by itself`
        : 'write it as in host.example';
      this.#reader.fail('bad-name', position, `${quote(name)} is not a DNS name`, hint);
    }
    if (!this.#names.has(name)) this.#names.set(name, { name, position });
    return { kind: 'name', name, position };
  }

  #refuseDynamic(name: string, position: Position, reason: string): never {
    const hint = 'name it in the from or to of a line';
    this.#reader.fail('wrong-type', position, `${quote(name)}: ${reason}`, hint);
  }

  #unknown(text: string, position: Position): never {
    const near = nearest(text, [...this.#kinds.keys(), 'any']);
    if (text.includes('.') && DNS_NAME.test(text)) {
      const other = near === null ? '' : `, or did you mean ${near}?`;
      const problem = `${quote(text)} is neither group nor host, and a DNS name cannot stand by itself`;
      this.#reader.fail('dns-name', position, problem, `write {name: ${text}}${other}`);
    }
    const hint =
      near === null ? `define it under groups, or write an address` : `did you mean ${near}?`;
    this.#reader.fail('unknown-name', position, `unknown group or host ${quote(text)}`, hint);
  }
}

/** Peers as people write them, in canonical spelling: `any`, `mgmt`, `local, 10.0.0.0/8`. */
export function peersText(peers: Peers): string {
  return peers.length === 1 ? peerText(peers[0]!) : peers.map(peerText).join(', ');
}

function peerText(item: PeerItem): string {
  switch (item.kind) {
    case 'any':
      return 'any';
    case 'prefix':
      return formatPrefix(item.prefix);
    case 'name':
      return `{name: ${item.name}}`;
    case 'not':
      return `{not: [${peersText(item.items)}]}`;
    default:
      return item.name;
  }
}
