/** Links of this network namespace: what there is, and what is to change. */
import { AttributeWriter, Family, NetlinkConnection, NetlinkError } from '../netlink/index.js';
import {
  AddressFamily,
  addressHeader,
  BridgeAttribute,
  decodeAddress,
  decodeDefaultRoute,
  decodeLink,
  FLOOD_PORT,
  InfoAttribute,
  type Link,
  type LinkAddress,
  LinkAttribute,
  LinkFlag,
  linkHeader,
  MessageType,
  macBytes,
  PortAttribute,
  routeHeader,
  XdpAttribute,
  XdpFlag,
} from './link-codec.js';

const CREATE = 0x400;
const EXCLUSIVE = 0x200;
const VETH_PEER = 1;
const SKIP_STATS = 8;

/** Asks for all links, without what they have counted. */
const LISTING = Buffer.concat([
  linkHeader(AddressFamily.UNSPEC, 0),
  new AttributeWriter().u32(LinkAttribute.EXT_MASK, SKIP_STATS).finish(),
]);

/** What it takes to speak of a link. */
export type LinkName = Pick<Link, 'name' | 'ifindex'>;

/**
 * rtnetlink of the namespace that the process is in. sysfs is never asked: under `nsenter` it shows
 * another namespace. Methods throw NetlinkError.
 */
export class Links implements Disposable {
  readonly #connection = new NetlinkConnection(Family.ROUTE);
  readonly #onBridgeMade: (bridge: Link) => void;
  /** What the last listing said: most of the next says the same. */
  #listed: readonly { readonly payload: Buffer; readonly link: Link | undefined }[] = [];

  /** @param onBridgeMade told of every bridge that `createBridge` has made */
  constructor(onBridgeMade: (bridge: Link) => void = () => {}) {
    this.#onBridgeMade = onBridgeMade;
  }

  async list(): Promise<Link[]> {
    const messages = await this.#connection.dump('listing links', MessageType.GET_LINK, LISTING);
    const before = this.#listed;
    this.#listed = messages.map(({ payload }, i) => {
      const known = before[i];
      if (known?.payload.equals(payload)) return known;
      return { payload, link: decodeLink(payload) };
    });
    return this.#listed.flatMap(({ link }) => link ?? []);
  }

  async find(name: string): Promise<Link | undefined> {
    return (await this.list()).find((link) => link.name === name);
  }

  async addresses(): Promise<LinkAddress[]> {
    const messages = await this.#connection.dump(
      'listing addresses',
      MessageType.GET_ADDRESS,
      addressHeader(),
    );
    return messages.flatMap((message) => decodeAddress(message.payload) ?? []);
  }

  /** ifindexes that a default route of either family leaves by, in any routing table. */
  async defaultRoutes(): Promise<Set<number>> {
    const found = new Set<number>();
    for (const family of [AddressFamily.INET, AddressFamily.INET6]) {
      const messages = await this.#connection.dump(
        'listing routes',
        MessageType.GET_ROUTE,
        routeHeader(family),
      );
      for (const { payload } of messages) {
        for (const ifindex of decodeDefaultRoute(payload)) found.add(ifindex);
      }
    }
    return found;
  }

  /** A bridge that sends nothing of its own but, with `stp`, BPDUs: no multicast snooping; still down. */
  async createBridge(name: string, stp = false): Promise<Link> {
    const body = new AttributeWriter().text(LinkAttribute.NAME, name);
    await this.#link(
      `creating bridge ${name}`,
      0,
      withBridgeData(body, (data) => quietBridge(data, stp)),
      CREATE | EXCLUSIVE,
    );
    const bridge = await this.find(name);
    if (bridge === undefined) throw new NetlinkError(`finding ${name}`, 'ENODEV');
    this.#onBridgeMade(bridge);
    return bridge;
  }

  /** A bridge whose frames pass the hooks of IPv4 and IPv6; still down. */
  async createSideBridge(name: string): Promise<void> {
    const body = withBridgeData(new AttributeWriter().text(LinkAttribute.NAME, name), (data) => {
      quietBridge(data, false);
      data.u8(BridgeAttribute.CALL_IPTABLES, 1).u8(BridgeAttribute.CALL_IP6TABLES, 1);
    });
    await this.#link(`creating bridge ${name}`, 0, body, CREATE | EXCLUSIVE);
  }

  /** Two ends of a cable; still down. */
  async createPair(name: string, peer: string, mtu: number): Promise<void> {
    const end = (name: string) =>
      new AttributeWriter().text(LinkAttribute.NAME, name).u32(LinkAttribute.MTU, mtu);
    const far = Buffer.concat([linkHeader(AddressFamily.UNSPEC, 0), end(peer).finish()]);
    const body = end(name).nest(LinkAttribute.INFO, (info) => {
      info.text(InfoAttribute.KIND, 'veth');
      info.nest(InfoAttribute.DATA, (data) => data.bytes(VETH_PEER, far));
    });
    await this.#link(`creating ${name}`, 0, body, CREATE | EXCLUSIVE);
  }

  async setMtu(link: LinkName, mtu: number): Promise<void> {
    const body = new AttributeWriter().u32(LinkAttribute.MTU, mtu);
    await this.#link(`setting the MTU of ${link.name}`, link.ifindex, body);
  }

  /**
   * Turns multicast snooping and VLAN filtering of an existing bridge off, and STP on or off. What
   * an operator set for STP, such as its timers, stays.
   */
  async tuneBridge(bridge: Link, stp: boolean): Promise<void> {
    const body = withBridgeData(new AttributeWriter(), (data) => {
      quietBridge(data, stp);
      // A kernel without VLAN filtering does not know the attribute.
      if (bridge.vlanFiltering) data.u8(BridgeAttribute.VLAN_FILTERING, 0);
    });
    await this.#link(`setting up bridge ${bridge.name}`, bridge.ifindex, body);
  }

  async setMac(link: Link, mac: string): Promise<void> {
    const body = new AttributeWriter().bytes(LinkAttribute.ADDRESS, macBytes(mac));
    await this.#link(`setting the MAC of ${link.name}`, link.ifindex, body);
  }

  /** Puts a link into a bridge, or takes it out of whatever it is in when `master` is 0. */
  async setMaster(link: Link, master: number): Promise<void> {
    const what =
      master === 0 ? `taking ${link.name} out of its bridge` : `adding port ${link.name}`;
    const body = new AttributeWriter().u32(LinkAttribute.MASTER, master);
    await this.#link(what, link.ifindex, body);
  }

  async setUp(link: Link, up: boolean): Promise<void> {
    const what = `bringing ${link.name} ${up ? 'up' : 'down'}`;
    const header = linkHeader(
      AddressFamily.UNSPEC,
      link.ifindex,
      up ? LinkFlag.UP : 0,
      LinkFlag.UP,
    );
    await this.#connection.request(what, MessageType.NEW_LINK, header);
  }

  /**
   * A port whose bridge learns nothing from it and floods everything to it: learning is the
   * dataplane's. What the bridge may have learned in the moment before is forgotten.
   */
  async setFloodPort(link: LinkName): Promise<void> {
    await this.#port(`setting up port ${link.name}`, link, (port) => {
      for (const [attribute, value] of FLOOD_PORT) port.u8(attribute, value);
      port.bytes(PortAttribute.FLUSH, new Uint8Array(0));
    });
  }

  /** The bridge moves nothing between ports that are all shut; `setFloodPort` opens them again. */
  async shutPort(link: LinkName): Promise<void> {
    await this.#port(`shutting port ${link.name}`, link, (port) => {
      port.u8(PortAttribute.ISOLATED, 1);
    });
  }

  /** Takes away an XDP program that no BPF link holds; it is no error when there is none. */
  async clearXdp(link: LinkName, mode: 'native' | 'generic'): Promise<void> {
    const none = Buffer.alloc(4);
    none.writeInt32LE(-1);
    const body = new AttributeWriter().nest(LinkAttribute.XDP, (xdp) => {
      xdp.bytes(XdpAttribute.DESCRIPTOR, none).u32(XdpAttribute.FLAGS, XdpFlag[mode]);
    });
    await this.#connection.request(
      `taking an XDP program off ${link.name}`,
      MessageType.SET_LINK,
      Buffer.concat([linkHeader(AddressFamily.UNSPEC, link.ifindex), body.finish()]),
    );
  }

  async remove(link: Link): Promise<void> {
    const header = linkHeader(AddressFamily.UNSPEC, link.ifindex);
    await this.#connection.request(`removing ${link.name}`, MessageType.DELETE_LINK, header);
  }

  close(): void {
    this.#connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #port(what: string, link: LinkName, fill: (port: AttributeWriter) => void): Promise<void> {
    const body = new AttributeWriter().nest(LinkAttribute.PROTINFO, fill);
    await this.#connection.request(
      what,
      MessageType.SET_LINK,
      Buffer.concat([linkHeader(AddressFamily.BRIDGE, link.ifindex), body.finish()]),
    );
  }

  async #link(what: string, ifindex: number, body: AttributeWriter, flags = 0): Promise<void> {
    const message = Buffer.concat([linkHeader(AddressFamily.UNSPEC, ifindex), body.finish()]);
    await this.#connection.request(what, MessageType.NEW_LINK, message, { flags });
  }
}

function withBridgeData(
  body: AttributeWriter,
  fill: (data: AttributeWriter) => void,
): AttributeWriter {
  return body.nest(LinkAttribute.INFO, (info) => {
    info.text(InfoAttribute.KIND, 'bridge').nest(InfoAttribute.DATA, fill);
  });
}

function quietBridge(data: AttributeWriter, stp: boolean): void {
  data.u32(BridgeAttribute.STP_STATE, stp ? 1 : 0).u8(BridgeAttribute.MULTICAST_SNOOPING, 0);
}
