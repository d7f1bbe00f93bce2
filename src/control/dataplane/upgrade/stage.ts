/** Loads an object beside the wall that stands, sharing what both mean the same by. */
import type { BpfMap, BpfObject } from '../../../../native/lib/index.js';
import type { PinnedSet } from '../pins.js';
import { sharedMaps, type Version } from './comparison.js';
import { HANDOVER_MAPS } from './names.js';
import { versionOfObject, versionOfPins } from './versions.js';

/** Maps of the new object that take the place of its own. Close them once it is loaded. */
export interface Sharing extends Disposable {
  /** Names of the maps that are shared. */
  readonly names: ReadonlySet<string>;
  /** Nothing but what is written anew at every start is not shared: the old programs would do. */
  readonly interchangeable: boolean;
  /** Entries of the old map; 0: there is none. */
  entriesOf(map: string): number;
}

/** Maps that are made anew and lose nothing by it. */
const INDIFFERENT = new Set<string>(['tx_ports', 'tx_ports_frags', ...HANDOVER_MAPS]);

/**
 * Puts pinned maps into an object that is not loaded yet.
 * @throws BpfError, DataplaneError `load`
 */
export function share(object: BpfObject, from: PinnedSet, names: readonly string[]): Sharing {
  const { version: old, handles } = versionOfPins(from, names);
  try {
    const now: Version = versionOfObject(object, names);
    const shared = sharedMaps(old, now);
    for (const name of shared) object.reuseMap(name, handles.get(name)!);
    return {
      names: shared,
      interchangeable: names.every(
        (name) => shared.has(name) || (INDIFFERENT.has(name) && handles.has(name)),
      ),
      entriesOf: (map) => handles.get(map)?.info.maxEntries ?? 0,
      [Symbol.dispose]: () => closeAll(handles),
    };
  } catch (error) {
    closeAll(handles);
    throw error;
  }
}

function closeAll(handles: ReadonlyMap<string, BpfMap>): void {
  for (const map of handles.values()) map.close();
}
