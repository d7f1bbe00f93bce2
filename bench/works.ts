/** Kinds of traffic, as data. */

/** What a frame looks like. */
export interface Shape {
  readonly family: 4 | 6;
  readonly proto: 'udp' | 'tcp';
  /** Bytes of the IP packet; the frame is padded to 60. */
  readonly length: number;
  /** VLAN id; 0: untagged. */
  readonly vlan: number;
}

/** What the frames are to a firewall. */
export type Kind =
  /** of connections that were opened before */
  | 'established'
  /** each opens a connection */
  | 'new'
  /** each would open one, and its source is in a deny set */
  | 'denied'
  /** likewise, and it is logged */
  | 'logged';

/** One kind of traffic. */
export interface Work {
  readonly name: string;
  readonly kind: Kind;
  readonly shape: Shape;
  /** Established connections that frames belong to in turn. */
  readonly flows: number;
  /** Every frame goes to the next screened host; only where there are many. */
  readonly spread: boolean;
}

const SMALL = { family: 4, length: 0, vlan: 0 } as const;
const UDP: Shape = { ...SMALL, proto: 'udp' };
const TCP: Shape = { ...SMALL, proto: 'tcp' };
const LARGE = 1500;
const VLAN = 7;

const work = (name: string, kind: Kind, shape: Shape, more: Partial<Work> = {}): Work => ({
  ...{ name, kind, shape, flows: 1, spread: false },
  ...more,
});

export const ESTABLISHED_UDP = work('established UDP', 'established', UDP);
export const ESTABLISHED_TCP = work('established TCP', 'established', TCP);
export const NEW_UDP = work('new UDP', 'new', UDP);
export const NEW_TCP = work('new TCP', 'new', TCP);
export const NEW_IN_TURN = work('new TCP, hosts in turn', 'new', TCP, { spread: true });
export const DENIED = work('denied', 'denied', TCP);
export const LOGGED = work('denied and logged', 'logged', TCP);

/** Small frames without a tag, of IPv4, by what they are to a firewall. */
export const PLAIN = [ESTABLISHED_UDP, ESTABLISHED_TCP, NEW_UDP, NEW_TCP, DENIED] as const;

/** Other frames than those. */
export const OTHER_SHAPES = [
  work('established TCP, IPv6', 'established', { ...TCP, family: 6 }),
  work('new TCP, IPv6', 'new', { ...TCP, family: 6 }),
  work('established TCP, VLAN', 'established', { ...TCP, vlan: VLAN }),
  work('new TCP, VLAN', 'new', { ...TCP, vlan: VLAN }),
  work('established UDP, 1,500 bytes', 'established', { ...UDP, length: LARGE }),
  work('established TCP, 1,500 bytes', 'established', { ...TCP, length: LARGE }),
] as const;

/** Established connections, so many at once. */
export function manyFlows(flows: number): readonly [Work, Work] {
  return [
    { ...ESTABLISHED_UDP, flows },
    { ...ESTABLISHED_TCP, flows },
  ];
}
