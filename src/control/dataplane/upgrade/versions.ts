/** The two versions that an upgrade is about, read from an object or from what is pinned. */
import { existsSync } from 'node:fs';
import {
  BpfMap,
  type BpfObject,
  BpfProgram,
  codec,
  type Types,
} from '../../../../native/lib/index.js';
import { DataplaneError } from '../errors.js';
import type { PinnedSet } from '../pins.js';
import type { Version, VersionOfMap } from './comparison.js';

/** A section's map, where the names of reasons are. */
export const REASONS_MAP = '.rodata.reasons';
const RODATA = '.rodata';

/** What the object will load. */
export function versionOfObject(object: BpfObject, names: readonly string[]): Version {
  const types = object.btf();
  const maps = new Map<string, VersionOfMap>();
  for (const name of names) {
    const { key, value } = types.maps[name] ?? {};
    maps.set(name, {
      info: object.mapInfo(name),
      key: key && { types, type: key },
      value: value && { types, type: value },
    });
  }
  return { types, maps, reasons: reasonNames(types, object.initialValue(REASONS_MAP)) };
}

/**
 * What is pinned, and the handles of its maps by name; a map that this set does not have is missing.
 * @throws DataplaneError `load` when it tells no types
 */
export function versionOfPins(
  set: PinnedSet,
  names: readonly string[],
): { version: Version; handles: Map<string, BpfMap> } {
  const handles = new Map<string, BpfMap>();
  try {
    for (const name of names) {
      if (existsSync(set.map(name))) handles.set(name, BpfMap.adopt(set.map(name)));
    }
    using reasons = BpfMap.adopt(set.map(REASONS_MAP));
    const types = reasons.types();
    if (types === undefined) {
      throw new DataplaneError('load', `the maps pinned in ${set.directory} tell no types`);
    }
    const maps = new Map<string, VersionOfMap>();
    for (const [name, map] of handles) {
      maps.set(name, pinnedMap(map, types));
    }
    const table = reasons.lookup(Buffer.alloc(4)) ?? new Uint8Array();
    return { version: { types, maps, reasons: reasonNames(types, table) }, handles };
  } catch (error) {
    for (const map of handles.values()) map.close();
    throw error;
  }
}

/**
 * A map that an earlier version made and this one shares tells the types of that one. They have the
 * same fields; of names and numbers there may be more by now.
 */
function pinnedMap(map: BpfMap, { enums }: Types): VersionOfMap {
  const own = map.types();
  if (own === undefined) return { info: map.info };
  const types = { structs: own.structs, enums };
  const { key, value } = own;
  return {
    info: map.info,
    key: key && { types, type: key },
    value: value && { types, type: value },
  };
}

function reasonNames(types: Types, table: Uint8Array): string[] {
  const row = codec<{ name: string }>(types, 'reason_text');
  const names: string[] = [];
  for (let at = 0; at + row.size <= table.length; at += row.size) {
    names.push(row.decode(table, at).name);
  }
  return names;
}

/**
 * A number of the read-only data that a pinned program was loaded with; undefined: it has no variable
 * of that name.
 */
export function readOnlyNumber(program: string, variable: string): number | undefined {
  using pinned = BpfProgram.adopt(program);
  for (const id of pinned.mapIds()) {
    using map = BpfMap.byId(id);
    if (!map.info.name.endsWith(RODATA)) continue;
    const value = map.types()?.value;
    const section = map.lookup(Buffer.alloc(4));
    if (value?.kind !== 'inline' || section === undefined) continue;
    const field = value.layout.fields.find((each) => each.name === variable);
    if (field?.type.kind === 'int' && field.type.size === 4)
      return section.readUInt32LE(field.offset);
  }
  return undefined;
}
