/** Links of this network namespace: what there is, and what is to change. */
import { AttributeWriter, Family, NetlinkConnection } from '../netlink/index.js';
import {
  AddressFamily,
  addressHeader,
  BridgeAttribute,
  decodeAddress,
  decodeDefaultRoute,
  decodeLink,
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
} from './link-codec.js';

const CREATE = 0x400;
const EXCLUSIVE = 0x200;

/**
 * rtnetlink of the namespace that the process is in. sysfs is never asked: under `nsenter` it shows
 * another namespace. Methods throw NetlinkError.
 */
export class Links implements Disposable {
  readonly #connection = new NetlinkConnection(Family.ROUTE);

  async list(): Promise<Link[]> {
    const header = linkHeader(AddressFamily.UNSPEC, 0);
    const messages = await this.#connection.dump('listing links', MessageType.GET_LINK, header);
    return messages.flatMap((message) => decodeLink(message.payload) ?? []);
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

  /** A bridge that sends nothing of its own: no STP, no multicast snooping; still down. */
  async createBridge(name: string): Promise<void> {
    const body = new AttributeWriter().text(LinkAttribute.NAME, name);
    await this.#link(
      `creating bridge ${name}`,
      0,
      withBridgeData(body, quietBridge),
      CREATE | EXCLUSIVE,
    );
  }

  /** Turns STP, multicast snooping and VLAN filtering of an existing bridge off. */
  async quietBridge(bridge: Link): Promise<void> {
    const body = withBridgeData(new AttributeWriter(), (data) => {
      quietBridge(data);
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
  async setFloodPort(link: Link): Promise<void> {
    const body = new AttributeWriter().nest(LinkAttribute.PROTINFO, (port) => {
      port
        .u8(PortAttribute.LEARNING, 0)
        .u8(PortAttribute.UNICAST_FLOOD, 1)
        .u8(PortAttribute.MULTICAST_FLOOD, 1)
        .u8(PortAttribute.BROADCAST_FLOOD, 1)
        .u8(PortAttribute.HAIRPIN, 0)
        .u8(PortAttribute.ISOLATED, 0)
        .bytes(PortAttribute.FLUSH, new Uint8Array(0));
    });
    await this.#connection.request(
      `setting up port ${link.name}`,
      MessageType.SET_LINK,
      Buffer.concat([linkHeader(AddressFamily.BRIDGE, link.ifindex), body.finish()]),
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

function quietBridge(data: AttributeWriter): void {
  data.u32(BridgeAttribute.STP_STATE, 0).u8(BridgeAttribute.MULTICAST_SNOOPING, 0);
}
