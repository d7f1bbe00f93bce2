import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { camelCase, isPadding } from '../../native/lib/btf.js';
import { generateLayouts, pascalCase, shortNames } from '../../native/lib/generate.js';
import { BpfObject, type Btf, codec } from '../../native/lib/index.js';
import { fc } from '../chance.js';
import { compile, compiledLibrary, discard, discardLibrary, errorOf, wrong } from './fixtures.js';

interface Point {
  tiny: number;
  small: number;
  port: number;
  left: number;
  address: number;
  wide: bigint;
  signedWide: bigint;
  list: number[];
  label: string;
  one: { mac: Uint8Array };
  many: { mac: Uint8Array }[];
  firstChoice: number;
  words: bigint[];
}

let path: string;
let library: string;
let btf: Btf;

beforeAll(() => {
  path = compile('basic');
  library = compiledLibrary();
  const object = BpfObject.open(path);
  btf = object.btf();
  object.close();
});

afterAll(() => {
  discard(path);
  discardLibrary(library);
});

const mac = (n: number): Uint8Array => new Uint8Array(6).fill(n);

const POINT: Point = {
  tiny: -5,
  small: 250,
  port: 0x1234,
  left: -2,
  address: 0xc0a80001,
  wide: 0xffff_ffff_ffff_fffen,
  signedWide: -9n,
  list: [1, 2, 65535],
  label: 'abc',
  one: { mac: mac(1) },
  many: [{ mac: mac(2) }, { mac: mac(3) }],
  firstChoice: 77,
  words: [1n, 2n],
};

describe('BTF', () => {
  it('is plain JSON', () => {
    expect(JSON.parse(JSON.stringify(btf))).toEqual(btf);
  });

  it('gives keys and values of maps, inner ones too', () => {
    expect(btf.maps.points).toEqual({
      key: { kind: 'struct', name: 'key' },
      value: { kind: 'struct', name: 'point' },
    });
    expect(btf.maps.outer?.inner?.key).toEqual({ kind: 'struct', name: 'key' });
    expect(btf.maps.words?.value).toMatchObject({ kind: 'int', size: 8, signed: false });
  });

  it('gives sizes and offsets of the compiler', () => {
    expect(btf.structs.point?.size).toBe(104);
    expect(btf.structs.point?.fields.find((field) => field.name === 'wide')?.offset).toBe(16);
  });

  it('gives constants', () => {
    expect(btf.enums.colour).toEqual({
      COLOUR_RED: 0,
      COLOUR_GREEN: 1,
      COLOUR_HIGH: 0xff000000,
    });
  });
});

describe('codec', () => {
  it('puts every kind of field where C has it', () => {
    const bytes = codec<Point>(btf, 'point').encode(POINT);
    expect(bytes.length).toBe(104);
    expect(bytes.readInt8(0)).toBe(-5);
    expect(bytes.readUInt16BE(2)).toBe(0x1234);
    expect(bytes.readInt32LE(4)).toBe(-2);
    expect(bytes.readUInt32BE(8)).toBe(0xc0a80001);
    expect(bytes.readBigUInt64LE(16)).toBe(POINT.wide);
    expect(bytes.readUInt16LE(36)).toBe(65535);
    expect(bytes.toString('latin1', 38, 48)).toBe('abc\0\0\0\0\0\0\0');
    expect([...bytes.subarray(64, 70)]).toEqual([3, 3, 3, 3, 3, 3]);
    expect(bytes.readUInt32LE(72)).toBe(77);
  });

  it('reads what it wrote', () => {
    const point = codec<Point>(btf, 'point');
    expect(point.decode(point.encode(POINT))).toEqual(POINT);
  });

  it('writes many as it writes one', () => {
    const point = codec<Point>(btf, 'point');
    const many = Buffer.alloc(3 * point.size, 0xaa);
    point.encodeEach(1, 3, (i) => ({ ...POINT, tiny: i }), many);
    expect(many.subarray(0, point.size)).toEqual(Buffer.alloc(point.size, 0xaa));
    for (const i of [1, 2]) {
      const one = Buffer.alloc(point.size, 0xaa);
      point.encode({ ...POINT, tiny: i }, one);
      expect(many.subarray(i * point.size, (i + 1) * point.size)).toEqual(one);
    }
    expect(() => point.encodeEach(2, 4, () => POINT, many)).toThrow('do not lie in');
  });

  it('works inside larger buffers, at any offset', () => {
    const point = codec<Point>(btf, 'point');
    const room = new Uint8Array(400).subarray(3).fill(0xee);
    const written = point.encode(POINT, room, 101);
    expect(written.byteOffset).toBe(room.byteOffset + 101);
    expect(point.decode(room, 101)).toEqual(POINT);
    expect(room[100]).toBe(0xee);
    expect(room[205]).toBe(0xee);
  });

  it('clears padding and text that was there before', () => {
    const point = codec<Point>(btf, 'point');
    const room = Buffer.alloc(104, 0xee);
    point.encode(POINT, room);
    expect(room.readUInt32LE(96)).toBe(0);
    expect(room.readUInt16LE(54)).toBe(0);
    expect(point.decode(room)).toEqual(POINT);
  });

  it('gives copies, not views', () => {
    const point = codec<Point>(btf, 'point');
    const bytes = point.encode(POINT);
    const value = point.decode(bytes);
    bytes.fill(0);
    expect(value).toEqual(POINT);
  });

  it('knows big-endian words', () => {
    const far = codec<{ far: bigint }>(btf, 'only_exported');
    expect([...far.encode({ far: 1n })]).toEqual([0, 0, 0, 0, 0, 0, 0, 1]);
    expect(far.decode(Buffer.from([1, 0, 0, 0, 0, 0, 0, 0])).far).toBe(1n << 56n);
  });

  it('keeps any value that fits', () => {
    const point = codec<Point>(btf, 'point');
    const bytes6 = fc.uint8Array({ minLength: 6, maxLength: 6 });
    const values = fc.record({
      tiny: fc.integer({ min: -128, max: 127 }),
      small: fc.integer({ min: 0, max: 255 }),
      port: fc.integer({ min: 0, max: 0xffff }),
      left: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      address: fc.integer({ min: 0, max: 0xffffffff }),
      wide: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
      signedWide: fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
      list: fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 3, maxLength: 3 }),
      label: fc.stringMatching(/^[a-z]{0,10}$/),
      one: fc.record({ mac: bytes6 }),
      many: fc.array(fc.record({ mac: bytes6 }), { minLength: 2, maxLength: 2 }),
      firstChoice: fc.integer({ min: 0, max: 0xffffffff }),
      words: fc.array(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), {
        minLength: 2,
        maxLength: 2,
      }),
    });
    fc.assert(
      fc.property(values, (value) => {
        expect(point.decode(point.encode(value))).toEqual(value);
      }),
    );
  });

  it('names the field that does not fit', () => {
    const point = codec<Point>(btf, 'point');
    const bad = (change: object) => errorOf(() => point.encode({ ...POINT, ...change })).message;
    expect(bad({ small: 256 })).toContain('point.small');
    expect(bad({ small: -1 })).toContain('8 bits, unsigned');
    expect(bad({ tiny: 128 })).toContain('point.tiny');
    expect(bad({ port: 1.5 })).toContain('point.port');
    expect(bad({ wide: 5 })).toContain('bigint');
    expect(bad({ wide: -1n })).toContain('point.wide');
    expect(bad({ signedWide: 1n << 63n })).toContain('point.signedWide');
    expect(bad({ list: [1, 2] })).toContain('array of 3');
    expect(bad({ label: 'eleven byte' })).toContain('point.label');
    expect(bad({ one: { mac: new Uint8Array(5) } })).toContain('point.one.mac');
    expect(bad({ one: undefined })).toContain('point.one');
    expect(bad({ left: undefined })).toContain('point.left');
    expect(errorOf(() => point.encode(wrong(null))).code).toBe('EUSAGE');
  });

  it('stays inside its buffer', () => {
    const point = codec<Point>(btf, 'point');
    expect(errorOf(() => point.decode(new Uint8Array(103))).code).toBe('EUSAGE');
    expect(errorOf(() => point.decode(new Uint8Array(104), 1)).code).toBe('EUSAGE');
    expect(errorOf(() => point.decode(new Uint8Array(104), -1)).code).toBe('EUSAGE');
    expect(errorOf(() => point.encode(POINT, new Uint8Array(50))).code).toBe('EUSAGE');
    expect(errorOf(() => point.decode(wrong('bytes'))).code).toBe('EUSAGE');
  });

  it('refuses structs that are not there, and what it cannot carry', () => {
    expect(errorOf(() => codec(btf, 'nothing')).code).toBe('EUNKNOWN');
    expect(errorOf(() => codec(btf, 'toString')).code).toBe('EUNKNOWN');
    const error = errorOf(() => codec(btf, 'with_pointer'));
    expect(error.code).toBe('EUSAGE');
    expect(error.message).toContain('pointer');
  });
});

describe('names', () => {
  it('follow TypeScript', () => {
    expect(camelCase('deny_all_services')).toBe('denyAllServices');
    expect(camelCase('v4_length')).toBe('v4Length');
    expect(camelCase('_hidden')).toBe('_hidden');
    expect(pascalCase('state_key')).toBe('StateKey');
  });

  it('of constants lose what they share', () => {
    expect(shortNames(['PHASE_NONE', 'PHASE_SYN_SENT'])).toEqual(['NONE', 'SYN_SENT']);
    expect(shortNames(['A_B_ONE', 'A_B_TWO'])).toEqual(['ONE', 'TWO']);
    expect(shortNames(['MAX_PORTS', 'SLOTS'])).toEqual(['MAX_PORTS', 'SLOTS']);
    expect(shortNames(['PEER_ANY'])).toEqual(['ANY']);
    expect(shortNames(['ALONE'])).toEqual(['ALONE']);
    expect(shortNames(['TCP', 'TCP_SYN'])).toEqual(['TCP', 'TCP_SYN']);
  });

  it('of padding are known', () => {
    for (const name of ['pad', 'pad1', '_pad', '__pad2', 'padding'])
      expect(isPadding(name)).toBe(true);
    for (const name of ['padlock', 'keypad', 'data']) expect(isPadding(name)).toBe(false);
  });
});

describe('generated layouts', () => {
  it('hold what maps and layouts_exported name, and nothing else', () => {
    const text = generateLayouts(btf, 'libbpf-ts');
    expect(text).toContain('export interface OnlyExported {');
    expect(text).toContain('export const point: Codec<Point>');
    expect(text).toContain('  firstChoice: number;');
    expect(text).toContain('  pad?: number;');
    expect(text).not.toContain('LayoutsExported');
    expect(text).not.toContain('BpfIter');
    expect(text).toContain('  HIGH: 4278190080,');
    expect(text.match(/^import .*$/gm)).toHaveLength(1);
  });

  it('compile strictly and work without the object', () => {
    const root = fileURLToPath(new URL('../..', import.meta.url));
    const parent = join(root, 'build', 'test');
    mkdirSync(parent, { recursive: true });
    const directory = mkdtempSync(join(parent, 'layouts-'));
    try {
      const script = join(library, '..', 'bin', 'generate-layouts.js');
      execFileSync(process.execPath, [script, path, join(directory, 'layouts.ts'), library]);
      expect(readFileSync(join(directory, 'layouts.ts'), 'utf8')).toContain(library);
      const source = relative(directory, join(root, 'native', 'lib', 'index.js'));
      execFileSync(process.execPath, [script, path, join(directory, 'layouts.ts'), source]);
      const use =
        "import { Colour, type Point, point } from './layouts.js';\n" +
        'export const port: number = point.decode(new Uint8Array(point.size)).port;\n' +
        "export const label: Point['label'] = String(Colour.GREEN satisfies Colour);\n";
      writeFileSync(join(directory, 'use.ts'), use);
      const config = {
        extends: join(root, 'tsconfig.json'),
        compilerOptions: {
          noEmit: true,
          rootDir: root,
          typeRoots: [join(root, 'node_modules/@types')],
        },
        include: ['*.ts'],
      };
      writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(config));
      execFileSync(join(root, 'node_modules', '.bin', 'tsc'), ['-p', directory]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('fail with one line', () => {
    const script = join(library, '..', 'bin', 'generate-layouts.js');
    const run = (...args: string[]) => {
      try {
        execFileSync(process.execPath, [script, ...args], { stdio: 'pipe' });
      } catch (error) {
        const failed = error as { status: number; stderr: Buffer };
        return { status: failed.status, lines: failed.stderr.toString().trim().split('\n').length };
      }
      throw new Error('it did not fail');
    };
    expect(run('/no/such/object.o', '/tmp/never.ts')).toEqual({ status: 1, lines: 1 });
    expect(run()).toEqual({ status: 1, lines: 1 });
  });
});
