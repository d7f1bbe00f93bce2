/**
 * Firewalls of netfilter, over br_netfilter, each in a network namespace of its own: the seed's rules,
 * nftables with sets of several fields, and iptables with a rule for everything. All of them look at
 * established connections first, and drop what nothing allows.
 */
import { commandIn, movePorts, type Path, type Space } from '../cables.js';
import { deniedText } from '../denied.js';
import { CLIENTS, CLIENTS6, hostAddress, hostAddress6, peersNet, SERVICE_PORT } from '../policy.js';
import { LINEAR, NFT, SEED } from '../results.js';
import { seedRules, seedSets } from '../seed.js';
import { makeSpace, removeSpace } from '../spaces.js';
import type { Work } from '../works.js';
import { makeBridge } from './bare.js';
import { type LogReader, readLog } from './log-reader.js';
import type { Subject } from './subject.js';

/** What they differ in. */
export interface FilterOptions {
  /** Services that some network may reach, the measured one among them. */
  readonly rules: number;
  /** Addresses that are denied, the one that denied frames come from among them. */
  readonly members: number;
  /** What is dropped is logged to NFLOG, and that is read. */
  readonly logs?: boolean;
}

const SERVICES = [`tcp:${SERVICE_PORT}`, `udp:${SERVICE_PORT}`];
const RULES_PER_HOST = 100;
const LOG_GROUP = 5;
const NFLOG = `NFLOG --nflog-group ${LOG_GROUP} --nflog-size 192 --nflog-threshold 32`;
/** Host 0 is asked for, and the only one that other rules are not about. */
const ASKED = 0;

/** Its rules and sets, put into a namespace. */
type Rules = (space: Space, path: Path, o: FilterOptions) => void;

async function filter(name: string, laid: Path, o: FilterOptions, rules: Rules): Promise<Subject> {
  const space = makeSpace();
  const path = movePorts(laid, space);
  makeBridge(path, true);
  const patience = ['udp_timeout', 'udp_timeout_stream'].map(
    (key) => `net.netfilter.nf_conntrack_${key}=3600`,
  );
  const tagged = 'net.bridge.bridge-nf-filter-vlan-tagged=1';
  rules(space, path, o);
  commandIn(space, 'sysctl', ['-qw', ...patience, tagged]);
  const log: LogReader | null = o.logs ? await readLog(space, LOG_GROUP) : null;
  return {
    name,
    hosts: 1,
    stateful: true,
    path,
    instructions: null,
    installMs: null,
    connections: () => null,
    refuses: ({ kind }: Work) =>
      kind === 'logged' && log === null ? 'it logs nothing here' : null,
    // New ones would fill the table (262,144 places there as here).
    forget: () => {
      commandIn(space, 'conntrack', ['-F']);
      return true;
    },
    close: () => {
      log?.close();
      removeSpace(space);
    },
  };
}

/** What is replaced: iptables (legacy), ipset and conntrack, with the rules of the talk. */
export function seedBridge(path: Path, o: FilterOptions): Promise<Subject> {
  return filter(SEED, path, o, (space, { uplink }, { rules, members, logs }) => {
    const room = Math.max(65536, rules, members);
    const four = { address: hostAddress(ASKED), services: SERVICES, clients: [CLIENTS] };
    const six = { address: hostAddress6(ASKED), services: SERVICES, clients: [CLIENTS6] };
    const allowed = others(rules, (host, port, net) => `${host},tcp:${port},${net}`);
    const sets = seedSets(four, { denied: deniedTexts(members), allowed, room });
    // Sets are of one family: those of IPv6 bear the same names with a 6.
    const sets6 = rename(seedSets(six, { family: 'inet6' }));
    commandIn(space, 'ipset', ['restore'], sets + sets6);
    const chains = seedRules(uplink.name, logs ? NFLOG : 'LOG');
    commandIn(space, 'iptables-legacy-restore', [], chains);
    const chains6 = chains
      .replace('-p icmp', '-p icmpv6')
      .replace('-m icmp --icmp-type', '-m icmp6 --icmpv6-type');
    commandIn(space, 'ip6tables-legacy-restore', [], rename(chains6));
  });
}

const SETS = /\b(ScreenedHosts|hostDeny|portDeny|(?:tcp|udp)(?:IN|OUT))\b/g;

function rename(text: string): string {
  return text.replace(SETS, '$16');
}

/** nftables: one set for what is allowed, another for who is denied. */
export function nftBridge(path: Path, o: FilterOptions): Promise<Subject> {
  return filter(NFT, path, o, (space, _, { rules, members, logs }) => {
    const own = (host: string, net: string) =>
      ['tcp', 'udp'].map((proto) => `${proto} . ${host} . ${SERVICE_PORT} . ${net}`);
    const more = others(rules, (host, port, net) => `tcp . ${host} . ${port} . ${net}`);
    const four = [...own(hostAddress(ASKED), CLIENTS), ...more];
    const log = logs ? `log group ${LOG_GROUP} snaplen 192 queue-threshold 32` : '';
    const table = (family: 'ip' | 'ip6', allowed: readonly string[], denied: readonly string[]) => `
table ${family} firewall {
  set allowed {
    type inet_proto . ${addressType(family)} . inet_service . ${addressType(family)}
    flags interval
    elements = { ${allowed.join(', ')} }
  }
  set denied {
    type ${addressType(family)}
    size ${Math.max(65536, members)}
    ${denied.length === 0 ? '' : `elements = { ${denied.join(', ')} }`}
  }
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    ct state invalid drop
    ${family} saddr @denied ${log} drop
    meta l4proto . ${family} daddr . th dport . ${family} saddr @allowed accept
    ${log} drop
  }
}
`;
    const text =
      table('ip', four, deniedTexts(members)) +
      table('ip6', own(hostAddress6(ASKED), CLIENTS6), []);
    commandIn(space, 'nft', ['-f', '-'], text);
  });
}

function addressType(family: 'ip' | 'ip6'): string {
  return family === 'ip' ? 'ipv4_addr' : 'ipv6_addr';
}

/** iptables alone: a rule for every denied address and one for every service; what is asked for comes last. */
export function linearBridge(path: Path, o: FilterOptions): Promise<Subject> {
  return filter(LINEAR, path, o, (space, _, { rules, members, logs }) => {
    const rule = (host: string, proto: string, port: number, net: string) =>
      `-A FORWARD -s ${net} -d ${host} -p ${proto} -m ${proto} --dport ${port} -j ACCEPT`;
    const own = (host: string, net: string) =>
      ['tcp', 'udp'].map((proto) => rule(host, proto, SERVICE_PORT, net));
    const refuse = (source: string) => `-A FORWARD -s ${source} -j ${logs ? 'REFUSE' : 'DROP'}`;
    const chains = (denied: readonly string[], allowed: Iterable<string>) => [
      ...['*filter', ':FORWARD DROP', ':REFUSE -', `-A REFUSE -j ${NFLOG}`, '-A REFUSE -j DROP'],
      '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      '-A FORWARD -m conntrack --ctstate INVALID -j DROP',
      ...denied.toReversed().map(refuse),
      ...allowed,
      'COMMIT',
      '',
    ];
    const more = others(rules, (host, port, net) => rule(host, 'tcp', port, net));
    const four = chains(deniedTexts(members), [...more, ...own(hostAddress(ASKED), CLIENTS)]);
    commandIn(space, 'iptables-legacy-restore', [], four.join('\n'));
    const six = chains([], own(hostAddress6(ASKED), CLIENTS6));
    commandIn(space, 'ip6tables-legacy-restore', [], six.join('\n'));
  });
}

function deniedTexts(members: number): string[] {
  return Array.from({ length: members }, (_, i) => deniedText(i));
}

/** All rules but the one that is asked for. */
function* others(rules: number, of: (host: string, port: number, net: string) => string) {
  for (let i = 1; i < rules; i++) {
    const host = ASKED + 1 + Math.floor(i / RULES_PER_HOST);
    yield of(hostAddress(host), 2000 + (i % RULES_PER_HOST), peersNet(i));
  }
}
