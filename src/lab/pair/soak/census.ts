/**
 * What goes into the segments of a pair and what comes out: frames of IPv4, ARP and IPv6 that the two hosts send.
 * Probes and announcements are the nodes' own and have other ethertypes; switches have addresses of their own.
 */
import { LabError, type Namespace } from '../../netns.js';
import { CLIENT, NODES, type PairNet, SERVER } from '../pair-net.js';

/** The segments that hosts live on. */
export const SIDES = ['uplink', 'inside'] as const;
export type Side = (typeof SIDES)[number];

/** Frames since the census began, of what the host of one side has sent. */
export interface Crossing {
  readonly sent: number;
  /** What both nodes have put into the segment of the other side. */
  readonly crossed: number;
  /** What the host there was given. */
  readonly arrived: number;
}

/** By the side that frames come from. */
export type Crossings = Readonly<Record<Side, Crossing>>;

type Counter = 'sent' | 'crossed' | 'arrived';

/** Behind tc, where faults are: what a broken cable swallows is not counted. */
const RULES = [
  'table netdev census {',
  ...['sent', 'crossed', 'arrived'].map((name) => `  counter ${name} {}`),
  chain('sent', 'ingress', ['host']),
  chain('crossed', 'ingress', NODES),
  chain('arrived', 'egress', ['host']),
  '}',
].join('\n');

function chain(counter: Counter, hook: string, devices: readonly string[]): string {
  const where = `devices = { ${devices.join(', ')} }`;
  return `  chain ${counter} {
    type filter hook ${hook} ${where} priority 0
    meta protocol { ip, arp, ip6 } ether saddr { ${CLIENT.mac}, ${SERVER.mac} } counter name ${counter}
  }`;
}

export class Census {
  readonly #switches: Readonly<Record<Side, Namespace>>;

  /** Begins to count. */
  constructor(net: PairNet) {
    this.#switches = { uplink: net.switches.uplink, inside: net.switches.inside };
    for (const side of SIDES) this.#switches[side].exec('nft', RULES);
  }

  /**
   * The counts of now. Two readings of two switches are never of one moment; so the frames of a time are at most
   * as many as it says between a `first` reading and one that is not.
   */
  async read(first = false): Promise<Crossings> {
    const one = await this.#readAll();
    const two = await this.#readAll();
    const [outs, ins] = first ? [two, one] : [one, two];
    const of = (side: Side, other: Side) => ({
      sent: ins[side].sent,
      crossed: outs[other].crossed,
      arrived: outs[other].arrived,
    });
    return { uplink: of('uplink', 'inside'), inside: of('inside', 'uplink') };
  }

  async #readAll(): Promise<Record<Side, Record<Counter, number>>> {
    const [uplink, inside] = await Promise.all(SIDES.map((side) => this.#readOf(side)));
    return { uplink: uplink!, inside: inside! };
  }

  async #readOf(side: Side): Promise<Record<Counter, number>> {
    const { status, stdout, stderr } = await this.#switches[side].run([
      ...['nft', '-j', 'list', 'counters', 'table', 'netdev', 'census'],
    ]);
    if (status !== 0) throw new LabError('COMMAND', `nft: ${stderr.trim()}`);
    const { nftables } = JSON.parse(stdout) as {
      nftables: { counter?: { name: Counter; packets: number } }[];
    };
    const counts = { sent: 0, crossed: 0, arrived: 0 };
    for (const { counter } of nftables) if (counter) counts[counter.name] = counter.packets;
    return counts;
  }
}
