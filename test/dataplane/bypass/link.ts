/** Below IP: tags, other link layers around IP, ARP, addresses of the link. */
import {
  arp,
  BROADCAST_MAC,
  ether,
  frame,
  ieee8023,
  type Layer,
  raw,
  vlan,
} from '../../packet/index.js';
import { link, mail, type Sending, stranger, tagged } from '../fixtures/actors.js';
import { SELF_MAC } from '../fixtures/link.js';
import { CUT_TAGS } from './published.js';
import { altered, CONTRABAND, cutTo, hex, range, type Trick, tricksOf } from './trick.js';

const TAGS: readonly { what: string; tags: readonly Layer[] }[] = [
  { what: 'a VLAN tag', tags: [vlan(10)] },
  { what: 'the VLAN tag of the native VLAN', tags: [vlan(1)] },
  { what: 'the highest VLAN', tags: [vlan(4095)] },
  { what: 'a priority tag', tags: [vlan(0, { priority: 7 })] },
  { what: 'a tag that may be dropped', tags: [vlan(10, { dei: true })] },
  { what: 'a service tag', tags: [vlan(10, { tpid: 0x88a8 })] },
  { what: 'an old service tag', tags: [vlan(10, { tpid: 0x9100 })] },
  { what: 'QinQ', tags: [vlan(10, { tpid: 0x88a8 }), vlan(20)] },
  { what: 'QinQ of two customer tags', tags: [vlan(1), vlan(10)] },
  { what: 'QinQ the wrong way round', tags: [vlan(10), vlan(20, { tpid: 0x88a8 })] },
  { what: 'QinQ with old tags', tags: [vlan(10, { tpid: 0x9100 }), vlan(20, { tpid: 0x9100 })] },
  { what: 'a priority tag in a priority tag', tags: [vlan(0), vlan(0)] },
  { what: 'three tags', tags: [vlan(1), vlan(2), vlan(3)] },
  { what: 'four tags', tags: [vlan(1), vlan(2), vlan(3), vlan(4)] },
];

function vlans(): Trick[] {
  const of = tricksOf('VLAN');
  return TAGS.flatMap(({ what, tags }) =>
    CONTRABAND.map((c) => of(`${c.what} behind ${what}`, c.of(tagged(stranger, ...tags)))),
  );
}

/** No driver hands tc a frame that ends within its tags. */
function cutTags(): Trick[] {
  const of = tricksOf(CUT_TAGS);
  const [once, twice] = [tagged(stranger, 10), tagged(stranger, vlan(10, { tpid: 0x88a8 }), 20)];
  return [
    ...range(14, 17).map((n) => of(`cut after ${n} bytes, in its tag`, cutTo(v4of(once), n))),
    ...range(18, 21).map((n) =>
      of(`cut after ${n} bytes, in its second tag`, cutTo(v4of(twice), n)),
    ),
  ];
}

const v4of = (from: typeof stranger): Sending => CONTRABAND[0]!.of(from);

/** Ethertypes that something on a host may take IP out of, or that a wall might not know. */
const ETHERTYPES: readonly [number, string][] = [
  [0x0000, 'no ethertype at all'],
  [0x0600, 'XNS'],
  [0x0801, 'X.75'],
  [0x0805, 'X.25'],
  [0x0842, 'wake-on-LAN'],
  [0x6000, 'DEC'],
  [0x6558, 'transparent Ethernet bridging'],
  [0x6559, 'raw frame relay'],
  [0x8035, 'RARP'],
  [0x809b, 'AppleTalk'],
  [0x8137, 'IPX'],
  [0x880b, 'PPP'],
  [0x884c, 'multiprotocol over ATM'],
  [0x8847, 'MPLS'],
  [0x8848, 'MPLS multicast'],
  [0x8863, 'PPPoE discovery'],
  [0x8864, 'PPPoE'],
  [0x888e, '802.1X, to a host'],
  [0x88a2, 'ATA over Ethernet'],
  [0x88b5, 'local experiments'],
  [0x88cc, 'LLDP, to a host'],
  [0x88e5, 'MACsec'],
  [0x88e7, 'provider backbone bridging'],
  [0x88f7, 'PTP'],
  [0x8906, 'FCoE'],
  [0x8915, 'RoCE'],
  [0x893a, '802.21'],
  [0x894f, 'network service header'],
  [0x9000, 'loopback'],
  [0x9200, 'a tag that is none of the known'],
  [0x9300, 'another one'],
  [0xb7ea, 'an EtherIP address'],
  [0xffff, 'a reserved number'],
];

function ethertypes(): Trick[] {
  const of = tricksOf('another link layer');
  const ip = CONTRABAND[0]!.of().frame.subarray(14);
  const direct = ETHERTYPES.map(([type, name]) =>
    of(
      `IPv4 under ethertype ${hex(type)}, ${name}`,
      link(stranger, mail.mac, raw(ip, { ethertype: type })),
    ),
  );
  const behindTag = [0x8847, 0x8864, 0x6558].map((type) =>
    of(
      `IPv4 under ethertype ${hex(type)}, behind a VLAN tag`,
      link(tagged(stranger, 10), mail.mac, raw(ip, { ethertype: type })),
    ),
  );
  const labels = [1, 2, 3].map((count) => {
    const stack = range(1, count).map((n) =>
      Buffer.from([0, 0, (16 + n) << 4, n === count ? 0x3f : 0x3e]),
    );
    const below = Buffer.concat([...stack.map((label) => label.subarray(0, 4)), ip]);
    return of(
      `IPv4 under a stack of ${count} MPLS labels`,
      link(stranger, mail.mac, raw(below, { ethertype: 0x8847 })),
    );
  });
  const ppp = Buffer.concat([Buffer.from('110000010030', 'hex'), Buffer.from('0021', 'hex'), ip]);
  return [
    ...direct,
    ...behindTag,
    ...labels,
    of('IPv4 in a PPPoE session', link(stranger, mail.mac, raw(ppp, { ethertype: 0x8864 }))),
  ];
}

function llc(): Trick[] {
  const of = tricksOf('802.3');
  const ip = CONTRABAND[0]!.of().frame.subarray(14);
  const ip6 = CONTRABAND[2]!.of().frame.subarray(14);
  const ends = { src: stranger.mac, dst: mail.mac };
  const form = (what: string, header: string, body: Buffer, length?: number): Trick =>
    of(what, {
      from: stranger,
      frame: frame(
        ieee8023({ ...ends, llc: header, ...(length === undefined ? {} : { length }) }),
        body,
      ),
    });
  const asked = arp({ senderMac: stranger.mac, sender: stranger.ip, target: mail.ip });
  return [
    form('IPv4 in SNAP', 'aaaa030000000800', ip),
    form('IPv6 in SNAP', 'aaaa0300000086dd', ip6),
    form('ARP in SNAP', 'aaaa030000000806', frame(asked)),
    form('IPv4 in SNAP with the bridge tunnel code', 'aaaa030000f80800', ip),
    form('IPv6 in SNAP with the bridge tunnel code', 'aaaa030000f886dd', ip6),
    form('IPv4 in SNAP under another organisation', 'aaaa03aabbcc0800', ip),
    form('a VLAN tag in SNAP', 'aaaa0300000081000800', ip),
    form('IPv4 under its own LLC number', '060603', ip),
    form('IPv4 in LLC without a number', '000003', ip),
    form('NetBEUI', 'f0f003', ip),
    form('IPX in LLC', 'e0e003', ip),
    form('IPv4 where a BPDU would be, to a host', '424203', ip),
    form('SNAP whose length says nothing follows', 'aaaa030000000800', ip, 0),
    form('SNAP whose length is the longest', 'aaaa030000000800', ip, 1500),
    form('a length that is neither that nor a type', 'aaaa030000000800', ip, 1535),
    form('SNAP cut short', 'aaaa0300', Buffer.alloc(0)),
    of('IPv4 in SNAP behind a VLAN tag', {
      from: stranger,
      frame: frame(
        ether({ ...ends, type: 0x8100 }),
        raw(Buffer.concat([Buffer.from('000a0040aaaa030000000800', 'hex'), ip])),
      ),
    }),
  ];
}

function macs(): Trick[] {
  const of = tricksOf('addresses of the link');
  const source = (mac: string, what: string): Trick[] =>
    CONTRABAND.slice(0, 3).map((c) => of(`${c.what} from ${what}`, c.of({ ...stranger, mac })));
  const to = (mac: string, what: string): Trick[] =>
    CONTRABAND.map((c) =>
      of(
        `${c.what} ${what}`,
        altered(c.of(), (bytes) => {
          Buffer.from(mac.replaceAll(':', ''), 'hex').copy(bytes, 0);
          return bytes;
        }),
      ),
    );
  return [
    ...source(BROADCAST_MAC, 'the broadcast address'),
    ...source('01:00:5e:00:00:01', 'a multicast address'),
    ...source('33:33:00:00:00:01', 'an IPv6 multicast address'),
    ...source('00:00:00:00:00:00', 'address zero'),
    ...to(BROADCAST_MAC, 'to everybody on the link'),
    ...to('01:00:5e:00:00:19', 'to a multicast address of the link'),
    ...to('01:80:c2:00:00:00', 'to the bridges'),
    ...to('01:80:c2:00:00:02', 'to the slow protocols'),
    ...to('01:80:c2:00:00:03', 'to the authenticators'),
    ...to('01:80:c2:00:00:0e', 'to the nearest bridge'),
    ...to('01:80:c2:00:00:0f', 'to a reserved address without a name'),
    ...to(SELF_MAC, 'to the wall itself'),
    ...to('02:00:00:00:ff:00', "to a port's own address"),
  ];
}

function arps(): Trick[] {
  const of = tricksOf('ARP');
  const asked = { senderMac: stranger.mac, sender: stranger.ip, target: mail.ip };
  const whole = link(stranger, BROADCAST_MAC, arp(asked));
  const odd = (what: string, fields: object) =>
    of(what, link(stranger, BROADCAST_MAC, arp({ ...asked, ...fields })));
  return [
    odd('ARP for another hardware', { hardware: 6 }),
    odd('ARP for another protocol', { protocol: 0x86dd }),
    odd('ARP with hardware addresses of 8 bytes', { hardwareLength: 8 }),
    odd('ARP with protocol addresses of 16 bytes', { protocolLength: 16 }),
    odd('ARP operation 0', { operation: 0 }),
    odd('reverse ARP under the ethertype of ARP', { operation: 3 }),
    odd('inverse ARP', { operation: 8 }),
    odd('an ARP sender that is everybody', { senderMac: BROADCAST_MAC }),
    odd('an ARP sender that is a group', { senderMac: '01:00:5e:00:00:01' }),
    ...range(14, 41).map((length) => of(`ARP cut after ${length} bytes`, cutTo(whole, length))),
  ];
}

function empty(): Trick[] {
  const of = tricksOf('nothing but a header');
  return [0x0800, 0x86dd, 0x0806, 0x88b5, 0x0000].map((type) =>
    of(
      `ethertype ${hex(type)} and not a byte more`,
      link(stranger, mail.mac, raw('', { ethertype: type })),
    ),
  );
}

export const LINK: readonly Trick[] = [
  ...vlans(),
  ...ethertypes(),
  ...llc(),
  ...macs(),
  ...arps(),
  ...empty(),
];

/** Those that the kernel drops before any hook of tc. */
export const LINK_BEFORE_TC: readonly Trick[] = cutTags();
