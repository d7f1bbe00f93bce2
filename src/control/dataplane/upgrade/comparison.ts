/** Whether two versions of the dataplane mean the same by their maps: pure, by their BTF. */
import { type MapInfo, sameLayout, type TypeIn, type Types } from '../../../../native/lib/index.js';
import { type MapRule, ruleOf } from './rules.js';

/** A map of one version. */
export interface VersionOfMap {
  readonly info: Pick<MapInfo, 'type' | 'keySize' | 'valueSize' | 'maxEntries' | 'flags'>;
  readonly key?: TypeIn | undefined;
  readonly value?: TypeIn | undefined;
}

/** One version of the dataplane, loaded or not. */
export interface Version {
  readonly types: Types;
  readonly maps: ReadonlyMap<string, VersionOfMap>;
  /** Names of drop reasons by number. */
  readonly reasons: readonly string[];
}

/** Names of those maps of `to` that may be shared with `from`. */
export function sharedMaps(from: Version, to: Version): Set<string> {
  const same = new Set<string>();
  const broken = new Set<string>();
  for (const [name, map] of to.maps) {
    const rule = ruleOf(name);
    const old = from.maps.get(name);
    if (old !== undefined && isSame(rule, [from, old], [to, map])) same.add(name);
    else if (rule.group !== undefined) broken.add(rule.group);
  }
  for (const name of same) {
    const { group } = ruleOf(name);
    if (group !== undefined && broken.has(group)) same.delete(name);
  }
  return same;
}

/** Where a counter of one version is in the other: by port, by outcome, and by name of reason. */
export function outcomeIndex(from: Version, to: Version, nowhere: number): Uint32Array {
  const [old, now] = [shapeOf(from), shapeOf(to)];
  const index = new Uint32Array(old.ports * old.stride).fill(nowhere);
  for (let port = 0; port < Math.min(old.ports, now.ports); port++) {
    for (const [name, outcome] of Object.entries(old.outcomes)) {
      const becomes = now.outcomes[name];
      if (becomes === undefined || name === DROP) continue;
      index[port * old.stride + outcome] = port * now.stride + becomes;
    }
    from.reasons.forEach((name, reason) => {
      const becomes = to.reasons.indexOf(name);
      if (becomes < 0) return;
      index[port * old.stride + old.drop + reason] = port * now.stride + now.drop + becomes;
    });
  }
  return index;
}

const DROP = 'OUTCOME_DROP';
/** enum bpf_map_type of linux/bpf.h. */
export const ARRAY_OF_MAPS = 12;

function shapeOf({ types }: Version) {
  const outcomes = types.enums.outcome ?? {};
  const { MAX_PORTS = 0, OUTCOME_STRIDE = 0 } = types.enums.limits ?? {};
  return { outcomes, ports: MAX_PORTS, stride: OUTCOME_STRIDE, drop: outcomes[DROP] ?? 0 };
}

function isSame(
  rule: MapRule,
  [from, old]: [Version, VersionOfMap],
  [to, map]: [Version, VersionOfMap],
): boolean {
  if (rule.own) return false;
  const ofMaps = map.info.type === ARRAY_OF_MAPS;
  // Without a rule nobody has said what is in them.
  if (ofMaps && rule.structs === undefined) return false;
  for (const fact of ['type', 'keySize', 'valueSize', 'flags'] as const) {
    if (old.info[fact] !== map.info[fact]) return false;
  }
  if (!rule.sized && old.info.maxEntries !== map.info.maxEntries) return false;
  if (!sameType(ofMaps, old.key, map.key)) return false;
  if (!sameType(ofMaps, old.value, map.value)) return false;
  for (const name of rule.structs ?? []) {
    const type = { kind: 'struct', name } as const;
    if (!(name in from.types.structs && name in to.types.structs)) return false;
    if (!sameLayout({ types: from.types, type }, { types: to.types, type })) return false;
  }
  if (!(rule.enums ?? []).every((name) => sameNumbers(name, from.types, to.types))) return false;
  return !rule.outcomes || sameOutcomes(from, to);
}

/** Of maps of maps the kernel keeps no types; their rule names the structs. */
function sameType(ofMaps: boolean, a: TypeIn | undefined, b: TypeIn | undefined): boolean {
  if (ofMaps) return true;
  return a === undefined || b === undefined ? a === b : sameLayout(a, b);
}

/** Whatever had a number still has it. How many there are is no number of anything. */
function sameNumbers(name: string, from: Types, to: Types): boolean {
  const now = to.enums[name] ?? {};
  return Object.entries(from.enums[name] ?? {}).every(
    ([constant, number]) => constant.endsWith('_COUNT') || now[constant] === number,
  );
}

function sameOutcomes(from: Version, to: Version): boolean {
  const [old, now] = [shapeOf(from), shapeOf(to)];
  if (old.stride !== now.stride || old.ports !== now.ports) return false;
  return from.reasons.every((name, reason) => to.reasons[reason] === name);
}
