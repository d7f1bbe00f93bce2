import type { Btf } from './btf.js';
import { checkNumber, checkOptions, checkText, shown } from './check.js';
import { BpfError } from './error.js';
import type { MapInfo } from './info.js';
import { BpfMap } from './map.js';
import { addon, type NativeObject } from './native.js';
import { BpfProgram } from './program.js';

/**
 * A BPF object file: open it, set what must be set before, load it, take its maps and programs.
 *
 * The object owns the handles that map() and program() give: closing it closes them. Pin what shall
 * stay, adopt it anew, or keep the object. Methods throw {@link BpfError}: ECLOSED after close(),
 * ESTATE before or after load() where that is too early or too late, EUNKNOWN for names that the
 * object has not.
 */
export class BpfObject implements Disposable {
  readonly #native: NativeObject;
  readonly #maps = new Map<string, BpfMap>();
  readonly #programs = new Map<string, BpfProgram>();
  #btf: Btf | undefined;

  private constructor(path: string) {
    checkText(path, 'path');
    this.#native = new (addon().NativeObject)(path);
  }

  /** Reads an object file; nothing reaches the kernel yet. */
  static open(path: string): BpfObject {
    return new BpfObject(path);
  }

  /** The object's own types, before or after load. ENOBTF when it was compiled without -g. */
  btf(): Btf {
    this.#btf ??= this.#native.btf();
    return this.#btf;
  }

  /** The bytes of a data section ('.rodata', '.data', '.rodata.name') as they stand now. */
  initialValue(mapName: string): Buffer {
    checkText(mapName, 'map');
    return this.#native.initialValue(mapName);
  }

  /** Sets `const volatile` integers by name; the verifier then knows them. Before load. */
  setReadOnly(values: Record<string, number | bigint>): void {
    checkOptions(values, 'setReadOnly');
    for (const [name, value] of Object.entries(values)) {
      this.#native.setVariable(name, wholeNumber(value, name));
    }
  }

  /** Sizes a map. Before load. */
  setMaxEntries(map: string, n: number): void {
    checkText(map, 'map');
    checkNumber(n, 'n', 1);
    this.#native.setMaxEntries(map, n);
  }

  /**
   * Lets the object use an existing map in place of its own; its size becomes the existing one's.
   * Before load. EUSAGE when type, key size or value size differ.
   */
  reuseMap(map: string, pinned: BpfMap): void {
    checkText(map, 'map');
    if (!(pinned instanceof BpfMap)) throw new BpfError('expected a BpfMap');
    this.#native.reuseMap(map, pinned.fd);
  }

  /** A map as load() will make it; its name in full. */
  mapInfo(map: string): Omit<MapInfo, 'id'> {
    checkText(map, 'map');
    return this.#native.mapInfo(map);
  }

  /** Leaves a program out of load(), or takes it back in. Before load. */
  setAutoload(program: string, on: boolean): void {
    checkText(program, 'program');
    this.#native.setAutoload(program, Boolean(on));
  }

  /**
   * Creates the maps and loads the programs, all or nothing. A refusal by the verifier is
   * EVERIFIER, with its log; an object that failed to load can only be closed.
   */
  load(): void {
    this.#native.load();
  }

  /** A map of the loaded object; the same handle each time, until it is closed. */
  map(name: string): BpfMap {
    checkText(name, 'map');
    const known = this.#maps.get(name);
    if (known !== undefined && !known.closed) return known;
    const map = BpfMap.own(this.#native.map(name));
    this.#maps.set(name, map);
    return map;
  }

  /** Names of all maps, data sections among them; also before load. */
  maps(): string[] {
    return this.#native.maps();
  }

  /** A program of the loaded object; the same handle each time, until it is closed. */
  program(name: string): BpfProgram {
    checkText(name, 'program');
    const known = this.#programs.get(name);
    if (known !== undefined && !known.closed) return known;
    const program = BpfProgram.own(this.#native.program(name));
    this.#programs.set(name, program);
    return program;
  }

  /** Names of all programs; also before load. */
  programs(): string[] {
    return this.#native.programs();
  }

  /** Closes the object and the handles that it gave; harmless when done before. */
  close(): void {
    for (const map of this.#maps.values()) map.close();
    for (const program of this.#programs.values()) program.close();
    this.#native.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function wholeNumber(value: unknown, name: string): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  throw new BpfError(`variable ${name}: expected a whole number, got ${shown(value)}`);
}
