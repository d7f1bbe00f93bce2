import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  BpfMap,
  BpfObject,
  type BpfProgram,
  cpuCount,
  jiffiesPerSecond,
  skbContext,
  xdpContext,
} from '../../native/lib/index.js';
import { compile, discard, errorOf, wrong } from './fixtures.js';
import { u32 } from './words.js';

const LOOPBACK = 1;

let path: string;
let object: BpfObject;

function program(name: string): BpfProgram {
  return object.program(name);
}

beforeAll(() => {
  path = compile('basic');
  object = BpfObject.open(path);
  object.load();
});

afterAll(() => {
  object.close();
  discard(path);
});

describe('info', () => {
  it('comes from the kernel', () => {
    const { info } = program('first');
    expect(info).toMatchObject({ name: 'first', type: 6 });
    expect(info.tag).toMatch(/^[0-9a-f]{16}$/);
    expect(info.id).toBeGreaterThan(0);
    expect(info.verifiedInstructions).toBeGreaterThan(5);
  });
});

describe('test run of XDP', () => {
  it('gives the return code and the frame as it was left', () => {
    const data = Buffer.from(Array.from({ length: 64 }, (_, i) => i));
    const result = program('first').testRun({ data });
    expect(result.retval).toBe(7);
    expect(result.data.length).toBe(64);
    expect(result.data[7]).toBe(7 ^ 0xff);
    expect(data[7]).toBe(7);
  });

  it('repeats', () => {
    const words = object.map('words');
    words.storeWord(0, 0n);
    program('first').testRun({ data: Buffer.alloc(64), repeat: 1000 });
    expect(words.loadWord(0)).toBe(1000n);
  });

  it('takes a context', () => {
    const data = Buffer.alloc(64);
    const ctx = xdpContext({ length: 64, ifindex: LOOPBACK });
    expect(program('interface_of').testRun({ data, ctx }).retval).toBe(LOOPBACK);
    expect(program('interface_of').testRun({ data, ctx }).ctx.length).toBe(24);
  });

  it('takes metadata before the frame', () => {
    const data = Buffer.alloc(72, 5);
    const ctx = xdpContext({ length: 72, ifindex: LOOPBACK, metaLength: 8 });
    const result = program('meta').testRun({ data, ctx });
    expect(result.retval).toBe(8);
    expect(result.data.length).toBe(72);
  });

  it('tells when there is no room for the frame', () => {
    const error = errorOf(() => program('first').testRun({ data: Buffer.alloc(64), dataOut: 10 }));
    expect(error.code).toBe('ENOSPC');
    const none = program('first').testRun({ data: Buffer.alloc(64), dataOut: 0 });
    expect(none.data.length).toBe(0);
  });

  it('sends live frames', () => {
    const result = program('drop').testRun({
      data: Buffer.alloc(64),
      ctx: xdpContext({ length: 64, ifindex: LOOPBACK }),
      repeat: 1000,
      live: true,
      batchSize: 32,
    });
    expect(result.data.length).toBe(0);
  });

  it('tells frames too short and contexts that contradict', () => {
    expect(errorOf(() => program('mark_it').testRun({ data: Buffer.alloc(4) })).code).toBe(
      'EINVAL',
    );
    const ctx = xdpContext({ length: 60, ifindex: LOOPBACK, metaLength: 3 });
    expect(errorOf(() => program('first').testRun({ data: Buffer.alloc(64), ctx })).code).toBe(
      'EINVAL',
    );
    const nowhere = xdpContext({ length: 64, ifindex: 0x7ffffff0 });
    const run = () => program('first').testRun({ data: Buffer.alloc(64), ctx: nowhere });
    expect(errorOf(run).message).toContain('first');
  });
});

describe('test run of tc', () => {
  it('takes and gives a context', () => {
    const ctx = skbContext({ ifindex: LOOPBACK, mark: 41 });
    const result = program('mark_it').testRun({ data: Buffer.alloc(64), ctx });
    expect(result.retval).toBe(LOOPBACK);
    expect(result.ctx.readUInt32LE(8)).toBe(42);
    expect(ctx.readUInt32LE(8)).toBe(41);
  });

  it('knows segments of an aggregated frame', () => {
    const ctx = skbContext({ ifindex: LOOPBACK, gsoSegs: 3, gsoSize: 1448 });
    expect(program('mark_it').testRun({ data: Buffer.alloc(64), ctx }).retval).toBe(3);
  });

  it('tells a device that is not there', () => {
    const ctx = skbContext({ ifindex: 0x7ffffff0 });
    const run = () => program('mark_it').testRun({ data: Buffer.alloc(64), ctx });
    expect(errorOf(run).code).toBe('ENODEV');
  });
});

describe('test run of a syscall program', () => {
  it('gives the argument back as it was left', () => {
    const ctx = Buffer.alloc(8);
    ctx.writeUInt32LE(21);
    const result = program('twice').testRun({ ctx });
    expect(result.retval).toBe(17);
    expect(result.ctx.readUInt32LE(4)).toBe(42);
    expect(ctx.readUInt32LE(4)).toBe(0);
  });

  it('takes no frame', () => {
    const run = () => program('twice').testRun({ ctx: Buffer.alloc(8), data: Buffer.alloc(64) });
    expect(errorOf(run).code).toBe('EINVAL');
  });
});

describe('maps of maps', () => {
  it('are read by programs', () => {
    const key = Buffer.concat([u32(1), u32(2)]);
    const inner = BpfMap.create({
      type: 'hash',
      name: 'inner',
      keySize: 8,
      valueSize: 4,
      maxEntries: 16,
    });
    inner.update(key, u32(99));
    expect(program('look_inside').testRun({ data: Buffer.alloc(64) }).retval).toBe(0);
    object.map('outer').updateInner(u32(0), inner);
    inner.close();
    expect(program('look_inside').testRun({ data: Buffer.alloc(64) }).retval).toBe(99);
  });
});

describe('wrong use', () => {
  it('is told by arguments', () => {
    const run = (o: unknown) => errorOf(() => program('first').testRun(wrong(o))).code;
    expect(run({ data: 'frame' })).toBe('EUSAGE');
    expect(run({ data: Buffer.alloc(64), ctx: [1] })).toBe('EUSAGE');
    expect(run({ data: Buffer.alloc(64), repeat: 0 })).toBe('EUSAGE');
    expect(run({ data: Buffer.alloc(64), dataOut: -1 })).toBe('EUSAGE');
    expect(run({ data: Buffer.alloc(64), batchSize: 8 })).toBe('EUSAGE');
    expect(run({ data: Buffer.alloc(64), live: true, batchSize: 1000 })).toBe('EUSAGE');
    expect(run(undefined)).toBe('EUSAGE');
    expect(run({})).toBe('EINVAL');
  });

  it('is told after close', () => {
    const one = program('drop');
    one.close();
    one.close();
    const tc = { ifindex: LOOPBACK, direction: 'ingress', handle: 1, priority: 1 } as const;
    const calls = [
      () => one.testRun({ data: Buffer.alloc(64) }),
      () => one.attachXdp(LOOPBACK, 'generic'),
      () => one.attachTc(tc),
      () => one.attachTracing(),
      () => one.pin('/sys/fs/bpf/none'),
      () => one.fd,
    ];
    for (const call of calls) expect(errorOf(call).code).toBe('ECLOSED');
  });

  it('is told by contexts', () => {
    expect(errorOf(() => xdpContext({ length: 4, ifindex: 1, metaLength: 8 })).code).toBe('EUSAGE');
    expect(errorOf(() => skbContext({ ifindex: -1 })).code).toBe('EUSAGE');
    expect(errorOf(() => skbContext({ ifindex: 1, mark: 2 ** 32 })).code).toBe('EUSAGE');
  });
});

describe('the machine', () => {
  it('has CPUs and a tick', () => {
    expect(cpuCount()).toBeGreaterThan(0);
    expect([100, 250, 300, 1000]).toContain(jiffiesPerSecond());
  });
});
