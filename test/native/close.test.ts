import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile, compiledLibrary, discard, discardLibrary } from './fixtures.js';

let library: string;
let basic: string;

beforeAll(() => {
  library = compiledLibrary();
  basic = compile('basic');
});

afterAll(() => {
  discard(basic);
  discardLibrary(library);
});

/** Runs a script in a process of its own, with gc(), and gives what it printed as JSON. */
function run(body: string): unknown {
  const script = `
    import { readdirSync, readlinkSync, readFileSync } from 'node:fs';
    import * as bpf from ${JSON.stringify(library)};
    const { BpfMap, BpfObject, BpfPass } = bpf;
    const path = ${JSON.stringify(basic)};
    const bpfDescriptors = () => readdirSync('/proc/self/fd').filter((fd) => {
      try { return /bpf/.test(readlinkSync('/proc/self/fd/' + fd)); } catch { return false; }
    }).length;
    const mappings = () => readFileSync('/proc/self/maps', 'utf8').split('\\n').filter((line) => line.includes('bpf-map')).length;
    const open = () => { const object = BpfObject.open(path); object.load(); return object; };
    const begin = (object) => new BpfPass({
      program: object.program('keys'), map: object.map('points'), slices: object.map('slices'),
      shape: { slices: 2, elements: 16, valuesAt: 128, recordsAt: 1792, bytes: 1920 },
    });
    const settle = async () => {
      for (let i = 0; i < 10; i++) { gc(); await new Promise((resolve) => setTimeout(resolve, 5)); }
    };
    const say = (value) => console.log(JSON.stringify(value));
    ${body}`;
  const child = spawnSync(process.execPath, ['--input-type=module', '--expose-gc', '-e', script], {
    timeout: 60_000,
    encoding: 'utf8',
  });
  expect(child.stderr).toBe('');
  expect(child.status).toBe(0);
  return JSON.parse(child.stdout);
}

describe('close', () => {
  it('frees descriptors and memory at once', () => {
    const result = run(`
      const before = bpfDescriptors();
      const object = open();
      object.map('words').mmap();
      object.program('first');
      const link = object.program('noticed').attachTracing();
      const pass = begin(object);
      const during = [bpfDescriptors() > before + 5, mappings() > 1];
      pass.close(); link.close(); object.close();
      say({ before, during, after: [bpfDescriptors(), mappings()] });`);
    expect(result).toEqual({ before: 0, during: [true, true], after: [0, 0] });
  });

  it('is what Symbol.dispose does', () => {
    const result = run(`
      const object = open();
      const map = BpfMap.create({ type: 'hash', name: 'm', keySize: 4, valueSize: 4, maxEntries: 1 });
      const link = object.program('noticed').attachTracing();
      const pass = begin(object);
      const program = object.program('first');
      for (const handle of [pass, link, program, map, object]) handle[Symbol.dispose]();
      say(bpfDescriptors());`);
    expect(result).toBe(0);
  });
});

describe('the collector', () => {
  it('closes what nobody holds', () => {
    const result = run(`
      const use = () => {
        for (let i = 0; i < 20; i++) {
          const object = open();
          object.map('words').storeWord(0, 1n);
          object.program('noticed').attachTracing();
          begin(object).next();
          BpfMap.create({ type: 'array', name: 'm', keySize: 4, valueSize: 8, maxEntries: 1, flags: bpf.MapFlags.MMAPABLE }).mmap();
        }
        return bpfDescriptors();
      };
      const during = use();
      await settle();
      say({ during: during > 100, after: [bpfDescriptors(), mappings()] });`);
    expect(result).toEqual({ during: true, after: [0, 0] });
  });

  it('leaves a map alone whose object is gone', () => {
    const result = run(`
      const take = () => open().map('words');
      const map = take();
      await settle();
      map.storeWord(1, 5n);
      say(Number(map.loadWord(1)));`);
    expect(result).toBe(5);
  });

  it('keeps shared memory for as long as it can be seen', () => {
    const result = run(`
      const take = () => BpfMap.create({ type: 'array', name: 'm', keySize: 4, valueSize: 8, maxEntries: 4, flags: bpf.MapFlags.MMAPABLE }).mmap();
      let memory = take();
      await settle();
      memory[3] = 9;
      const during = [memory.length, memory[3], mappings()];
      memory = undefined;
      await settle();
      say({ during, after: mappings() });`);
    expect(result).toEqual({ during: [32, 9, 1], after: 0 });
  });

  it('frees objects that never opened or loaded', () => {
    const result = run(`
      for (let i = 0; i < 50; i++) {
        try { BpfObject.open('/no/such/file.o'); } catch {}
        BpfObject.open(path);
      }
      await settle();
      say(bpfDescriptors());`);
    expect(result).toBe(0);
  });
});
