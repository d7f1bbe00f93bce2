import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { compile, compiledLibrary, discard, discardLibrary, mountBpffs } from './fixtures.js';

// Attaching acts in the network namespace of the process: each script runs as a child inside one.
// The bpf file system is mounted out here, where it lasts.
const NAMESPACE = `libbpf-ts-${process.pid}`;

let library: string;
let path: string;
let bpffs: { path: string; remove: () => void };

beforeAll(() => {
  library = compiledLibrary();
  path = compile('attach');
  bpffs = mountBpffs();
});

beforeEach(() => {
  execFileSync('ip', ['netns', 'add', NAMESPACE]);
  inside('ip', 'link', 'add', 'one', 'type', 'veth', 'peer', 'name', 'two');
  for (const name of ['one', 'two']) {
    inside('ip', 'link', 'set', name, 'up');
    // A veth takes frames from XDP only with NAPI on, which comes with GRO.
    inside('ethtool', '-K', name, 'gro', 'on');
  }
});

afterEach(() => {
  execFileSync('ip', ['netns', 'del', NAMESPACE]);
});

afterAll(() => {
  bpffs.remove();
  discard(path);
  discardLibrary(library);
});

function inside(...command: string[]): string {
  const args = [`--net=/run/netns/${NAMESPACE}`, ...command];
  return execFileSync('nsenter', args, { encoding: 'utf8' });
}

/** Runs a script inside the namespace; gives what it said. */
function run(body: string): unknown {
  const script = `
    import { execFileSync } from 'node:child_process';
    import { rmSync } from 'node:fs';
    import { BpfLink, BpfObject, detachTc, queryTc, queryXdp, xdpContext } from ${JSON.stringify(library)};
    const object = BpfObject.open(${JSON.stringify(path)});
    object.load();
    const program = (name) => object.program(name);
    const idOf = (name) => program(name).info.id;
    const seen = (index) => Number(object.map('seen').lookup(Buffer.from([index, 0, 0, 0])).readBigUInt64LE());
    // Not /sys: in here that still shows the namespace it was mounted in.
    const one = Number(/^(\\d+): one@/m.exec(execFileSync('ip', ['link', 'show', 'dev', 'one'], { encoding: 'utf8' }))[1]);
    const two = Number(/^(\\d+): two@/m.exec(execFileSync('ip', ['link', 'show', 'dev', 'two'], { encoding: 'utf8' }))[1]);
    // Frames that arrive on one: sent out of two, which is where XDP_TX with that context goes.
    const send = (repeat = 1) => program('xdp_transmit').testRun({
      data: Buffer.alloc(64, 0xff), ctx: xdpContext({ length: 64, ifindex: two }), repeat, live: true });
    const settle = () => new Promise((resolve) => setTimeout(resolve, 100));
    const errorOf = (call) => { try { call(); } catch (error) { return error; } return { code: 'none' }; };
    const pin = ${JSON.stringify(join(bpffs.path, 'link'))};
    const say = (value) => console.log(JSON.stringify(value));
    ${body}`;
  const args = [
    `--net=/run/netns/${NAMESPACE}`,
    process.execPath,
    '--input-type=module',
    '-e',
    script,
  ];
  const child = spawnSync('nsenter', args, { timeout: 60_000, encoding: 'utf8' });
  expect(child.stderr).toBe('');
  return JSON.parse(child.stdout);
}

describe('XDP', () => {
  for (const mode of ['native', 'generic']) {
    it(`attaches in ${mode} mode, and lets go`, () => {
      const result = run(`
        const before = queryXdp(one);
        const link = program('xdp_two').attachXdp(one, '${mode}');
        const info = link.info;
        const during = queryXdp(one);
        send(10);
        await settle();
        link.close();
        say({
          before,
          during: { mode: during.mode, ours: during.programId === idOf('xdp_two') },
          info: { ifindex: info.ifindex === one, program: info.programId === idOf('xdp_two') },
          saw: seen(1) >= 10,
          after: queryXdp(one),
        });`);
      expect(result).toEqual({
        before: { programId: 0, mode: 'none' },
        during: { mode, ours: true },
        info: { ifindex: true, program: true },
        saw: true,
        after: { programId: 0, mode: 'none' },
      });
    });
  }

  it('goes before all others in tcx, and lets go', () => {
    const result = run(`
      const link = program('tc_one').attachTcx(one, 'ingress');
      const info = link.info;
      link.update(program('tc_one'));
      link.detach();
      say({
        info: { ifindex: info.ifindex === one, program: info.programId === idOf('tc_one') },
        after: link.info.ifindex,
        device: errorOf(() => program('tc_one').attachTcx(99999, 'egress')).code,
        kind: errorOf(() => program('xdp_one').attachTcx(one, 'ingress')).code,
        direction: errorOf(() => program('tc_one').attachTcx(one, 'up')).code,
      });`);
    expect(result).toEqual({
      info: { ifindex: true, program: true },
      after: 0,
      device: 'ENODEV',
      kind: 'EINVAL',
      direction: 'EUSAGE',
    });
  });

  it('swaps programs in place', () => {
    const result = run(`
      const link = program('xdp_one').attachXdp(one, 'native');
      link.update(program('xdp_two'));
      say({
        ours: queryXdp(one).programId === idOf('xdp_two'),
        other: errorOf(() => link.update(program('tc_one'))).code,
        none: errorOf(() => link.update({})).code,
      });`);
    expect(result).toEqual({ ours: true, other: 'EINVAL', none: 'EUSAGE' });
  });

  it('stays by its pin when the process is gone', () => {
    expect(
      run(`
        const link = program('xdp_one').attachXdp(one, 'native');
        link.pin(pin);
        say(link.info.ifindex === one);
        process.kill(process.pid, 'SIGKILL');`),
    ).toBe(true);
    expect(
      run(`
        const link = BpfLink.adopt(pin);
        const attached = [queryXdp(one).mode, link.info.ifindex === one];
        link.detach();
        const detached = [queryXdp(one).mode, link.info.ifindex];
        rmSync(pin);
        say({ attached, detached });`),
    ).toEqual({ attached: ['native', true], detached: ['none', 0] });
  });

  it('goes with the process when it has no pin', () => {
    expect(run(`program('xdp_one').attachXdp(one, 'native'); say(queryXdp(one).mode);`)).toBe(
      'native',
    );
    expect(run('say(queryXdp(one).mode);')).toBe('none');
  });

  it('says when its interface is gone', () => {
    const result = run(`
      const link = program('xdp_one').attachXdp(one, 'native');
      execFileSync('ip', ['link', 'del', 'one']);
      say({ ifindex: link.info.ifindex, query: errorOf(() => queryXdp(one)).code });`);
    expect(result).toEqual({ ifindex: 0, query: 'ENODEV' });
  });

  it('is refused in coded words', () => {
    const result = run(`
      const link = program('xdp_one').attachXdp(one, 'native');
      const codes = {
        again: errorOf(() => program('xdp_two').attachXdp(one, 'native')).code,
        device: errorOf(() => program('xdp_two').attachXdp(99999, 'native')).code,
        kind: errorOf(() => program('tc_one').attachXdp(two, 'native')).code,
        mode: errorOf(() => program('xdp_two').attachXdp(two, 'fast')).code,
        ifindex: errorOf(() => program('xdp_two').attachXdp(0, 'native')).code,
        query: errorOf(() => queryXdp('one')).code,
      };
      link.close();
      link.close();
      say({ ...codes, closed: [() => link.info, () => link.detach(), () => link.pin(pin),
        () => link.update(program('xdp_two'))].map((call) => errorOf(call).code) });`);
    expect(result).toEqual({
      again: 'EBUSY',
      device: 'ENODEV',
      kind: 'EINVAL',
      mode: 'EUSAGE',
      ifindex: 'EUSAGE',
      query: 'EUSAGE',
      closed: ['ECLOSED', 'ECLOSED', 'ECLOSED', 'ECLOSED'],
    });
  });
});

describe('tc', () => {
  it('attaches, replaces, detaches on both sides', () => {
    const result = run(`
      const steps = {};
      for (const direction of ['ingress', 'egress']) {
        const place = { ifindex: one, direction, handle: 1, priority: 7 };
        const query = () => queryTc(place)?.programId;
        const before = query();
        program('tc_one').attachTc(place);
        const first = query() === idOf('tc_one');
        const taken = errorOf(() => program('tc_two').attachTc(place));
        program('tc_two').attachTc({ ...place, replace: true });
        const second = query() === idOf('tc_two');
        const detached = [detachTc(place), detachTc(place)];
        steps[direction] = { before: before ?? null, first, taken: taken.code,
          words: taken.message.includes('Kernel error message'), second, detached, after: query() ?? null };
      }
      say(steps);`);
    const expected = {
      before: null,
      first: true,
      taken: 'EEXIST',
      words: true,
      second: true,
      detached: [true, false],
      after: null,
    };
    expect(result).toEqual({ ingress: expected, egress: expected });
  });

  it('sees frames', () => {
    const result = run(`
      program('tc_one').attachTc({ ifindex: one, direction: 'ingress', handle: 1, priority: 1 });
      send(10);
      await settle();
      say(seen(2) >= 10);`);
    expect(result).toBe(true);
  });

  it('stays when the process is gone', () => {
    const place = "{ ifindex: one, direction: 'ingress', handle: 3, priority: 9 }";
    const first = run(`program('tc_one').attachTc(${place}); say(idOf('tc_one'));`);
    expect(run(`say(queryTc(${place}));`)).toEqual({ programId: first });
    expect(inside('tc', 'filter', 'show', 'dev', 'one', 'ingress')).toContain('tc_one');
  });

  it('tells a wrong place', () => {
    const result = run(`
      const place = { ifindex: one, direction: 'ingress', handle: 1, priority: 1 };
      const attach = (change) => errorOf(() => program('tc_one').attachTc({ ...place, ...change })).code;
      say({
        nothing: [queryTc(place) === undefined, detachTc(place)],
        device: attach({ ifindex: 99999 }),
        direction: attach({ direction: 'sideways' }),
        handle: attach({ handle: 0 }),
        priority: attach({ priority: 65536 }),
        kind: errorOf(() => program('xdp_one').attachTc(place)).code,
        detach: errorOf(() => detachTc({ ...place, priority: -1 })).code,
        query: errorOf(() => queryTc({ ...place, ifindex: 'one' })).code,
      });`);
    expect(result).toEqual({
      nothing: [true, false],
      device: 'ENODEV',
      direction: 'EUSAGE',
      handle: 'EUSAGE',
      priority: 'EUSAGE',
      kind: 'EINVAL',
      detach: 'EUSAGE',
      query: 'EUSAGE',
    });
  });
});
