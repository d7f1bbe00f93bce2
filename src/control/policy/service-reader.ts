import type { NamedService, ServiceRef } from './ast.js';
import type { CodeRange } from './codes.js';
import { isList, type Node } from './document/nodes.js';
import { quote } from './errors.js';
import { nearest } from './nearest.js';
import type { Position } from './plan.js';
import type { Entry, Reader } from './reader.js';
import {
  BUILT_IN_SERVICES,
  looksLikeService,
  RESERVED_SERVICE_NAMES,
  readService,
} from './services.js';

const SERVICE_FORMS = 'write services as in [53/tcp, 53/udp]';

interface Codes {
  readonly items: readonly CodeRange[];
  readonly all: boolean;
}

/** Reads services where lines use them, and knows every service that has a name. */
export class ServiceReader {
  readonly #reader: Reader;
  readonly #definitions = new Map<string, Entry>();
  readonly #named = new Map<string, NamedService>();
  readonly #literals = new Map<string, Codes>();
  /** Of lines that name one: lines that name the same share it. */
  readonly #ofLines = new Map<string, readonly ServiceRef[]>();
  readonly #path: string[] = [];

  /** `entries` are those of `services`; a mistake in one of them is thrown here. */
  constructor(reader: Reader, entries: readonly Entry[]) {
    this.#reader = reader;
    for (const entry of entries) this.#definitions.set(entry.key, entry);
    for (const entry of entries) {
      if (!this.#named.has(entry.key)) this.#define(entry);
    }
  }

  get named(): ReadonlyMap<string, NamedService> {
    return this.#named;
  }

  /** Reads one service or a list of them. */
  read(node: Node | null, where: Node | Position, what: string): ServiceRef[] {
    if (!isList(node)) return [this.#reference(node, where, what)];
    if (node.items.length === 0) {
      this.#reader.fail('wrong-type', node, `${what} is an empty list`, SERVICE_FORMS);
    }
    return node.items.map((item) => this.#reference(item, item ?? node, `an item of ${what}`));
  }

  /** The same for the key of a line of a host. A service that many lines name is where the first does. */
  readKey(node: Node): readonly ServiceRef[] {
    const text = this.#reader.scalarText(node);
    if (text === null) return this.read(node, node, 'a service');
    let services = this.#ofLines.get(text);
    if (services === undefined) {
      services = this.read(node, node, 'a service');
      this.#ofLines.set(text, services);
    }
    return services;
  }

  #reference(node: Node | null, where: Node | Position, what: string): ServiceRef {
    const text = this.#reader.text(node, where, what, SERVICE_FORMS);
    const position = this.#reader.at(node);
    const { items, all } = this.#codes(text, position);
    return { text, items, all, position };
  }

  #codes(text: string, position: Position): Codes {
    const builtIn = BUILT_IN_SERVICES.get(text);
    if (builtIn !== undefined) return { items: builtIn, all: text === 'all' };
    const named = this.#named.get(text);
    if (named !== undefined) return named;
    const definition = this.#definitions.get(text);
    if (definition !== undefined) return this.#nested(definition, position);
    const known = this.#literals.get(text);
    if (known !== undefined) return known;
    if (!looksLikeService(text)) this.#unknown(text, position);
    const codes = readService(text);
    if ('problem' in codes) this.#reader.fail('bad-service', position, codes.problem, codes.hint);
    this.#literals.set(text, codes);
    return codes;
  }

  #nested(definition: Entry, position: Position): Codes {
    const start = this.#path.indexOf(definition.key);
    if (start >= 0) {
      const cycle = [...this.#path.slice(start), definition.key].join(' -> ');
      const hint = 'a service cannot hold itself: take one of these out';
      this.#reader.fail('cycle', position, `services form a cycle: ${cycle}`, hint);
    }
    return this.#define(definition);
  }

  #define(entry: Entry): NamedService {
    const name = entry.key;
    const position = this.#reader.at(entry.keyNode);
    if (RESERVED_SERVICE_NAMES.has(name)) {
      const hint = 'choose another name';
      this.#reader.fail('reserved-name', position, `${quote(name)} is a built-in word`, hint);
    }
    if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name)) {
      const hint = 'begin with a letter; letters, digits, _ . - may follow';
      this.#reader.fail('bad-name', position, `${quote(name)} cannot name a service`, hint);
    }
    this.#path.push(name);
    const parts = this.read(entry.value, entry.keyNode, `service ${quote(name)}`);
    this.#path.pop();
    const items = parts.flatMap((part) => part.items);
    const service = { name, items, all: parts.some((part) => part.all), position };
    this.#named.set(name, service);
    return service;
  }

  #unknown(text: string, position: Position): never {
    const near = nearest(text, [...this.#definitions.keys(), ...BUILT_IN_SERVICES.keys()]);
    const hint =
      near === null
        ? 'define it under services, or write it as in 25/tcp'
        : `did you mean ${near}?`;
    this.#reader.fail('unknown-name', position, `unknown service ${quote(text)}`, hint);
  }
}

/** Services as a rule shows them. */
export function servicesText(services: readonly ServiceRef[]): string {
  if (services.length === 1) return services[0]!.text;
  return services.map((service) => service.text).join(', ');
}
