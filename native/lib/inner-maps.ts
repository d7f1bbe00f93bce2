/** Changes of maps of maps, many at a time. */
import { checkBytes } from './check.js';
import { BpfError } from './error.js';
import { type BpfMap, descriptorOf } from './map.js';
import { mapType } from './map-types.js';
import { addon } from './native.js';

/** An element of a map of maps, and what it is to become. */
export interface InnerChange {
  readonly outer: BpfMap;
  readonly key: Uint8Array;
  /** Null: nothing; whatever is there is taken out. */
  readonly inner: BpfMap | null;
}

/**
 * Makes changes of maps of maps side by side. After each the kernel waits, some 10 ms, until no program reads
 * what was there before; together they wait once. All are tried.
 * @throws BpfError of the first that failed
 */
export function changeInner(changes: readonly InnerChange[]): void {
  const outers = changes.map(({ outer }) => descriptorOf(outer));
  for (const { outer, key } of changes) {
    const { type, name, keySize } = outer.info;
    if (!mapType(type).ofMaps) throw new BpfError(`map ${name} holds no maps`);
    checkBytes(key, 'key', keySize);
  }
  addon().changeInner(
    outers,
    changes.map(({ key }) => key),
    changes.map(({ inner }) => (inner === null ? -1 : descriptorOf(inner))),
  );
}
