/** Link events, as they happen. */
import { Family, NetlinkConnection, type NetlinkMessage } from '../netlink/index.js';
import {
  decodeLink,
  decodePortNotice,
  type Link,
  MessageType,
  type PortNotice,
} from './link-codec.js';

const Group = { LINK: 1, TRAFFIC_CONTROL: 4 } as const;
/** New and deleted qdiscs and filters. */
const TRAFFIC_CONTROL: ReadonlySet<number> = new Set([36, 37, 44, 45]);
/** Of the ifindex in struct tcmsg. */
const TC_IFINDEX = 4;

/** What a watch calls back for. */
export interface LinkListener {
  /** A link is new, or something about it changed; the kernel also repeats itself. */
  onChange(link: Link): void;
  /** A link is gone from the namespace. */
  onGone(link: Link): void;
  /** Events were lost: what is known of links must be listed anew. */
  onLost(): void;
  /** A bridge gave one of its ports another state, or repeats itself. */
  onPortState?(notice: PortNotice): void;
  /** A qdisc or filter of a link came or went; whoever does not ask is not told. */
  onFilters?(ifindex: number): void;
}

/** Watches the links of this network namespace until it is closed. Throws NetlinkError. */
export class LinkWatch implements Disposable {
  readonly #connection: NetlinkConnection;

  constructor(listener: LinkListener) {
    this.#connection = new NetlinkConnection(Family.ROUTE, {
      onMessages: (messages) => {
        for (const message of messages) tell(listener, message);
      },
      onOverrun: () => listener.onLost(),
    });
    this.#connection.join(Group.LINK);
    if (listener.onFilters !== undefined) this.#connection.join(Group.TRAFFIC_CONTROL);
  }

  close(): void {
    this.#connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function tell(listener: LinkListener, message: NetlinkMessage): void {
  const { type, payload } = message;
  if (TRAFFIC_CONTROL.has(type)) {
    if (payload.length >= TC_IFINDEX + 4) listener.onFilters?.(payload.readInt32LE(TC_IFINDEX));
    return;
  }
  const link = decodeLink(payload);
  if (link === undefined) {
    const notice = type === MessageType.NEW_LINK ? decodePortNotice(payload) : undefined;
    if (notice !== undefined) listener.onPortState?.(notice);
    return;
  }
  if (type === MessageType.NEW_LINK) listener.onChange(link);
  else if (type === MessageType.DELETE_LINK) listener.onGone(link);
}
