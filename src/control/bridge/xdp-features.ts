/** What drivers can do in XDP, as the kernel tells it since 6.3 over generic netlink. */
import {
  Attributes,
  AttributeWriter,
  Family,
  NetlinkConnection,
  NetlinkError,
} from '../netlink/index.js';

/** GENL_ID_CTRL, CTRL_CMD_GETFAMILY and its attributes of linux/genetlink.h. */
const Control = { TYPE: 16, GET_FAMILY: 3, ID: 1, NAME: 2 } as const;
/** linux/netdev.h. */
const NetDev = { GET: 1, IFINDEX: 1, XDP_FEATURES: 3 } as const;
const Feature = { RX_SG: 32n, NDO_XMIT_SG: 64n } as const;
const HEADER = 4;
/** The kernel has no such family; or it is of another version, and does not know the request. */
const TOO_OLD = ['ENOENT', 'EOPNOTSUPP'];
const GONE = 'ENODEV';

/** Whether a device hands frames of several buffers to XDP, and sends such from it. */
export interface XdpFeatures {
  readonly takes: boolean;
  readonly sends: boolean;
}

/** Asks in the network namespace that the process was in when it was made. */
export class XdpFeatureReader implements Disposable {
  readonly #connection = new NetlinkConnection(Family.GENERIC);
  /** Number of the family; 0: this kernel has none. */
  #family: number | undefined;

  /**
   * Undefined: this kernel does not tell, or there is no such device. Some drivers tell more once an XDP
   * program is attached.
   * @throws NetlinkError
   */
  async of(ifindex: number): Promise<XdpFeatures | undefined> {
    this.#family ??= await this.#findFamily();
    if (this.#family === 0) return undefined;
    const body = new AttributeWriter().u32(NetDev.IFINDEX, ifindex).finish();
    const what = 'asking for XDP features';
    const answer = await this.#ask(what, this.#family, NetDev.GET, body);
    const bytes = answer?.bytes(NetDev.XDP_FEATURES);
    if (bytes === undefined || bytes.length < 8) return undefined;
    const features = bytes.readBigUInt64LE();
    const has = (feature: bigint) => (features & feature) !== 0n;
    return { takes: has(Feature.RX_SG), sends: has(Feature.NDO_XMIT_SG) };
  }

  close(): void {
    this.#connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #findFamily(): Promise<number> {
    const body = new AttributeWriter().text(Control.NAME, 'netdev').finish();
    const what = 'finding the family netdev';
    const answer = await this.#ask(what, Control.TYPE, Control.GET_FAMILY, body);
    const id = answer?.bytes(Control.ID);
    return id === undefined || id.length < 2 ? 0 : id.readUInt16LE();
  }

  /** Undefined: there is nothing of the kind. */
  async #ask(
    what: string,
    type: number,
    command: number,
    body: Uint8Array,
  ): Promise<Attributes | undefined> {
    const header = Uint8Array.of(command, 1, 0, 0);
    try {
      const [message] = await this.#connection.request(what, type, Buffer.concat([header, body]));
      return message && new Attributes(message.payload, HEADER);
    } catch (error) {
      const code = error instanceof NetlinkError ? error.code : '';
      if (TOO_OLD.includes(code) || code === GONE) return undefined;
      throw error;
    }
  }
}
