/** What a daemon does with an object that cannot take over, and with a wall on trial. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Dataplane, DataplaneError, PinSet } from '../../../src/control/dataplane/index.js';
import { builtObject } from '../../../src/control/dataplane/object.js';
import { Lab } from '../../../src/lab/netns.js';
import { ROOT } from '../../../src/lab/root.js';
import { Bench, policy } from '../daemon/bench.js';
import { makeOlder } from './older.js';

describe('another object over a wall that stands', () => {
  let lab: Lab;

  afterEach(() => lab.close());

  function standing(): { pins: PinSet; tag: string } {
    lab = new Lab('refused');
    const pins = new PinSet(lab.bpffs(), 'fw.1');
    using dataplane = Dataplane.open(pins, { maxStates: 1024 });
    return { pins, tag: dataplane.tag };
  }

  it('is refused in one line when it does not load, and leaves nothing behind', () => {
    const { pins, tag } = standing();
    const objectPath = join(lab.directory, 'torn.o');
    writeFileSync(objectPath, 'no object at all');
    const open = () => Dataplane.open(pins, { maxStates: 1024, objectPath });
    expect(open).toThrow(DataplaneError);
    expect(open).toThrow(/^cannot load .*torn\.o: [^\n]*; the wall stands as it is[^\n]*$/);
    expect([pins.completeTag(), pins.strays(), pins.retiring()]).toEqual([tag, [], undefined]);
    using again = Dataplane.open(pins, { maxStates: 1024 });
    expect([again.fresh, again.upgrade]).toEqual([false, null]);
  });

  it('leaves the old programs to this daemon when only its programs are refused', () => {
    const { pins, tag } = standing();
    const source = join(lab.directory, 'broken.bpf.c');
    const objectPath = join(lab.directory, 'broken.o');
    const broken = 'SEC("xdp") int broken(struct xdp_md *ctx) { return *(volatile int *)8; }';
    writeFileSync(source, `#include "${join(ROOT, 'bpf/bridgewall.bpf.c')}"\n${broken}\n`);
    const headers = ['/usr/include/x86_64-linux-gnu', join(ROOT, 'bpf')];
    execFileSync('clang', [
      ...['-O2', '-g', '-w', '-fno-strict-aliasing', '-target', 'bpf', '-mcpu=v3'],
      ...[...headers.map((path) => `-I${path}`), '-c', source, '-o', objectPath],
    ]);
    using dataplane = Dataplane.open(pins, { maxStates: 1024, objectPath });
    expect([dataplane.upgrade, dataplane.tag, pins.strays()]).toEqual([null, tag, []]);
    expect(dataplane.held).toMatch(/^cannot load .*broken\.o: /);
  });

  it('shares every map that means the same, and succeeds', () => {
    const { pins, tag } = standing();
    const objectPath = join(lab.directory, 'same.o');
    copyFileSync(builtObject(), objectPath);
    appendFileSync(objectPath, '\0');
    {
      using dataplane = Dataplane.open(pins, { maxStates: 1024, objectPath });
      expect([dataplane.tag === tag, pins.completeTag()]).toEqual([false, tag]);
      expect(dataplane.upgrade?.policyMoves).toBe(false);
      expect(dataplane.upgrade?.run()).toMatchObject({ migrated: [], atOnce: true, lost: 0 });
      dataplane.upgrade?.retire();
    }
    expect(pins.completeTag()).not.toBe(tag);
    expect([pins.strays(), pins.retiring()]).toEqual([[], undefined]);
    using again = Dataplane.open(pins, { maxStates: 1024, objectPath });
    expect(again.upgrade).toBeNull();
  });
});

describe('a policy on trial in an older wall', () => {
  let bench: Bench;

  afterEach(() => bench.close());

  it('keeps its deadline and what it falls back to', async () => {
    bench = new Bench();
    await bench.serve(80, 25);
    await bench.start();
    await bench.apply(policy([80]));
    const text = policy([80, 25]);
    await bench.api.apply({ text, file: 'policy.yaml' }, 'test', { confirmSeconds: 600 });
    await bench.kill();
    makeOlder(bench, 'reordered');
    const daemon = await bench.start();
    expect(daemon.log).toContain('upgraded the running dataplane');
    const status = await bench.api.status();
    expect(status).toMatchObject({ generation: 2, confirm: { fallback: 1 } });
    expect(status.confirm!.deadline).toBeGreaterThan(300);
    expect(status.confirm!.deadline).toBeLessThan(600);
    expect(await bench.connects(25)).toBe(true);
    expect((await bench.api.rollback(null, 'test')).generation).toBe(3);
    expect(await bench.connects(25)).toBe(false);
    expect(await bench.connects(80)).toBe(true);
  });
});
