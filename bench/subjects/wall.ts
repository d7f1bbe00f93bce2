/** The wall in its three modes, set up by the code of its daemon. */
import { jiffiesPerSecond } from '../../native/lib/index.js';
import { DEFAULT_TIMEOUTS } from '../../src/control/config/index.js';
import {
  type AttachMode,
  attachAll,
  batches,
  Dataplane,
  Installer,
  Mirror,
  NO_POLICY_NUMBERS,
  type NumberedPort,
  PinSet,
  type Prepared,
  portNumbers,
  ruleCounts,
  Sets,
  UNKNOWN_FRAGS,
  writeNode,
  writePorts,
  writeTimeouts,
} from '../../src/control/dataplane/index.js';
import { renderRemoval, renderTable } from '../../src/control/netfilter/index.js';
import { Timeout } from '../../src/generated/layouts.js';
import { u32, u64 } from '../../test/native/words.js';
import { command, type Path } from '../cables.js';
import { denied } from '../denied.js';
import { type BenchPolicy, DENY_GROUP, MOST_DENIED } from '../policy.js';
import { WALLS } from '../results.js';
import { makeBridge } from './bare.js';
import { type LogReader, readLog } from './log-reader.js';
import type { Subject } from './subject.js';

/** Established connections that the wall has room for: its default. */
const MAX_STATES = 262_144;
/** Longer than any measurement: what was opened for it is there to its end. */
const PATIENCE = 3600;
/** Of the first; a group has one reader. */
const LOG_GROUP = 5;
/** More than there are frames: every one is logged. */
const EVERY_FRAME = 100_000_000;

/** What walls differ in. */
export interface WallOptions {
  readonly mode: AttachMode;
  readonly policy: BenchPolicy;
  readonly bpffs: string;
  /** Addresses that are denied, the one that denied frames come from among them. */
  readonly members: number;
  readonly maxStates?: number;
  /** Drops are logged, each: there is a bridge with the wall's own nft table behind it. */
  readonly logs?: boolean;
}

let made = 0;

/**
 * A wall as its daemon sets it up: the same loading, installing and attaching. It has the ports of all
 * paths; what is given to it by the first is measured.
 */
export async function wall(paths: readonly [Path, ...Path[]], o: WallOptions): Promise<Subject> {
  const { policy, mode } = o;
  const [path] = paths;
  const node = `wall${made++}`;
  const pins = new PinSet(o.bpffs, node);
  const maxRules = policy.rules + 2;
  const dataplane = Dataplane.open(pins, { maxStates: o.maxStates ?? MAX_STATES, maxRules });
  const ports = describe(dataplane, paths, o.logs === true);
  const installer = new Installer(dataplane, () => portNumbers(ports));
  const prepared = installer.prepare(policy.plan, 1, NO_POLICY_NUMBERS);
  const began = performance.now();
  installer.install(prepared);
  const installMs = performance.now() - began;
  const sets = await fillSet(dataplane, prepared, installer.current().slot, o.members);
  await attachAll(dataplane, ports, [], mode, {
    pins,
    keepVlanTags: async () => {},
    fragSupport: async () => UNKNOWN_FRAGS,
    mtuOf: () => 1500,
  });
  const log = o.logs ? await layLog(path, node, LOG_GROUP + made) : null;
  const judge = dataplane.program(mode === 'tc' ? 'tc_wall' : 'xdp_wall');
  return {
    name: WALLS[mode],
    hosts: policy.hosts,
    stateful: true,
    path,
    instructions: judge.info.verifiedInstructions,
    installMs,
    connections: async () => {
      const counts = await ruleCounts(dataplane, policy.rules + 1);
      return [...counts.values()].reduce((sum, { connections }) => sum + connections, 0);
    },
    refuses: ({ kind }) => (kind === 'logged' && log === null ? 'it logs nothing here' : null),
    // Half-open connections are in a table of their own, which never fills.
    forget: () => false,
    close: () => {
      log?.close();
      sets.close();
      dataplane.close();
      pins.remove();
    },
  };
}

/** Writes what the daemon would learn of the ports and the node. */
function describe(
  dataplane: Dataplane,
  paths: readonly Path[],
  logs: boolean,
): readonly NumberedPort[] {
  const { ports } = writePorts(
    dataplane,
    paths.flatMap(({ uplink, inside }) => [
      { ...uplink, side: 'uplink' as const, driver: 'veth' },
      { ...inside, side: 'inside' as const, driver: 'veth' },
    ]),
  );
  writeNode(dataplane, ports, {
    bridgeMac: '02:00:00:00:bb:01',
    logRate: logs ? EVERY_FRAME : 100,
    liberal: false,
    counters: false,
    reserved: { bpdu: 'forward', lldp: 'drop', lacp: 'drop', eapol: 'drop' },
  });
  writeTimeouts(dataplane, { ...DEFAULT_TIMEOUTS, udp: PATIENCE, 'udp-stream': PATIENCE });
  const patience = BigInt(PATIENCE * jiffiesPerSecond());
  dataplane.map('timeouts').update(u32(Timeout.FDB), u64(patience));
  const mirror = new Mirror(dataplane);
  for (const port of ports) mirror.write(port, { state: 'forwarding', carrier: true, mtu: 1500 });
  // No daemon renews the lease: it runs until long after the last measurement.
  mirror.believe(mirror.begin() + dataplane.clock.jiffies(86_400));
  return ports;
}

async function fillSet(
  dataplane: Dataplane,
  prepared: Prepared,
  slot: number,
  members: number,
): Promise<Sets> {
  const sets = Sets.open(dataplane);
  const bit = prepared.groupBits.get(DENY_GROUP);
  if (bit === undefined) return sets;
  await sets.fit(MOST_DENIED > members ? members : MOST_DENIED);
  const rules = { bit, max: MOST_DENIED, allowScreened: false, slot, ttlSeconds: null };
  for (const batch of batches({ width: 4, bytes: packed(members) })) {
    const { refusal } = await sets.change('add', batch, rules);
    if (refusal !== 0) throw new Error(`a member was refused: ${refusal}`);
  }
  return sets;
}

function packed(members: number): Uint8Array {
  const bytes = Buffer.alloc(members * 4);
  for (let i = 0; i < members; i++) bytes.writeUInt32BE(denied(i), i * 4);
  return bytes;
}

/** The bridge and the table that log what the wall hands on, and who reads it. */
async function layLog(path: Path, node: string, group: number): Promise<LogReader> {
  const bridge = makeBridge(path, false);
  const ports = [path.uplink.name, path.inside.name];
  command('nft', ['-f', '-'], renderTable({ node, ports, group }));
  const reader = await readLog(undefined, group);
  return {
    close: () => {
      reader.close();
      command('nft', ['-f', '-'], renderRemoval(node));
      command('ip', ['link', 'delete', bridge]);
    },
  };
}
