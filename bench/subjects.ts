/** What is measured: the wall in its three modes, and what it is compared with. */
import { type BpfLink, type BpfObject, xdpContext } from '../native/lib/index.js';
import {
  type AttachMode,
  attachAll,
  Dataplane,
  Installer,
  Mirror,
  NO_POLICY_NUMBERS,
  PinSet,
  portNumbers,
  ruleCounts,
  UNKNOWN_FRAGS,
  writeNode,
  writePorts,
  writeTimeouts,
} from '../src/control/dataplane/index.js';
import { command, type Path } from './cables.js';
import { opening, SERVER_MAC } from './frames.js';
import type { BenchPolicy } from './policy.js';

/** Established connections that the wall has room for: its default. */
const MAX_STATES = 262144;

/** Something that takes frames from the uplink to the inside. */
export interface Subject {
  readonly name: string;
  /** Rules of its policy; 0: it has none. */
  readonly rules: number;
  readonly hosts: number;
  readonly path: Path;
  /** As the verifier walked it; null: no program. */
  readonly instructions: number | null;
  /** Milliseconds that installing the policy took. */
  readonly installMs: number | null;
  /** Connections that its rules have counted; null: it has no rules. */
  connections(): Promise<number> | null;
  /** Lets the connections be established that the next measurement needs. */
  prime(): void;
  close(): void;
}

const bare = { rules: 0, hosts: 1, installMs: null } as const;
const stateless = { connections: () => null, prime: () => {} } as const;

/** The kernel's bridge with no firewall at all: no netfilter, the server's MAC in its table. */
export function plainBridge(path: Path): Subject {
  const name = path.enter.name.replace(/..$/, 'br');
  const families = ['iptables', 'ip6tables', 'arptables'];
  command('ip', ['link', 'add', name, 'type', 'bridge', 'forward_delay', '0']);
  const sysctls = families.map((family) => `net.bridge.bridge-nf-call-${family}=0`);
  command('sysctl', ['-qw', ...sysctls]);
  for (const port of [path.uplink, path.inside]) {
    command('ip', ['link', 'set', port.name, 'master', name]);
  }
  command('ip', ['link', 'set', name, 'up']);
  command('bridge', ['fdb', 'add', SERVER_MAC, 'dev', path.inside.name, 'master', 'static']);
  return {
    ...bare,
    ...stateless,
    name: 'kernel bridge',
    path,
    instructions: null,
    close: () => command('ip', ['link', 'delete', name]),
  };
}

/** An XDP program that redirects every frame to the other port by a devmap. */
export function bareXdp(path: Path, object: BpfObject): Subject {
  const program = object.program('bare_xdp');
  object.map('out_ports').update(u32(0), u32(path.inside.ifindex));
  const link = program.attachXdp(path.uplink.ifindex, 'native');
  return {
    ...bare,
    ...stateless,
    name: 'bare XDP redirect',
    path,
    instructions: program.info.verifiedInstructions,
    close: () => link.close(),
  };
}

/** A tc program that redirects every frame to the other port. */
export function bareTc(path: Path, object: BpfObject): Subject {
  const program = object.program('bare_tc');
  object.map('tc_out').update(u32(0), u32(path.inside.ifindex));
  let link: BpfLink | undefined;
  try {
    link = program.attachTcx(path.uplink.ifindex, 'ingress');
  } catch {
    // Before 6.6 only as a filter, which goes with its device.
    const place = { direction: 'ingress', handle: 1, priority: 1 } as const;
    program.attachTc({ ifindex: path.uplink.ifindex, ...place });
  }
  return {
    ...bare,
    ...stateless,
    name: 'bare tc redirect',
    path,
    instructions: program.info.verifiedInstructions,
    close: () => link?.close(),
  };
}

const MODE_NAMES: Readonly<Record<AttachMode, string>> = {
  xdp: 'wall, native XDP',
  generic: 'wall, generic XDP',
  tc: 'wall, tc',
};

/** A wall as its daemon sets it up: the same loading, installing and attaching. */
export async function wall(
  path: Path,
  mode: AttachMode,
  policy: BenchPolicy,
  bpffs: string,
): Promise<Subject> {
  const pins = new PinSet(bpffs, `${mode}-${policy.rules}`);
  const dataplane = Dataplane.open(pins, { maxStates: MAX_STATES });
  const { ports } = writePorts(dataplane, [
    { ...path.uplink, side: 'uplink', driver: 'veth' },
    { ...path.inside, side: 'inside', driver: 'veth' },
  ]);
  writeNode(dataplane, ports, {
    bridgeMac: '02:00:00:00:bb:01',
    logRate: 100,
    liberal: false,
    counters: false,
    reserved: { bpdu: 'forward', lldp: 'drop', lacp: 'drop', eapol: 'drop' },
  });
  writeTimeouts(dataplane);
  const mirror = new Mirror(dataplane);
  for (const port of ports) mirror.write(port, { state: 'forwarding', carrier: true, mtu: 1500 });
  // No daemon renews the lease: it runs until long after the last measurement.
  mirror.believe(mirror.begin() + dataplane.clock.jiffies(86_400));
  const installer = new Installer(dataplane, () => portNumbers(ports));
  const began = performance.now();
  installer.install(installer.prepare(policy.plan, 1, NO_POLICY_NUMBERS));
  const installMs = performance.now() - began;
  await attachAll(dataplane, ports, [], mode, {
    pins,
    keepVlanTags: async () => {},
    fragSupport: async () => UNKNOWN_FRAGS,
    mtuOf: () => 1500,
  });
  const judge = dataplane.program('xdp_wall');
  const pass = (proto: 'udp' | 'tcp') => {
    for (const { from, frame } of opening(proto, policy.hosts - 1)) {
      const ctx = xdpContext({ length: frame.length, ifindex: path[from].ifindex });
      judge.testRun({ data: frame, ctx });
    }
  };
  pass('tcp');
  return {
    name: MODE_NAMES[mode],
    rules: policy.rules,
    hosts: policy.hosts,
    path,
    instructions: dataplane.program(mode === 'tc' ? 'tc_wall' : 'xdp_wall').info
      .verifiedInstructions,
    installMs,
    connections: async () => {
      const counts = await ruleCounts(dataplane, policy.rules);
      return [...counts.values()].reduce((sum, { connections }) => sum + connections, 0);
    },
    // A UDP connection and learned addresses last minutes only.
    prime: () => pass('udp'),
    close: () => dataplane.close(),
  };
}

/** A 32-bit key or value of a map. */
export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
