import { spawnSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  BpfMap,
  BpfObject,
  cpuCount,
  RingBuffers,
  type RingBuffersOptions,
} from '../../native/lib/index.js';
import { compile, compiledLibrary, discard, discardLibrary, errorOf, wrong } from './fixtures.js';
import { u32 } from './words.js';

const FRAME = { data: Buffer.alloc(64) };
const RECORD = 16;

let path: string;
const closing: (() => void)[] = [];

beforeAll(() => {
  path = compile('ring');
});

afterEach(() => {
  for (const close of closing.splice(0).reverse()) close();
});

afterAll(() => discard(path));

/** The programs, with a ring of `bytes` for each CPU. */
function rings(bytes: number): { object: BpfObject; buffers: BpfMap[] } {
  const object = BpfObject.open(path);
  closing.push(() => object.close());
  object.load();
  const buffers = Array.from({ length: cpuCount() }, (_, cpu) => {
    const ring = BpfMap.create({
      type: 'ringbuf',
      name: `ring${cpu}`,
      keySize: 0,
      valueSize: 0,
      maxEntries: bytes,
    });
    closing.push(() => ring.close());
    object.map('rings').updateInner(u32(cpu), ring);
    return ring;
  });
  return { object, buffers };
}

/** Gathers what a reader delivers; `until` waits for a sum of records and lost. */
class Gathered {
  readonly sequences: number[] = [];
  readonly slabs: number[] = [];
  lost = 0;
  misplaced = 0;
  readonly reader: RingBuffers;

  constructor(buffers: BpfMap[], o?: RingBuffersOptions) {
    this.reader = new RingBuffers(
      buffers,
      (slab, records, lost) => this.#take(slab, records, lost),
      o,
    );
    closing.push(() => this.reader.close());
  }

  #take(slab: Buffer, records: Uint32Array, lost: number): void {
    this.slabs.push(slab.length);
    this.lost += lost;
    for (let i = 0; i < records.length; i += 3) {
      const offset = records[i] ?? -1;
      if (records[i + 1] !== RECORD || slab.readUInt32LE(offset + 8) !== records[i + 2]) {
        this.misplaced++;
      }
      this.sequences.push(Number(slab.readBigUInt64LE(offset)));
    }
  }

  async until(total: number): Promise<void> {
    while (this.sequences.length + this.lost < total) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

describe('ring buffers', () => {
  it('deliver every record once, many to a slab', async () => {
    const { object, buffers } = rings(1 << 20);
    const gathered = new Gathered(buffers);
    for (let i = 0; i < 10; i++) object.program('emit').testRun({ ...FRAME, repeat: 1000 });
    await gathered.until(10_000);
    expect(gathered.lost).toBe(0);
    expect(gathered.misplaced).toBe(0);
    expect(gathered.sequences.sort((a, b) => a - b)).toEqual(
      Array.from({ length: 10_000 }, (_, i) => i),
    );
    expect(gathered.slabs.length).toBeLessThan(1000);
  });

  it('deliver a single record without waiting for more', async () => {
    const { object, buffers } = rings(4096);
    const gathered = new Gathered(buffers, { maxDelayMs: 1 });
    object.program('emit').testRun(FRAME);
    await gathered.until(1);
    expect(gathered.slabs).toEqual([RECORD]);
  });

  it('deliver runs of records, none before its elders in an earlier ring', async () => {
    const { object, buffers } = rings(1 << 20);
    const runs: { ring: number; sequences: number[] }[] = [];
    let seen = 0;
    const reader = new RingBuffers(
      buffers,
      (slab, words) => {
        for (let i = 0; i < words.length; i += 3) {
          const [at, length, ring] = words.subarray(i, i + 3) as unknown as [
            number,
            number,
            number,
          ];
          const sequences: number[] = [];
          for (let r = at; r < at + length; r += RECORD) {
            sequences.push(Number(slab.readBigUInt64LE(r)));
          }
          runs.push({ ring, sequences });
          seen += sequences.length;
        }
      },
      { runs: true, maxDelayMs: 3 },
    );
    closing.push(() => reader.close());
    for (let i = 0; i < 50; i++) {
      object.program('emit').testRun({ ...FRAME, repeat: 200 });
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    while (seen < 10_000) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(runs.length).toBeLessThan(200);
    const all = runs.flatMap(({ sequences }) => sequences);
    expect(new Set(all).size).toBe(10_000);
    for (const ring of buffers.keys()) {
      const own = runs.filter((run) => run.ring === ring).flatMap(({ sequences }) => sequences);
      expect(own).toEqual([...own].sort((x, y) => x - y));
    }
    const late = runs.filter((run, i) =>
      runs
        .slice(i + 1)
        .some(({ ring, sequences }) => ring < run.ring && sequences[0]! < run.sequences.at(-1)!),
    );
    expect(late).toEqual([]);
  });

  it('go sooner where there is much', async () => {
    const slabsAt = async (bytes: number): Promise<number> => {
      const { object, buffers } = rings(1 << 16);
      let [slabs, seen] = [0, 0];
      const reader = new RingBuffers(
        buffers,
        (slab) => {
          slabs++;
          seen += slab.length;
        },
        { runs: true, maxDelayMs: 200, dense: { bytes, delayMs: 1 } },
      );
      closing.push(() => reader.close());
      for (let i = 0; i < 300; i++) {
        object.program('emit').testRun(FRAME);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await expect.poll(() => seen).toBe(300 * RECORD);
      return slabs;
    };
    const [much, little] = [await slabsAt(RECORD), await slabsAt(1 << 16)];
    expect(much).toBeGreaterThan(little * 3);
  });

  it('hold back what came after a record that is still being written', async () => {
    const { object, buffers } = rings(4096);
    const came: number[] = [];
    const reader = new RingBuffers(
      buffers,
      (slab, words) => {
        for (let i = 0; i < words.length; i += 3) {
          came.push(Number(slab.readBigUInt64LE(words[i]!)));
        }
      },
      { runs: true, maxDelayMs: 1 },
    );
    closing.push(() => reader.close());
    for (let i = 1; i <= 5; i++) {
      expect(object.program('emit_held').testRun(FRAME).retval).toBe(0);
      await expect.poll(() => came.length).toBe(2 * i);
    }
    expect(came).toEqual([1, 2, 1, 2, 1, 2, 1, 2, 1, 2]);
  });

  it('step over records that were given up', async () => {
    const { object, buffers } = rings(4096);
    const gathered = new Gathered(buffers);
    // Several times around the ring; no more at a time than it holds, however late the reader is.
    for (let round = 1; round <= 10; round++) {
      object.program('discard').testRun({ ...FRAME, repeat: 20 });
      object.program('emit').testRun(FRAME);
      await gathered.until(round);
    }
    expect(gathered.sequences).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('count what they drop while JavaScript is busy, and lose nothing in silence', async () => {
    const { object, buffers } = rings(1 << 16);
    const gathered = new Gathered(buffers, { slabBytes: 4096, slabs: 2 });
    // No turn of the event loop in here: no slab comes back.
    for (let i = 0; i < 200; i++) object.program('emit').testRun({ ...FRAME, repeat: 1000 });
    const counts = object.map('counts');
    const written = Number(counts.lookup(u32(0))?.readBigUInt64LE());
    const refused = Number(counts.lookup(u32(1))?.readBigUInt64LE());
    expect(written + refused).toBe(200_000);
    await gathered.until(written);
    expect(gathered.sequences.length + gathered.lost).toBe(written);
    expect(gathered.lost + refused).toBeGreaterThan(0);
    expect(gathered.misplaced).toBe(0);
    expect(new Set(gathered.sequences).size).toBe(gathered.sequences.length);
    object.program('emit').testRun(FRAME);
    await gathered.until(written + 1);
    expect(gathered.sequences).toContain(written);
  });

  it('count a record that is larger than a slab', async () => {
    const { object, buffers } = rings(1 << 16);
    const gathered = new Gathered(buffers, { slabBytes: 512 });
    object.program('emit_large').testRun({ ...FRAME, repeat: 3 });
    object.program('emit').testRun(FRAME);
    await gathered.until(4);
    expect(gathered.lost).toBe(3);
    expect(gathered.sequences).toEqual([0]);
  });

  it('outlive the handles of their maps', async () => {
    const { object, buffers } = rings(4096);
    const gathered = new Gathered(buffers);
    for (const buffer of buffers) buffer.close();
    object.program('emit').testRun(FRAME);
    await gathered.until(1);
    expect(gathered.sequences).toEqual([0]);
  });

  it('are silent after close', async () => {
    const { object, buffers } = rings(1 << 16);
    const gathered = new Gathered(buffers, { maxDelayMs: 0 });
    object.program('emit').testRun({ ...FRAME, repeat: 100 });
    gathered.reader.close();
    gathered.reader.close();
    const before = gathered.slabs.length;
    object.program('emit').testRun({ ...FRAME, repeat: 100 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(gathered.slabs.length).toBe(before);
  });

  it('can be closed from their own handler', async () => {
    const { object, buffers } = rings(1 << 16);
    let calls = 0;
    const reader: RingBuffers = new RingBuffers(
      buffers,
      () => {
        calls++;
        reader.close();
      },
      { slabBytes: 64, maxDelayMs: 0 },
    );
    object.program('emit').testRun({ ...FRAME, repeat: 100 });
    while (calls === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(calls).toBe(1);
  });

  it('refuse wrong use', () => {
    const { object, buffers } = rings(4096);
    const none = () => undefined;
    const make = (maps: unknown, handler: unknown = none, o: object = {}) =>
      errorOf(() => new RingBuffers(wrong(maps), wrong(handler), o)).code;
    expect(make([])).toBe('EUSAGE');
    expect(make(undefined)).toBe('EUSAGE');
    expect(make([{ fd: 3 }])).toBe('EUSAGE');
    expect(make([object.map('counts')])).toBe('EUSAGE');
    expect(make(buffers, 'handler')).toBe('EUSAGE');
    expect(make(buffers, none, { slabBytes: 1 })).toBe('EUSAGE');
    expect(make(buffers, none, { slabs: 1 })).toBe('EUSAGE');
    expect(make(buffers, none, { maxDelayMs: -1 })).toBe('EUSAGE');
    buffers[0]?.close();
    expect(make(buffers)).toBe('ECLOSED');
  });
});

describe('a process with ring buffers', () => {
  let library: string;

  beforeAll(() => {
    library = compiledLibrary();
  });

  afterAll(() => discardLibrary(library));

  function run(body: string): { status: number | null; stdout: string; stderr: string } {
    const script = `
      import { BpfMap, BpfObject, RingBuffers } from ${JSON.stringify(library)};
      const object = BpfObject.open(${JSON.stringify(path)});
      object.load();
      const key = Buffer.alloc(4);
      const ring = BpfMap.create({ type: 'ringbuf', name: 'r', keySize: 0, valueSize: 0, maxEntries: 65536 });
      for (let cpu = 0; cpu < 64; cpu++) { key.writeUInt32LE(cpu); object.map('rings').updateInner(key, ring); }
      const emit = (repeat) => object.program('emit').testRun({ data: Buffer.alloc(64), repeat });
      ${body}`;
    const child = spawnSync(
      process.execPath,
      ['--input-type=module', '--expose-gc', '-e', script],
      {
        timeout: 30_000,
        encoding: 'utf8',
      },
    );
    return { status: child.status, stdout: child.stdout, stderr: child.stderr };
  }

  it('ends once they are closed', () => {
    const child = run(`
      const reader = new RingBuffers([ring], () => { console.log('slab'); reader.close(); });
      emit(1);`);
    expect(child).toMatchObject({ status: 0, stdout: 'slab\n' });
  });

  it('stays while they are open, collected or not', () => {
    const child = run(`
      new RingBuffers([ring], () => { console.log('slab'); process.exit(7); });
      setTimeout(() => { gc(); gc(); }, 20).unref();
      setTimeout(() => { gc(); emit(1); }, 60).unref();`);
    expect(child).toMatchObject({ status: 7, stdout: 'slab\n' });
  });

  it('may exit under load', () => {
    const child = run(`
      new RingBuffers([ring], () => undefined, { slabBytes: 64, maxDelayMs: 0 });
      for (let i = 0; i < 20; i++) emit(1000);
      process.exit(3);`);
    expect(child).toMatchObject({ status: 3, stderr: '' });
  });

  it('hears of what the handler throws', () => {
    const child = run(`
      process.on('uncaughtException', (error) => { console.log(error.message); process.exit(5); });
      new RingBuffers([ring], () => { throw new Error('from the handler'); });
      emit(1);`);
    expect(child).toMatchObject({ status: 5, stdout: 'from the handler\n' });
  });

  it('may end a worker that reads', () => {
    const child = run(`
      const { Worker } = await import('node:worker_threads');
      const body = \`
        import { parentPort } from 'node:worker_threads';
        import { BpfMap, BpfObject, RingBuffers } from ${JSON.stringify(library)};
        const ring = BpfMap.create({ type: 'ringbuf', name: 'r', keySize: 0, valueSize: 0, maxEntries: 65536 });
        const object = BpfObject.open(${JSON.stringify(path)});
        object.load();
        for (let cpu = 0; cpu < 64; cpu++) object.map('rings').updateInner(Buffer.from([cpu, 0, 0, 0]), ring);
        new RingBuffers([ring], () => parentPort.postMessage('slab'));
        object.program('emit').testRun({ data: Buffer.alloc(64) });\`;
      const worker = new Worker(body, { eval: true });
      worker.once('message', async (text) => { console.log(text); await worker.terminate(); emit(1); });`);
    expect(child).toMatchObject({ status: 0, stdout: 'slab\n', stderr: '' });
  });
});
