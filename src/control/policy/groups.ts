import type { Peers, PolicyGroup } from './ast.js';
import { hasKey, isList, isMap } from './document/nodes.js';
import { quote } from './errors.js';
import type { PeerKind, PeerReader } from './peers.js';
import type { PolicyWarning } from './plan.js';
import type { Entry, Reader } from './reader.js';

/** One bit each of a mask in the packet path (MAX_DYNAMIC_GROUPS in bpf/layout.h). */
export const MAX_DYNAMIC_GROUPS = 32;
/** Members of a dynamic group that does not say `max`. */
const DEFAULT_MEMBERS = 65_536;
const MOST_MEMBERS = 16_777_216;
/**
 * What the table of all members can be made for. A list that takes the place of what a group holds
 * needs room for both, so the largest group counts twice.
 */
const MOST_ROOM = 33_554_432;
/** Groups inside groups. */
const MAX_DEPTH = 64;
const DYNAMIC_KEYS = ['dynamic', 'max', 'allowScreened'];
const GROUP_FORMS =
  'write a list of addresses and groups, {not: [...]}, {name: ...} or {dynamic: true}';

/** Of what kind is the group that this entry defines? */
export function groupKind(entry: Entry): PeerKind {
  return isMap(entry.value) &&
    DYNAMIC_KEYS.some((key) => isMap(entry.value) && hasKey(entry.value, key))
    ? 'dynamic'
    : 'group';
}

/** Reads the entries of `groups`; cycles are refused. */
export function readGroups(
  reader: Reader,
  peers: PeerReader,
  entries: readonly Entry[],
  warnings: PolicyWarning[],
): Map<string, PolicyGroup> {
  const groups = new Map<string, PolicyGroup>();
  let dynamicGroups = 0;
  const room = { sum: 0, largest: 0 };
  for (const entry of entries) {
    const position = reader.at(entry.keyNode);
    const name = entry.key;
    if (groupKind(entry) === 'dynamic') {
      if (++dynamicGroups > MAX_DYNAMIC_GROUPS) {
        const problem = `more than ${MAX_DYNAMIC_GROUPS} dynamic groups`;
        reader.fail('too-large', position, problem, 'merge some of them');
      }
      const dynamic = readDynamic(reader, entry);
      room.sum += dynamic.max;
      room.largest = Math.max(room.largest, dynamic.max);
      if (room.sum + room.largest > MOST_ROOM) {
        const most = MOST_ROOM - room.largest;
        const problem = `the dynamic groups up to here may have ${room.sum} members, and ${most} are the most`;
        reader.fail('too-large', position, problem, 'lower the `max` of some');
      }
      groups.set(name, { name, items: [], dynamic, position });
      continue;
    }
    const items = readItems(reader, peers, entry);
    if (items.length === 0) {
      const message = `group ${quote(name)} is empty: no line that names it matches anything`;
      warnings.push({ message, position });
    }
    groups.set(name, { name, items, dynamic: null, position });
  }
  refuseCycles(reader, groups);
  return groups;
}

function readItems(reader: Reader, peers: PeerReader, entry: Entry): Peers {
  const what = `group ${quote(entry.key)}`;
  const dynamic = 'a dynamic group cannot be part of another group';
  const { value } = entry;
  if (isList(value)) return peers.items(value, what, dynamic);
  if (value === null || (reader.scalarText(value) === null && !isMap(value))) {
    reader.list(value, entry.keyNode, what, GROUP_FORMS);
  }
  return peers.read(value, entry.keyNode, what, dynamic);
}

function readDynamic(reader: Reader, entry: Entry): { max: number; allowScreened: boolean } {
  const what = `group ${quote(entry.key)}`;
  const { entries } = reader.fields(entry.value, entry.keyNode, what, DYNAMIC_KEYS);
  const dynamic = entries.get('dynamic');
  if (dynamic === undefined || !reader.boolean(dynamic.value, dynamic.keyNode, '`dynamic`')) {
    const where = dynamic?.value ?? entry.keyNode;
    reader.fail('wrong-type', where, `${what} has keys of a dynamic group`, 'write dynamic: true');
  }
  const max = entries.get('max');
  const allow = entries.get('allowScreened');
  return {
    max:
      max === undefined
        ? DEFAULT_MEMBERS
        : reader.integer(max.value, max.keyNode, '`max`', 1, MOST_MEMBERS),
    allowScreened:
      allow !== undefined && reader.boolean(allow.value, allow.keyNode, '`allowScreened`'),
  };
}

function refuseCycles(reader: Reader, groups: ReadonlyMap<string, PolicyGroup>): void {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (items: Peers): void => {
    for (const item of items) {
      if (item.kind === 'not') visit(item.items);
      if (item.kind !== 'group' || done.has(item.name)) continue;
      const start = path.indexOf(item.name);
      if (start >= 0) {
        const cycle = [...path.slice(start), item.name].join(' -> ');
        const hint = 'a group cannot hold itself: take one of these out';
        reader.fail('cycle', item.position, `groups form a cycle: ${cycle}`, hint);
      }
      enter(item.name);
    }
  };
  const enter = (name: string): void => {
    path.push(name);
    if (path.length > MAX_DEPTH) {
      const { position } = groups.get(name)!;
      const hint = 'name the addresses themselves at some level';
      reader.fail('too-large', position, `groups nest more than ${MAX_DEPTH} deep`, hint);
    }
    visit(groups.get(name)!.items);
    path.pop();
    done.add(name);
  };
  for (const name of groups.keys()) if (!done.has(name)) enter(name);
}
