import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  BpfError,
  BpfLink,
  BpfMap,
  BpfObject,
  BpfPass,
  BpfProgram,
  codec,
  detachTc,
  MapFlags,
  queryTc,
  queryXdp,
  RingBuffers,
  setSocketOption,
  skbContext,
  xdpContext,
} from '../../native/lib/index.js';
import { fc } from '../chance.js';
import { compile, discard, wrong } from './fixtures.js';

let path: string;
let object: BpfObject;
let map: BpfMap;
let outer: BpfMap;
let shared: BpfMap;

beforeAll(() => {
  path = compile('basic');
  object = BpfObject.open(path);
  object.load();
  map = BpfMap.create({ type: 'hash', name: 'h', keySize: 4, valueSize: 8, maxEntries: 8 });
  outer = BpfMap.create({
    type: 'array-of-maps',
    name: 'o',
    keySize: 4,
    valueSize: 4,
    maxEntries: 2,
    inner: map,
  });
  shared = BpfMap.create({
    type: 'array',
    name: 's',
    keySize: 4,
    valueSize: 8,
    maxEntries: 8,
    flags: MapFlags.MMAPABLE,
  });
});

afterAll(() => {
  for (const one of [map, outer, shared, object]) one.close();
  discard(path);
});

/** Values that a JavaScript caller may hand in by mistake. */
const junk = fc.oneof(
  fc.constantFrom<unknown>(
    undefined,
    null,
    Number.NaN,
    -1,
    0,
    1e300,
    '',
    'a\0b',
    '/no/such/path',
    Symbol.iterator,
    new Proxy({}, {}),
    new ArrayBuffer(4),
    new DataView(new ArrayBuffer(4)),
    new Float64Array(1),
    Buffer.alloc(0),
    Buffer.alloc(4),
    Buffer.alloc(64),
    () => undefined,
  ),
  fc.anything(),
);

/** Every call that takes something from outside; each gets what it does not expect. */
const calls: [string, (...junk: never[]) => unknown][] = [
  ['BpfObject.open', (a) => BpfObject.open(a)],
  ['initialValue', (a) => object.initialValue(a)],
  ['setReadOnly', (a) => object.setReadOnly(a)],
  ['setMaxEntries', (a, b) => object.setMaxEntries(a, b)],
  ['reuseMap', (a, b) => object.reuseMap(a, b)],
  ['setAutoload', (a, b) => object.setAutoload(a, b)],
  ['map', (a) => object.map(a)],
  ['program', (a) => object.program(a)],
  ['BpfMap.create', (a) => BpfMap.create(a)],
  ['BpfMap.create, type', (a) => BpfMap.create({ ...creation(), type: a })],
  ['BpfMap.create, inner', (a) => BpfMap.create({ ...creation(), type: 'hash-of-maps', inner: a })],
  ['BpfMap.adopt', (a) => BpfMap.adopt(a)],
  ['lookup', (a) => map.lookup(a)],
  ['update', (a, b, c) => map.update(a, b, c)],
  ['updateInner', (a, b) => outer.updateInner(a, b)],
  ['delete', (a) => map.delete(a)],
  ['updateBatch', (a, b, c) => map.updateBatch(a, b, c)],
  ['deleteBatch', (a, b) => map.deleteBatch(a, b)],
  ['entries', (a) => map.entries(a).next()],
  ['storeWord', (a, b) => shared.storeWord(a, b)],
  ['loadWord', (a) => shared.loadWord(a)],
  ['pin', (a) => map.pin(a)],
  ['unpin', (a) => map.unpin(a)],
  ['BpfProgram.adopt', (a) => BpfProgram.adopt(a)],
  ['testRun', (a) => object.program('first').testRun(a)],
  ['testRun, data', (a, b) => object.program('first').testRun({ data: a, ctx: b })],
  ['testRun, sizes', (a, b) => object.program('first').testRun({ dataOut: a, repeat: b })],
  ['attachXdp', (a, b) => object.program('first').attachXdp(a, b)],
  ['attachTc', (a) => object.program('mark_it').attachTc(a)],
  ['BpfPass', (a, b, c) => new BpfPass({ program: a, map: b, slices: c, shape: a })],
  ['BpfPass, shape', (a, b) => new BpfPass({ ...passed(), shape: a, table: b })],
  ['BpfLink.adopt', (a) => BpfLink.adopt(a)],
  ['detachTc', (a) => detachTc(a)],
  ['queryTc', (a) => queryTc(a)],
  ['queryXdp', (a) => queryXdp(a)],
  ['RingBuffers', (a, b, c) => new RingBuffers(a, b, c)],
  ['setSocketOption', (a, b, c) => setSocketOption(a, b, c, b)],
  ['xdpContext', (a) => xdpContext(a)],
  ['skbContext', (a) => skbContext(a)],
  ['encode', (a, b, c) => codec<never>(object.btf(), 'point').encode(a, b, c)],
  ['decode', (a, b) => codec<never>(object.btf(), 'point').decode(a, b)],
];

function passed() {
  return { program: object.program('keys'), map, slices: shared };
}

function creation() {
  return { type: 'hash', name: 'c', keySize: 4, valueSize: 4, maxEntries: 1 } as const;
}

describe('wrong use', () => {
  for (const [name, call] of calls) {
    it(`of ${name} is a coded error, or no error`, () => {
      const args = fc.tuple(junk, junk, junk);
      fc.assert(
        fc.property(args, (values) => {
          try {
            call(...wrong<never[]>(values));
          } catch (error) {
            if (!(error instanceof BpfError)) throw error;
            expect(error.code).toMatch(/^E[A-Z0-9]+$/);
            expect(error.message).not.toBe('');
          }
        }),
        { numRuns: 150 },
      );
    });
  }

  it('of what only looks like bytes is told', () => {
    const fake = Object.create(Uint8Array.prototype);
    expect(() => map.lookup(fake)).toThrow(BpfError);
    expect(() => map.update(Buffer.alloc(4), fake)).toThrow(BpfError);
    expect(() => object.program('first').testRun({ data: fake })).toThrow(BpfError);
  });

  it('of constructors that are not for callers does no harm', () => {
    for (const made of [BpfMap, BpfProgram, BpfLink]) {
      expect(() => new (wrong<new (fd: unknown) => unknown>(made))(undefined)).toThrow();
      expect(() => new (wrong<new (fd: unknown) => unknown>(made))({})).toThrow();
    }
    expect(() => BpfMap.prototype.lookup.call(wrong({}), Buffer.alloc(4))).toThrow(TypeError);
  });
});
