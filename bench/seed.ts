/**
 * What is replaced: a kernel bridge whose frames go through iptables (legacy), ipset and conntrack, with
 * the rules of L. Carbone, "Linux BridgeWall" (INFN Milano-Bicocca, 2008), chain by chain.
 */
/** A screened host, and who may reach what of it. */
export interface SeedHost {
  readonly address: string;
  /** Services, `tcp:443`. */
  readonly services: readonly string[];
  /** Networks; a set takes none of length 0. */
  readonly clients: readonly string[];
}

/** Further entries of the sets, and what they hold. */
export interface SeedExtras {
  readonly family?: 'inet' | 'inet6';
  /** Members of hostDeny. */
  readonly denied?: readonly string[];
  /** Of tcpIN: address, service and network of each. */
  readonly allowed?: Iterable<string>;
  /** Elements that a set has room for. */
  readonly room?: number;
}

/** Its sets, for `ipset restore`: one screened host. */
export function seedSets(
  { address, services, clients }: SeedHost,
  { family = 'inet', denied = [], allowed: more = [], room = 65536 }: SeedExtras = {},
): string {
  const allowed = services.flatMap((service) =>
    clients.map((net) => `add ${service.slice(0, 3)}IN ${address},${service},${net}`),
  );
  const size = `family ${family} maxelem ${room}`;
  return [
    `create ScreenedHosts hash:ip ${size}`,
    `create hostDeny hash:ip ${size}`,
    'create portDeny bitmap:port range 0-65535',
    ...['tcpIN', 'udpIN', 'tcpOUT', 'udpOUT'].map(
      (set) => `create ${set} hash:ip,port,net ${size}`,
    ),
    `add ScreenedHosts ${address}`,
    ...allowed,
    ...denied.map((one) => `add hostDeny ${one}`),
    ...Array.from(more, (one) => `add tcpIN ${one}`),
    '',
  ].join('\n');
}

/**
 * Its chains, for `iptables-legacy-restore`.
 *
 * @param log what its rules log by
 */
export function seedRules(uplink: string, log = 'LOG'): string {
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
    `-A LOG_DENY -j ${log}`,
    '-A LOG_DENY -j DROP',
    '-A LOG_DROP -m set ! --match-set hostDeny src -j SET --add-set hostDeny src',
    `-A LOG_DROP -j ${log}`,
    '-A LOG_DROP -j DROP',
    'COMMIT',
    '',
  ].join('\n');
}
