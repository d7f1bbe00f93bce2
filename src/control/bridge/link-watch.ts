/** Link events, as they happen. */
import { Family, NetlinkConnection, type NetlinkMessage } from '../netlink/index.js';
import { decodeLink, type Link, MessageType } from './link-codec.js';

const LINK_GROUP = 1;

/** What a watch calls back for. */
export interface LinkListener {
  /** A link is new, or something about it changed; the kernel also repeats itself. */
  onChange(link: Link): void;
  /** A link is gone from the namespace. */
  onGone(link: Link): void;
  /** Events were lost: what is known of links must be listed anew. */
  onLost(): void;
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
    this.#connection.join(LINK_GROUP);
  }

  close(): void {
    this.#connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function tell(listener: LinkListener, message: NetlinkMessage): void {
  const link = decodeLink(message.payload);
  if (link === undefined) return;
  if (message.type === MessageType.NEW_LINK) listener.onChange(link);
  else if (message.type === MessageType.DELETE_LINK) listener.onGone(link);
}
