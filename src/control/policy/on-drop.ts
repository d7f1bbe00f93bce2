/** `onDrop`: which drops put their sender into a dynamic group. */

import { type DurationUnit, UNIT_SECONDS } from '../duration.js';
import type { OnDropStatement, Peers, PolicyGroup } from './ast.js';
import { isList, type Node } from './document/nodes.js';
import { quote } from './errors.js';
import { nearest } from './nearest.js';
import type { PeerReader } from './peers.js';
import type { DropReason, PolicyWarning, Position } from './plan.js';
import type { Entry, Fields, Reader } from './reader.js';

/** As many fit into one policy (MAX_WATCHES in bpf/layout_watch.h). */
export const MAX_ON_DROPS = 8;
/** Never banned, where a policy has it. */
const ALWAYS_EXEMPT = 'mgmt';

/** Those that a sender can be blamed for; of the others, a frame's source is not to be believed. */
const REASONS: readonly DropReason[] = [
  'bad-flags',
  'bad-phase',
  'out-of-window',
  'denied',
  'no-state',
  'fragment',
  'fragment-overlap',
  'no-out',
  'no-in',
  'not-screened',
];
/** What an honest host does only by mistake, and seldom. */
const DEFAULT_REASONS: readonly DropReason[] = [
  'bad-flags',
  'denied',
  'no-out',
  'no-in',
  'not-screened',
];

const KEYS = ['deny', 'except', 'after', 'ttl', 'spoofable'];
const DEFAULTS_KEYS = [...KEYS, 'side', 'reasons'];
const MOST_DROPS = 1_000_000;
const MOST_WINDOW_SECONDS = 3600;
const MOST_TTL_SECONDS = 365 * 86_400;
const FORM = 'write {deny: GROUP, after: 20/10s, ttl: 10m}';

/** What reading them needs. */
export interface OnDropContext {
  readonly reader: Reader;
  readonly peers: PeerReader;
  readonly groups: ReadonlyMap<string, PolicyGroup>;
  readonly warnings: PolicyWarning[];
}

/** Reads the `onDrop` of `defaults`: one, or a list of them. */
export function readOnDrops(context: OnDropContext, entry: Entry): OnDropStatement[] {
  const { keyNode, value } = entry;
  const nodes = isList(value) ? value.items : [value];
  return nodes.map((node) => read(context, node, keyNode, DEFAULTS_KEYS));
}

/** Reads that of a deny line: what the line drops counts. */
export function readLineOnDrop(context: OnDropContext, entry: Entry): OnDropStatement {
  return { ...read(context, entry.value, entry.keyNode, KEYS), reasons: ['denied'] };
}

/** Refuses more than there is room for. */
export function checkOnDrops(reader: Reader, all: readonly OnDropStatement[]): void {
  const over = all[MAX_ON_DROPS];
  if (over === undefined) return;
  const problem = `more than ${MAX_ON_DROPS} onDrop in one policy`;
  reader.fail('too-large', over.position, problem, 'merge some of them');
}

function read(
  context: OnDropContext,
  node: Node | null,
  keyNode: Node,
  keys: readonly string[],
): OnDropStatement {
  const { reader } = context;
  const fields = reader.fields(node, keyNode, '`onDrop`', keys);
  const { entries } = fields;
  const deny = need(reader, fields, 'deny');
  const after = need(reader, fields, 'after');
  const ttl = need(reader, fields, 'ttl');
  const spoofable = entries.get('spoofable');
  return {
    ...readGroup(context, deny),
    ...readAfter(reader, after),
    except: readExcept(context, entries.get('except'), fields.position),
    ttlSeconds: duration(reader, ttl, MOST_TTL_SECONDS, 'write it as 30s, 10m, 2h or 1d'),
    spoofable:
      spoofable !== undefined && reader.boolean(spoofable.value, spoofable.keyNode, '`spoofable`'),
    side: readSide(reader, entries.get('side')),
    reasons: readReasons(reader, entries.get('reasons')),
    position: fields.position,
  };
}

function need(reader: Reader, { entries, position }: Fields, key: string): Entry {
  const entry = entries.get(key);
  if (entry === undefined) reader.fail('missing-key', position, `\`onDrop\` has no ${key}`, FORM);
  return entry;
}

function readGroup(context: OnDropContext, entry: Entry): { group: string } {
  const { groups } = context;
  const reader: Reader = context.reader;
  const what = '`deny` of `onDrop`';
  const name = reader.text(entry.value, entry.keyNode, what, 'write the name of a dynamic group');
  const where = entry.value ?? entry.keyNode;
  const group = groups.get(name);
  if (group === undefined) {
    const near = nearest(name, groups.keys());
    const hint =
      near === null ? `write ${name}: {dynamic: true} under groups` : `did you mean ${near}?`;
    reader.fail('unknown-name', where, `unknown group ${quote(name)}`, hint);
  }
  if (group.dynamic === null) {
    const problem = `${quote(name)} is no dynamic group: nobody can be put into it`;
    reader.fail('wrong-type', where, problem, `write ${name}: {dynamic: true} under groups`);
  }
  return { group: name };
}

function readExcept(
  { peers, groups, warnings }: OnDropContext,
  entry: Entry | undefined,
  position: Position,
): Peers {
  const named = entry ? peers.read(entry.value, entry.keyNode, '`except`', null) : [];
  const always: Peers = groups.has(ALWAYS_EXEMPT)
    ? [{ kind: 'group', name: ALWAYS_EXEMPT, position }]
    : [];
  if (named.length + always.length === 0) {
    const message = `\`onDrop\` spares nobody: name as \`except\` from where this site is managed`;
    warnings.push({ message, position });
  }
  return [...named, ...always];
}

function readAfter(reader: Reader, entry: Entry): { after: number; windowSeconds: number } {
  const hint = 'write how many drops in how long, as in 20/10s or 100/m';
  const text = reader.text(entry.value, entry.keyNode, '`after`', hint);
  const [, drops = '', count = '1', unit = ''] =
    /^([1-9]\d{0,8})\/([1-9]\d{0,6})?(s|m|h)$/.exec(text) ?? [];
  const where = entry.value ?? entry.keyNode;
  if (drops === '') reader.fail('wrong-type', where, `after cannot be ${quote(text)}`, hint);
  const after = Number(drops);
  const windowSeconds = Number(count) * UNIT_SECONDS[unit as DurationUnit];
  if (after > MOST_DROPS || windowSeconds > MOST_WINDOW_SECONDS) {
    const most = `at most ${MOST_DROPS} drops, in an hour at most`;
    reader.fail('too-large', where, `after cannot be ${text}`, most);
  }
  return { after, windowSeconds };
}

function duration(reader: Reader, entry: Entry, most: number, hint: string): number {
  const what = `\`${entry.key}\``;
  const text = reader.text(entry.value, entry.keyNode, what, hint);
  const [, count = '', unit = ''] = /^([1-9]\d{0,8})(s|m|h|d)$/.exec(text) ?? [];
  const where = entry.value ?? entry.keyNode;
  if (count === '') reader.fail('wrong-type', where, `${entry.key} cannot be ${quote(text)}`, hint);
  const seconds = Number(count) * UNIT_SECONDS[unit as DurationUnit];
  if (seconds > most) {
    reader.fail('too-large', where, `${entry.key} cannot be ${text}`, `at most ${most / 86_400}d`);
  }
  return seconds;
}

function readSide(reader: Reader, entry: Entry | undefined): OnDropStatement['side'] {
  if (entry === undefined) return 'both';
  const hint = 'write uplink or inside, or leave it out for both';
  const text = reader.text(entry.value, entry.keyNode, '`side`', hint);
  if (text === 'uplink' || text === 'inside') return text;
  reader.fail('wrong-type', entry.value ?? entry.keyNode, `side cannot be ${quote(text)}`, hint);
}

function readReasons(reader: Reader, entry: Entry | undefined): readonly DropReason[] {
  if (entry === undefined) return DEFAULT_REASONS;
  const hint = `write one or some of ${REASONS.join(', ')}`;
  const { value, keyNode } = entry;
  const nodes = isList(value) ? value.items : [value];
  if (nodes.length === 0) {
    reader.fail('wrong-type', value ?? keyNode, '`reasons` is an empty list', hint);
  }
  const named = nodes.map((node) => readReason(reader, node, keyNode, hint));
  return REASONS.filter((reason) => named.includes(reason));
}

function readReason(reader: Reader, node: Node | null, keyNode: Node, hint: string): DropReason {
  const text = reader.text(node, node ?? keyNode, 'a reason', hint);
  const reason = REASONS.find((one) => one === text);
  if (reason !== undefined) return reason;
  const near = nearest(text, REASONS);
  const instead = near === null ? hint : `did you mean ${near}?`;
  reader.fail('unknown-name', node ?? keyNode, `nobody is banned for ${quote(text)}`, instead);
}
