import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BpfLink, BpfMap, BpfObject, BpfProgram } from '../../native/lib/index.js';
import { compile, discard, errorOf, mountBpffs, wrong } from './fixtures.js';
import { u32, u64 } from './words.js';

let path: string;
let bpffs: { path: string; remove: () => void };
const objects: BpfObject[] = [];

function loaded(): BpfObject {
  const object = BpfObject.open(path);
  objects.push(object);
  object.load();
  return object;
}

function at(name: string): string {
  return join(bpffs.path, name);
}

beforeAll(() => {
  path = compile('basic');
  bpffs = mountBpffs();
});

afterEach(() => {
  for (const object of objects.splice(0)) object.close();
});

afterAll(() => {
  bpffs.remove();
  discard(path);
});

describe('pins', () => {
  it('keep a map', () => {
    const object = loaded();
    object.map('words').storeWord(1, 7n);
    const { id } = object.map('words').info;
    object.map('words').pin(at('words'));
    object.close();
    const map = BpfMap.adopt(at('words'));
    expect(map.info.id).toBe(id);
    expect(map.lookup(u32(1))).toEqual(u64(7n));
    map.unpin(at('words'));
    expect(existsSync(at('words'))).toBe(false);
    expect(map.loadWord(1)).toBe(7n);
    map.close();
  });

  it('keep a program', () => {
    const object = loaded();
    object.program('first').pin(at('first'));
    object.close();
    const program = BpfProgram.adopt(at('first'));
    expect(program.testRun({ data: Buffer.alloc(64, 3) }).retval).toBe(3);
    program.close();
  });

  it('keep a link', () => {
    const object = loaded();
    const link = object.program('noticed').attachTracing();
    link.pin(at('walk'));
    const { id } = link.info;
    link.close();
    object.close();
    const again = BpfLink.adopt(at('walk'));
    expect(again.info).toMatchObject({ id, ifindex: 0 });
    again.close();
  });

  it('give a map to another object', () => {
    const first = loaded();
    first.map('words').pin(at('shared'));
    const second = BpfObject.open(path);
    objects.push(second);
    const pinned = BpfMap.adopt(at('shared'));
    second.reuseMap('words', pinned);
    pinned.close();
    second.load();
    second.program('first').testRun({ data: Buffer.alloc(64), repeat: 3 });
    expect(first.map('words').loadWord(0)).toBe(3n);
    first.map('words').unpin(at('shared'));
  });
});

describe('wrong pins', () => {
  it('are told apart', () => {
    const object = loaded();
    object.map('words').pin(at('map'));
    object.program('first').pin(at('program'));
    expect(errorOf(() => BpfMap.adopt(at('program'))).message).toContain('is the pin of a program');
    expect(errorOf(() => BpfProgram.adopt(at('map'))).message).toContain('is the pin of a map');
    expect(errorOf(() => BpfLink.adopt(at('map'))).code).toBe('EUSAGE');
    expect(errorOf(() => object.map('points').unpin(at('map'))).code).toBe('EUSAGE');
    expect(existsSync(at('map'))).toBe(true);
    expect(errorOf(() => object.map('words').pin(at('map'))).code).toBe('EEXIST');
  });

  it('are told when nothing is there', () => {
    expect(errorOf(() => BpfMap.adopt(at('nothing'))).code).toBe('ENOENT');
    expect(errorOf(() => loaded().map('words').pin(at('no/such'))).code).toBe('ENOENT');
    for (const name of ['', undefined, 7]) {
      expect(errorOf(() => BpfMap.adopt(wrong(name))).code).toBe('EUSAGE');
    }
  });

  it('are told when the file system is another', () => {
    const object = loaded();
    const pin = errorOf(() => object.map('words').pin('/tmp/libbpf-ts-not-here'));
    expect(pin.message).toContain('no bpf file system');
    expect(pin.errno).toBeGreaterThan(0);
    expect(errorOf(() => BpfMap.adopt('/dev/null')).errno).toBeGreaterThan(0);
  });
});
