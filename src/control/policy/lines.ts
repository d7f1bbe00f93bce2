import type { DenyStatement, HostLine, PairLine, Peers, ServiceRef } from './ast.js';
import { DETOUR_OPTIONS, readDetour } from './detour.js';
import { hasKey, isList, isMap, type Mapping, type Node } from './document/nodes.js';
import { quote } from './errors.js';
import { type OnDropContext, readLineOnDrop } from './on-drop.js';
import type { PeerReader } from './peers.js';
import type { Position } from './plan.js';
import { readRate } from './rates.js';
import type { Entry, Fields, Reader } from './reader.js';
import type { ServiceReader } from './service-reader.js';

/** Deny lines are one bit each of a mask in the packet path (MAX_DENY_LINES in bpf/layout.h). */
export const MAX_DENY_LINES = 64;

const OPTIONS = ['log', 'id', 'note', 'rate'];
const LATER_OPTIONS = ['expires', 'mode'];
/** Of lines that let something pass. */
const ALLOW_OPTIONS = [...OPTIONS, ...DETOUR_OPTIONS];
const ID = /^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,63}$/;

/** What reading a line needs. */
export interface LineContext {
  readonly reader: Reader;
  readonly peers: PeerReader;
  readonly services: ServiceReader;
}

interface Options {
  readonly log: boolean;
  readonly session: boolean;
  readonly rate: string;
  readonly id: string | null;
  /** `enum detour_bits` */
  readonly detour: number;
}

/** Reads the `in` or `out` of a host, and puts its lines behind those that are there. */
export function readHostLines(
  context: LineContext,
  host: string,
  direction: 'in' | 'out',
  entry: Entry,
  lines: HostLine[],
): void {
  const { reader, services, peers } = context;
  const what = `\`${direction}\` of host ${quote(host)}`;
  const hint = 'write services with their peers, as in {25/tcp: any}';
  const node = entry.value;
  if (isMap(node)) reader.refuseTwins(node, what);
  // What is no map is refused here.
  else reader.map(node, entry.keyNode, what, hint);
  const { keys, values } = node as Mapping;
  for (let i = 0; i < keys.length; i++) {
    const [keyNode, value] = [keys[i]!, values[i]!];
    const named = services.readKey(keyNode);
    if (value?.kind === 'scalar') {
      const plain = peers.readLine(value, keyNode);
      lines.push(plainLine(host, direction, named, plain, reader.at(keyNode)));
      continue;
    }
    for (const line of readPeerLines(context, direction, keyNode, value, named)) {
      lines.push({ host, direction, services: named, ...line });
    }
  }
}

type PeerLine = Options & { peers: Peers; position: Position };

/** A line without options. Field by field: there are many of them. */
function plainLine(
  host: string,
  direction: 'in' | 'out',
  services: readonly ServiceRef[],
  peers: Peers,
  position: Position,
): HostLine {
  return {
    host,
    direction,
    services,
    peers,
    position,
    log: false,
    session: false,
    rate: '',
    id: null,
    detour: 0,
  };
}

/** What stands behind a service: peers, peers with options, or a list of those. */
function readPeerLines(
  context: LineContext,
  direction: 'in' | 'out',
  keyNode: Node,
  value: Node | null,
  services: readonly ServiceRef[],
): PeerLine[] {
  const { reader, peers } = context;
  const plain = (node: Node | null, where: Node): PeerLine => ({
    ...{ peers: peers.readLine(node, where), position: reader.at(where) },
    ...{ log: false, session: false, rate: '', id: null, detour: 0 },
  });
  const spelledOut = (node: Node, position: Position) =>
    readSpelledOut(context, direction, node, position, services);
  if (isSpelledOut(value)) return [spelledOut(value, reader.at(keyNode))];
  const items = isList(value) ? value.items : [];
  if (!items.some(isSpelledOut)) return [plain(value, keyNode)];
  return items.map((item) =>
    isSpelledOut(item) ? spelledOut(item, reader.at(item)) : plain(item, item ?? keyNode),
  );
}

/** A map that is a line with options, and not a peer such as {not: [...]}. */
function isSpelledOut(node: Node | null): node is Mapping {
  return isMap(node) && !hasKey(node, 'not') && !hasKey(node, 'name');
}

function readSpelledOut(
  context: LineContext,
  direction: 'in' | 'out',
  node: Node,
  position: Position,
  services: readonly ServiceRef[],
): PeerLine {
  const { reader, peers } = context;
  const key = direction === 'in' ? 'from' : 'to';
  const other = direction === 'in' ? 'to' : 'from';
  const wrong = isMap(node) ? node.keys.find((one) => reader.scalarText(one) === other) : undefined;
  if (wrong !== undefined) {
    const hint = `write ${key} instead`;
    const problem = `\`${direction}\` has no ${other}`;
    reader.fail('unknown-key', wrong, problem, hint);
  }
  const fields = reader.fields(node, node, 'the line', [key, ...ALLOW_OPTIONS], LATER_OPTIONS);
  const peersEntry = need(reader, fields, key, 'the line', `write {${key}: any} for every peer`);
  const list = peers.read(peersEntry.value, peersEntry.keyNode, `\`${key}\``, null);
  const detour = readDetour(reader, fields, services);
  return { peers: list, position, ...readOptions(reader, fields), detour };
}

/** Reads `matrix` or `transit`. */
export function readPairLines(context: LineContext, section: string, entry: Entry): PairLine[] {
  const { reader, peers, services } = context;
  const hint = 'write a list of lines, each {from: ..., to: ..., services: ...}';
  const what = `a line of ${section}`;
  return reader.list(entry.value, entry.keyNode, `\`${section}\``, hint).map((node) => {
    const keys = ['from', 'to', 'services', ...ALLOW_OPTIONS];
    const fields = reader.fields(node, node ?? entry.keyNode, what, keys, LATER_OPTIONS);
    const from = need(reader, fields, 'from', what, 'write from: any for every source');
    const to = need(reader, fields, 'to', what, 'write to: any for every destination');
    const service = need(reader, fields, 'services', what, 'write services: all for every service');
    const named = services.read(service.value, service.keyNode, '`services`');
    return {
      from: peers.read(from.value, from.keyNode, '`from`', null),
      to: peers.read(to.value, to.keyNode, '`to`', null),
      services: named,
      position: fields.position,
      ...readOptions(reader, fields),
      detour: readDetour(reader, fields, named),
    };
  });
}

/** Reads `deny`. */
export function readDenyLines(context: LineContext & OnDropContext, entry: Entry): DenyStatement[] {
  const { reader, peers, services } = context;
  const hint = 'write a list of lines, each with from, to or services';
  const nodes = reader.list(entry.value, entry.keyNode, '`deny`', hint);
  return nodes.map((node, index) => {
    const keys = ['from', 'to', 'services', 'onDrop', ...OPTIONS];
    const what = 'a line of deny';
    const fields = reader.fields(node, node ?? entry.keyNode, what, keys, LATER_OPTIONS);
    const { from, to, services: service, rate, log, onDrop } = Object.fromEntries(fields.entries);
    if (log !== undefined && reader.scalarText(log.value) === 'session') {
      const problem = 'a line of deny has no sessions: it lets nothing through';
      reader.fail('wrong-type', log.keyNode, problem, 'write log: true, or false');
    }
    if (rate !== undefined) {
      const problem = 'a line of deny has no rate: it lets nothing through';
      reader.fail('unknown-key', rate.keyNode, problem, 'write it on a line that allows');
    }
    if (from === undefined && to === undefined && service === undefined) {
      const instead = 'write {from: any} if everything is to be denied';
      reader.fail('missing-key', fields.position, `${what} has no from, to or services`, instead);
    }
    if (index >= MAX_DENY_LINES) {
      const problem = `more than ${MAX_DENY_LINES} deny lines`;
      const instead = 'merge lines: from, to and services take lists, and groups may be large';
      reader.fail('too-large', fields.position, problem, instead);
    }
    return {
      from: from ? peers.read(from.value, from.keyNode, '`from`', null) : null,
      to: to ? peers.read(to.value, to.keyNode, '`to`', null) : null,
      services: service ? services.read(service.value, service.keyNode, '`services`') : null,
      onDrop: onDrop ? readLineOnDrop(context, onDrop) : null,
      position: fields.position,
      ...readOptions(reader, fields),
      detour: 0,
    };
  });
}

function need(reader: Reader, fields: Fields, key: string, what: string, hint: string): Entry {
  const entry = fields.entries.get(key);
  if (entry === undefined) {
    reader.fail('missing-key', fields.position, `${what} has no ${key}`, hint);
  }
  return entry;
}

function readLog(reader: Reader, log: Entry | undefined): Pick<Options, 'log' | 'session'> {
  if (log === undefined) return { log: false, session: false };
  if (reader.scalarText(log.value) === 'session') return { log: false, session: true };
  const expected = { what: 'true, false or session', hint: 'write true, false or session' };
  return { log: reader.boolean(log.value, log.keyNode, '`log`', expected), session: false };
}

function readOptions(reader: Reader, fields: Fields): Omit<Options, 'detour'> {
  const log = fields.entries.get('log');
  const rate = fields.entries.get('rate');
  const id = fields.entries.get('id');
  const note = fields.entries.get('note');
  if (note !== undefined) reader.text(note.value, note.keyNode, '`note`', 'write any text');
  return {
    ...readLog(reader, log),
    rate: rate === undefined ? '' : readRate(reader, rate),
    id: id === undefined ? null : readId(reader, id),
  };
}

function readId(reader: Reader, entry: Entry): string {
  const hint = 'write up to 64 letters, digits, _ . : -';
  const id = reader.text(entry.value, entry.keyNode, '`id`', hint);
  if (!ID.test(id)) {
    reader.fail('bad-name', entry.value ?? entry.keyNode, `${quote(id)} cannot be an id`, hint);
  }
  return id;
}
