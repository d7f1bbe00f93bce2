/** What costs least: programs that redirect, and a bridge without a firewall. */
import type { BpfLink, BpfObject } from '../../native/lib/index.js';
import { u32 } from '../../test/native/words.js';
import { command, commandIn, type Path } from '../cables.js';
import { SERVER_MAC } from '../frames.js';
import { BARE_TC, BARE_XDP, BRIDGE } from '../results.js';
import { passesAll, type Subject, stateless } from './subject.js';

/** A bridge between the two ports of a path, with the server's MAC in its table. */
export function makeBridge({ uplink, inside }: Path, netfilter: boolean): string {
  const { name: port, space } = uplink;
  const name = port.replace(/..$/, 'br');
  const ip = (...args: string[]) => commandIn(space, 'ip', args);
  const calls = netfilter ? ['nf_call_iptables', '1', 'nf_call_ip6tables', '1'] : [];
  ip('link', 'add', name, 'type', 'bridge', 'forward_delay', '0', 'mcast_snooping', '0', ...calls);
  for (const device of [uplink, inside]) ip('link', 'set', device.name, 'master', name);
  ip('link', 'set', name, 'up');
  commandIn(space, 'bridge', ['fdb', 'add', SERVER_MAC, 'dev', inside.name, 'master', 'static']);
  return name;
}

/** The kernel's bridge with no firewall at all: no netfilter, the server's MAC in its table. */
export function plainBridge(path: Path): Subject {
  const families = ['iptables', 'ip6tables', 'arptables'];
  const name = makeBridge(path, false);
  const sysctls = families.map((family) => `net.bridge.bridge-nf-call-${family}=0`);
  command('sysctl', ['-qw', ...sysctls]);
  return {
    ...stateless,
    name: BRIDGE,
    path,
    instructions: null,
    refuses: passesAll,
    close: () => command('ip', ['link', 'delete', name]),
  };
}

/** An XDP program that redirects every frame to the other port by a devmap. */
export function bareXdp(path: Path, object: BpfObject): Subject {
  const program = object.program('bare_xdp');
  object.map('out_ports').update(u32(0), u32(path.inside.ifindex));
  const link = program.attachXdp(path.uplink.ifindex, 'native');
  return {
    ...stateless,
    name: BARE_XDP,
    path,
    instructions: program.info.verifiedInstructions,
    refuses: passesAll,
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
    ...stateless,
    name: BARE_TC,
    path,
    instructions: program.info.verifiedInstructions,
    refuses: passesAll,
    close: () => link?.close(),
  };
}
