/** Which XDP program a port gets, and what `auto` makes of frames of several buffers. */
import { existsSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { queryXdp } from '../../native/lib/index.js';
import { detachLinks } from '../../src/control/dataplane/attach.js';
import {
  attachAll,
  detachTcProgram,
  PinSet,
  tellFrags,
} from '../../src/control/dataplane/index.js';
import type { AttachWish } from '../../src/control/dataplane/mode.js';
import { frameLimits, type NumberedPort } from '../../src/control/dataplane/ports.js';
import { layCables } from './harness/network.js';
import { TestWall } from './harness/wall.js';

const BPFFS = '/sys/fs/bpf';
const pins = new PinSet(BPFFS, `attach-test-${process.pid}`);

let wall: TestWall;
let ports: NumberedPort[];

beforeAll(() => {
  const cables = layCables(9000);
  wall = new TestWall(cables);
  // As if it were a NIC: a veth is never tried by `auto`.
  ports = cables.map((port, number) => ({ ...port, number, driver: 'mlx5_core' }));
  pins.prepare('tag');
});

afterEach(() => {
  detachLinks(pins);
  for (const { ifindex } of ports) detachTcProgram(ifindex);
});

afterAll(() => {
  pins.remove();
  if (existsSync(pins.directory)) rmdirSync(pins.directory);
  expect(existsSync(join(BPFFS, `attach-test-${process.pid}`))).toBe(false);
  wall.close();
});

const attach = (wish: AttachWish, mtu: number, support: { takes: boolean; sends: boolean }) =>
  attachAll(wall.dataplane, ports, [], wish, {
    pins,
    keepVlanTags: async () => {},
    fragSupport: async () => support,
    mtuOf: () => mtu,
  });

/** The XDP programs of all ports, by name. */
function programs(): string[] {
  const named = ['xdp_wall', 'xdp_wall_frags'].map(
    (name) => [wall.program(name).info.id, name] as const,
  );
  const names = new Map<number | undefined, string>(named);
  const found = ports.map(({ ifindex }) => {
    const { mode, programId } = queryXdp(ifindex);
    return mode === 'none' ? 'none' : `${mode} ${names.get(programId)}`;
  });
  return [...new Set(found)];
}

it('takes several buffers in native mode, and one in generic mode', async () => {
  await attach('xdp', 9000, { takes: true, sends: true });
  expect(programs()).toEqual(['native xdp_wall_frags']);
  detachLinks(pins);
  await attach('generic', 9000, { takes: true, sends: true });
  expect(programs()).toEqual(['generic xdp_wall']);
});

it('takes tc by itself where frames would come that XDP cannot send', async () => {
  const { mode, why } = await attach('auto', 9000, { takes: true, sends: false });
  expect(mode).toBe('tc');
  const [from, to] = [ports[0]!.name, ports[1]!.name];
  const trouble = `frames from ${from} (MTU 9000) may take several buffers, which XDP cannot send by ${to}`;
  expect([...why.values()]).toEqual(ports.map(() => `tc: ${trouble}`));
  expect(programs()).toEqual(['none']);
});

it.each([
  ['every port sends them', 9000, { takes: true, sends: true }],
  ['no driver has such', 3000, { takes: false, sends: false }],
  ['no frame is that long', 1500, { takes: true, sends: false }],
] as const)('takes native XDP by itself where %s', async (_, mtu, support) => {
  expect((await attach('auto', mtu, support)).mode).toBe('xdp');
  expect(programs()).toEqual(['native xdp_wall_frags']);
});

it('does as it is told, and tells the packet path what drivers can', async () => {
  expect((await attach('xdp', 9000, { takes: true, sends: false })).mode).toBe('xdp');
  const told = () => frameLimits(wall.dataplane, ports).map(({ takes, sends }) => [takes, sends]);
  expect(told()).toEqual(ports.map(() => [true, false]));
  await tellFrags(wall.dataplane, ports, {
    fragSupport: async () => ({ takes: true, sends: true }),
  });
  expect(told()).toEqual(ports.map(() => [true, true]));
});
