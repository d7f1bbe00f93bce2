import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BpfMap, BpfObject } from '../../native/lib/index.js';
import { compile, discard, errorOf, wrong } from './fixtures.js';
import { u32 } from './words.js';

let basic: string;
let rejected: string;
const opened: BpfObject[] = [];

function open(path = basic): BpfObject {
  const object = BpfObject.open(path);
  opened.push(object);
  return object;
}

function loaded(): BpfObject {
  const object = open();
  object.load();
  return object;
}

beforeAll(() => {
  basic = compile('basic');
  rejected = compile('rejected');
});

afterEach(() => {
  for (const object of opened.splice(0)) object.close();
});

afterAll(() => {
  discard(basic);
  discard(rejected);
});

describe('open', () => {
  it('says which file is missing', () => {
    const error = errorOf(() => BpfObject.open('/no/such/object.o'));
    expect(error.code).toBe('ENOENT');
    expect(error.message).toContain('/no/such/object.o');
    expect(error.log).toContain('libbpf');
  });

  it('refuses what is no object file', () => {
    const directory = mkdtempSync(join(tmpdir(), 'libbpf-ts-'));
    const path = join(directory, 'text.o');
    writeFileSync(path, 'this is no ELF');
    const error = errorOf(() => BpfObject.open(path));
    rmSync(directory, { recursive: true });
    expect(error.code).toBe('EFORMAT');
    expect(error.log).not.toBe('');
  });

  it('refuses paths that are none', () => {
    for (const path of ['', 'a\0b', 7, undefined, null]) {
      expect(errorOf(() => BpfObject.open(wrong(path))).code).toBe('EUSAGE');
    }
  });

  it('names maps and programs before load', () => {
    const object = open();
    expect(object.maps()).toEqual(
      expect.arrayContaining(['points', 'outer', '.rodata', '.rodata.layouts', '.data']),
    );
    expect(object.programs()).toEqual(expect.arrayContaining(['first', 'twice', 'keys']));
  });
});

describe('load', () => {
  it('carries the words of the verifier', () => {
    const error = errorOf(() => open(rejected).load());
    expect(error.code).toBe('EVERIFIER');
    expect(error.errno).toBe(13);
    expect(error.log).toContain('BEGIN PROG LOAD LOG');
    expect(error.log).toContain("prog 'unchecked'");
    expect(error.message).toMatch(/prog 'unchecked': .*outside of the packet/);
  });

  it('happens once, and after a failure nothing else does', () => {
    expect(errorOf(() => loaded().load()).code).toBe('ESTATE');
    const failed = open(rejected);
    errorOf(() => failed.load());
    expect(errorOf(() => failed.load()).code).toBe('ESTATE');
    expect(errorOf(() => failed.program('sound')).code).toBe('ESTATE');
  });

  it('leaves out what was told to stay out', () => {
    const object = open(rejected);
    object.setAutoload('unchecked', false);
    object.load();
    expect(object.program('sound').info.name).toBe('sound');
    expect(errorOf(() => object.program('unchecked')).code).toBe('ESTATE');
  });

  it('carries the words of the kernel when a map cannot be', () => {
    const object = open();
    object.setMaxEntries('points', 0xffffffff);
    const error = errorOf(() => object.load());
    expect(error.message).toContain("map 'points'");
    expect(error.errno).toBeGreaterThan(0);
  });
});

describe('read-only data', () => {
  it('is set by name and seen by programs', () => {
    const object = open();
    object.setReadOnly({ wanted: 100, shift: -3n, big: 0xffff_ffff_ffff_ffffn });
    object.load();
    expect(object.program('first').testRun({ data: Buffer.alloc(64) }).retval).toBe(97);
  });

  it('can be read before and after load', () => {
    const object = open();
    const before = object.initialValue('.rodata');
    expect(before.readUInt32LE(0)).toBe(7);
    object.setReadOnly({ limit: 9 });
    object.load();
    expect(object.initialValue('.rodata').readUInt32LE(0)).toBe(9);
    expect(before.readUInt32LE(0)).toBe(7);
  });

  it('takes only what fits', () => {
    const object = open();
    const set = (values: Record<string, unknown>) =>
      errorOf(() => object.setReadOnly(wrong(values)));
    expect(set({ wanted: 256 })).toMatchObject({ code: 'EUSAGE' });
    expect(set({ wanted: -1 })).toMatchObject({ code: 'EUSAGE' });
    expect(set({ shift: 128 })).toMatchObject({ code: 'EUSAGE' });
    expect(set({ shift: -129 })).toMatchObject({ code: 'EUSAGE' });
    expect(set({ big: 1n << 64n })).toMatchObject({ code: 'EUSAGE' });
    expect(set({ limit: 1.5 })).toMatchObject({ code: 'EUSAGE' });
    expect(set({ limit: '7' })).toMatchObject({ code: 'EUSAGE' });
    expect(set({ layouts: 1 })).toMatchObject({ code: 'EUSAGE' });
    expect(set({ nobody: 1 })).toMatchObject({ code: 'EUNKNOWN' });
  });

  it('is not what can be written', () => {
    const error = errorOf(() => open().setReadOnly({ writable: 1 }));
    expect(error.code).toBe('EUSAGE');
    expect(error.message).toContain('.data');
  });

  it('is set before load or not at all', () => {
    const object = loaded();
    expect(errorOf(() => object.setReadOnly({ limit: 1 })).code).toBe('ESTATE');
  });

  it('is only in data sections', () => {
    expect(errorOf(() => open().initialValue('points')).code).toBe('EUSAGE');
    expect(errorOf(() => open().initialValue('nothing')).code).toBe('EUNKNOWN');
  });
});

describe('maps and programs', () => {
  it('come after load, by names that exist', () => {
    const early = open();
    expect(errorOf(() => early.map('points')).code).toBe('ESTATE');
    expect(errorOf(() => early.program('first')).code).toBe('ESTATE');
    const object = loaded();
    expect(errorOf(() => object.map('nothing'))).toMatchObject({ code: 'EUNKNOWN' });
    expect(errorOf(() => object.program('nothing')).message).toContain("'nothing'");
    expect(errorOf(() => object.map(wrong(3))).code).toBe('EUSAGE');
  });

  it('are one handle each, until that is closed', () => {
    const object = loaded();
    const map = object.map('points');
    expect(object.map('points')).toBe(map);
    map.close();
    expect(object.map('points')).not.toBe(map);
    expect(object.map('points').info.keySize).toBe(8);
  });

  it('have the size that was set', () => {
    const object = open();
    object.setMaxEntries('points', 4321);
    object.load();
    expect(object.map('points').info.maxEntries).toBe(4321);
    expect(errorOf(() => object.setMaxEntries('points', 1)).code).toBe('ESTATE');
    expect(errorOf(() => open().setMaxEntries('points', 0)).code).toBe('EUSAGE');
    expect(errorOf(() => open().setMaxEntries('nothing', 1)).code).toBe('EUNKNOWN');
  });

  it('are closed with the object', () => {
    const object = loaded();
    const map = object.map('words');
    const program = object.program('first');
    object.close();
    object.close();
    expect(errorOf(() => map.lookup(u32(0))).code).toBe('ECLOSED');
    expect(errorOf(() => program.testRun({ data: Buffer.alloc(64) })).code).toBe('ECLOSED');
    expect(errorOf(() => object.map('words')).code).toBe('ECLOSED');
    expect(errorOf(() => object.load()).code).toBe('ECLOSED');
    expect(errorOf(() => object.initialValue('.rodata')).code).toBe('ECLOSED');
    expect(errorOf(() => object.maps()).code).toBe('ECLOSED');
  });

  it('takes over a map that exists', () => {
    const first = loaded();
    first.map('words').storeWord(3, 42n);
    const second = open();
    second.reuseMap('words', first.map('words'));
    second.load();
    expect(second.map('words').info.id).toBe(first.map('words').info.id);
    first.close();
    expect(second.map('words').loadWord(3)).toBe(42n);
  });

  it('takes over only what fits', () => {
    const map = BpfMap.create({
      type: 'array',
      name: 'x',
      keySize: 4,
      valueSize: 4,
      maxEntries: 1,
    });
    const object = open();
    const error = errorOf(() => object.reuseMap('words', map));
    expect(error.code).toBe('EUSAGE');
    expect(error.message).toContain('value size 4');
    expect(errorOf(() => object.reuseMap('nothing', map)).code).toBe('EUNKNOWN');
    expect(errorOf(() => object.reuseMap('words', wrong({ fd: 1 }))).code).toBe('EUSAGE');
    map.close();
    expect(errorOf(() => object.reuseMap('words', map)).code).toBe('ECLOSED');
    object.load();
    expect(errorOf(() => object.reuseMap('words', object.map('words'))).code).toBe('ESTATE');
    expect(errorOf(() => object.setAutoload('first', false)).code).toBe('ESTATE');
    expect(errorOf(() => open().setAutoload('nothing', false)).code).toBe('EUNKNOWN');
  });
});

describe('without BTF', () => {
  it('says so', () => {
    const path = compile('rejected', '-g0');
    const error = errorOf(() => open(path).btf());
    discard(path);
    expect(error.code).toBe('ENOBTF');
  });
});
