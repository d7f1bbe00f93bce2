/** Carries what the old maps hold into those new ones that are not shared. */
import {
  BpfMap,
  type BpfProgram,
  type Carried,
  type CarryOptions,
  Conversion,
  NOWHERE,
  sizeOf,
} from '../../../../native/lib/index.js';
import { index as arrayKey } from '../array-key.js';
import { ARRAY_OF_MAPS, outcomeIndex, type Version } from './comparison.js';
import { type MapRule, ruleOf } from './rules.js';

/** Maps of one version with what is known of their types. */
export interface Side {
  readonly version: Version;
  readonly handles: ReadonlyMap<string, BpfMap>;
}

/** Where a state's time of its last packet is, by which the newer of two is known. */
const NEWER_FIELD = 'seen';

interface Move {
  readonly name: string;
  readonly rule: MapRule;
  readonly from: BpfMap;
  readonly to: BpfMap;
  readonly key: Conversion;
  readonly value: Conversion;
  readonly index: Uint32Array | undefined;
}

export class Carrier {
  readonly #moves: readonly Move[];
  readonly #from: Side;
  readonly #to: Side;

  constructor(from: Side, to: Side) {
    this.#from = from;
    this.#to = to;
    this.#moves = [...to.handles].flatMap(([name, map]) => this.#move(name, map) ?? []);
  }

  /** Names of the maps whose contents go over. */
  get maps(): string[] {
    return this.#moves.map(({ name }) => name);
  }

  /**
   * Brings the new maps to what the old ones hold. Only for as long as nothing but this writes the
   * new ones.
   * @returns how many elements of each map are there
   */
  copy(): Map<string, Carried> {
    const done = new Map<string, Carried>();
    for (const move of this.#moves) {
      if (move.rule.how === 'counters') continue;
      if (move.rule.inner !== undefined) {
        this.#copyInner(move, move.rule.inner);
        continue;
      }
      done.set(move.name, this.#carry(move, { present: 'replace' }));
    }
    if (this.#moves.some(({ name }) => name === 'fdb')) this.#countAddresses();
    return done;
  }

  /**
   * Brings over what the old programs wrote after the last copy, while the new ones judge: what they
   * know is newer. Half-open connections first, for they move to the other table and never back.
   */
  merge(): Map<string, Carried> {
    const done = new Map<string, Carried>();
    const run = (how: MapRule['how'], o: Pick<CarryOptions, 'present' | 'newer'>) => {
      for (const move of this.#moves) {
        if (move.rule.how === how) done.set(move.name, this.#carry(move, o));
      }
    };
    run('pending', { present: 'newer', newer: this.#newer() });
    run('established', { present: 'keep' });
    return done;
  }

  /** Adds the old counters to the new ones; may be repeated. The old programs must have ended. */
  addCounters(): void {
    for (const move of this.#moves) {
      if (move.rule.how === 'counters') this.#carry(move, { present: 'add', take: true });
    }
  }

  /**
   * Moves established states on to where the old programs left them; see bpf/handover.h. Returns how
   * many were behind.
   */
  settle(program: BpfProgram, keysMap: BpfMap, statesMap: BpfMap): number {
    const move = this.#moves.find(({ rule }) => rule.how === 'established');
    if (move === undefined) return 0;
    const { written, keys, values } = this.#carry(move, {
      present: 'tell',
      newer: this.#newer(),
    });
    const [keySize, valueSize] = [move.to.info.keySize, move.to.info.valueSize];
    const room = keysMap.info.maxEntries;
    const numbers = Buffer.from(Uint32Array.from({ length: room }, (_, i) => i).buffer);
    for (let from = 0; from < written; from += room) {
      const some = Math.min(room, written - from);
      const part = (all: Buffer, size: number) => all.subarray(from * size, (from + some) * size);
      keysMap.updateBatch(numbers.subarray(0, some * 4), part(keys, keySize), some);
      statesMap.updateBatch(numbers.subarray(0, some * 4), part(values, valueSize), some);
      const ctx = Buffer.alloc(8);
      ctx.writeBigUInt64LE(BigInt(some));
      program.testRun({ ctx });
    }
    return written;
  }

  #move(name: string, to: BpfMap): Move | undefined {
    const rule = ruleOf(name);
    const from = this.#from.handles.get(name);
    if (from === undefined || from.info.id === to.info.id || rule.how === 'empty') return undefined;
    // Another kind of map is another design: whoever made it knows how to fill it.
    if (from.info.type !== to.info.type) return undefined;
    if (to.info.type === ARRAY_OF_MAPS && rule.inner === undefined) return undefined;
    const [old, now] = [this.#from.version, this.#to.version];
    const [was, is] = [old.maps.get(name)!, now.maps.get(name)!];
    const between = (a: typeof was.key, b: typeof is.key, size: number) =>
      a !== undefined && b !== undefined
        ? Conversion.between(a, b, rule.conversion)
        : Conversion.same(size);
    return {
      ...{ name, rule, from, to },
      key: between(was.key, is.key, to.info.keySize),
      value: between(was.value, is.value, to.info.valueSize),
      index: rule.outcomes && outcomeIndex(old, now, NOWHERE),
    };
  }

  /** Once: only the daemon changes them. */
  #copyInner({ from, to }: Move, { key, value }: { key: string; value: string }): void {
    const [old, now] = [this.#from.version.types, this.#to.version.types];
    const struct = (name: string) => ({ kind: 'struct', name }) as const;
    const between = (name: string) =>
      Conversion.between({ types: old, type: struct(name) }, { types: now, type: struct(name) });
    for (let slot = 0; slot < Math.min(from.info.maxEntries, to.info.maxEntries); slot++) {
      const id = from.lookup(arrayKey(slot))?.readUInt32LE(0);
      if (id === undefined || to.lookup(arrayKey(slot)) !== undefined) continue;
      using inner = BpfMap.byId(id);
      const { name, maxEntries, flags } = inner.info;
      using made = BpfMap.create({
        ...{ type: 'hash', name, maxEntries, flags },
        keySize: sizeOf(now, struct(key)),
        valueSize: sizeOf(now, struct(value)),
      });
      inner.carry(made, { key: between(key), value: between(value), present: 'replace' });
      to.updateInner(arrayKey(slot), made);
    }
  }

  #carry(move: Move, o: Pick<CarryOptions, 'present' | 'newer' | 'take'>): Carried {
    const { from, to, key, value, index } = move;
    return from.carry(to, { key, value, ...o, ...(index && { index }) });
  }

  #newer(): number {
    const field = this.#to.version.types.structs.state?.fields.find((f) => f.name === NEWER_FIELD);
    return field?.offset ?? 0;
  }

  /** How many addresses each port has taught. */
  #countAddresses(): void {
    const fdb = this.#to.handles.get('fdb')!;
    const counts = this.#to.handles.get('fdb_counts')!;
    const port = this.#to.version.types.structs.fdb_entry?.fields.find((f) => f.name === 'port');
    const learned = new Uint32Array(counts.info.maxEntries);
    for (const { values, count } of fdb.entries()) {
      for (let i = 0; i < count; i++) {
        const number = values.readUInt32LE(i * fdb.info.valueSize + (port?.offset ?? 0));
        if (number < learned.length) learned[number]! += 1;
      }
    }
    const keys = Uint32Array.from(learned, (_, i) => i);
    counts.updateBatch(Buffer.from(keys.buffer), Buffer.from(learned.buffer), learned.length);
  }
}
