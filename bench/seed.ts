/**
 * What is replaced: a kernel bridge whose frames go through iptables (legacy), ipset and conntrack, with
 * the rules of L. Carbone, "Linux BridgeWall" (INFN Milano-Bicocca, 2008), chain by chain.
 */
import { command, type Path } from './cables.js';
import { opening, SERVER_MAC } from './frames.js';
import { CLIENTS, hostAddress, SERVICE_PORT } from './policy.js';
import { SEED } from './results.js';
import type { Subject } from './subjects.js';

/** Sends frames by a packet socket, each when the one before has long passed. */
const SENDER = `
import socket, sys, time
for line in sys.stdin:
    device, frame = line.split()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind((device, 0))
        out.send(bytes.fromhex(frame))
    time.sleep(0.005)
`;

/** The bridge with those rules; only its own frames reach them, not those of the plain bridge. */
export function seedBridge(path: Path): Subject {
  const name = path.enter.name.replace(/..$/, 'sb');
  const bridge = ['type', 'bridge', 'forward_delay', '0', 'nf_call_iptables', '1'];
  command('ip', ['link', 'add', name, ...bridge]);
  for (const port of [path.uplink, path.inside]) {
    command('ip', ['link', 'set', port.name, 'master', name]);
  }
  command('ip', ['link', 'set', name, 'up']);
  command('bridge', ['fdb', 'add', SERVER_MAC, 'dev', path.inside.name, 'master', 'static']);
  const services = [`tcp:${SERVICE_PORT}`, `udp:${SERVICE_PORT}`];
  const host = { address: hostAddress(0), services, clients: [CLIENTS] };
  command('ipset', ['restore'], seedSets(host));
  command('iptables-legacy-restore', [], seedRules(path.uplink.name));
  return {
    name: SEED,
    rules: 0,
    hosts: 1,
    path,
    instructions: null,
    installMs: null,
    connections: () => null,
    // Connections of the measurement before would fill the table (262,144 there as here).
    prime: () => {
      command('conntrack', ['-F']);
      const steps = [...opening('udp', 0), ...opening('tcp', 0)];
      const lines = steps.map(({ from, frame }) => {
        const device = from === 'uplink' ? path.enter : path.end;
        return `${device.name} ${frame.toString('hex')}`;
      });
      command('python3', ['-c', SENDER], `${lines.join('\n')}\n`);
    },
    close: () => command('ip', ['link', 'delete', name]),
  };
}

/** A screened host, and who may reach what of it. */
export interface SeedHost {
  readonly address: string;
  /** Services, `tcp:443`. */
  readonly services: readonly string[];
  /** Networks; a set takes none of length 0. */
  readonly clients: readonly string[];
}

/** Its sets, for `ipset restore`: one screened host. */
export function seedSets({ address, services, clients }: SeedHost): string {
  const allowed = services.flatMap((service) =>
    clients.map((net) => `add ${service.slice(0, 3)}IN ${address},${service},${net}`),
  );
  return [
    'create ScreenedHosts hash:ip',
    'create hostDeny hash:ip',
    'create portDeny bitmap:port range 0-65535',
    ...['tcpIN', 'udpIN', 'tcpOUT', 'udpOUT'].map((set) => `create ${set} hash:ip,port,net`),
    `add ScreenedHosts ${address}`,
    ...allowed,
    '',
  ].join('\n');
}

/** Its chains, for `iptables-legacy-restore`. */
export function seedRules(uplink: string): string {
  const foreign = `-m physdev --physdev-in ${uplink} -m set ! --match-set ScreenedHosts dst`;
  const fromInside = `-m physdev ! --physdev-in ${uplink}`;
  const toInside = `-m physdev ! --physdev-out ${uplink}`;
  const fresh = '-m state --state NEW';
  const services = ['tcp', 'udp'].flatMap((proto) => {
    const chain = proto.toUpperCase();
    return [
      `-A ${chain}SRC -m set --match-set ${proto}OUT src,dst,dst -j ACCEPT`,
      `-A ${chain}SRC -j LOG_DROP`,
      `-A ${chain}DST -m set --match-set ${proto}IN dst,dst,src -j ACCEPT`,
      `-A ${chain}DST -j LOG_DROP`,
    ];
  });
  return [
    '*raw',
    `-A PREROUTING ${foreign} -j NOTRACK`,
    `-A PREROUTING ${foreign} -j DROP`,
    'COMMIT',
    '*filter',
    ':FORWARD DROP',
    ...['TCPSRC', 'TCPDST', 'UDPSRC', 'UDPDST', 'LOG_DENY', 'LOG_DROP'].map((one) => `:${one} -`),
    '-A FORWARD -m state --state RELATED,ESTABLISHED -j ACCEPT',
    '-A FORWARD -m state --state INVALID -j DROP',
    `-A FORWARD ${fresh} -m set --match-set hostDeny src -j LOG_DENY`,
    `-A FORWARD ${fresh} -m set --match-set portDeny dst -j LOG_DENY`,
    `-A FORWARD -p tcp ${fresh} ${fromInside} -j TCPSRC`,
    `-A FORWARD -p tcp ${fresh} ${toInside} -j TCPDST`,
    `-A FORWARD -p udp ${fresh} ${fromInside} -j UDPSRC`,
    `-A FORWARD -p udp ${fresh} ${toInside} -j UDPDST`,
    `-A FORWARD -p icmp ${fromInside} -m icmp --icmp-type echo-request -j ACCEPT`,
    '-A FORWARD -j LOG_DROP',
    ...services,
    '-A LOG_DENY -j LOG',
    '-A LOG_DENY -j DROP',
    '-A LOG_DROP -m set ! --match-set hostDeny src -j SET --add-set hostDeny src',
    '-A LOG_DROP -j LOG',
    '-A LOG_DROP -j DROP',
    'COMMIT',
    '',
  ].join('\n');
}
