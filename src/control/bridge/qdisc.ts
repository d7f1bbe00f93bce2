/** The clsact qdisc, which carries the tc filters of a link. */
import { Attributes, Family, NetlinkConnection, NetlinkError } from '../netlink/index.js';

const Message = { DELETE_QDISC: 37, GET_QDISC: 38, GET_FILTER: 46 } as const;
const KIND = 1;
const HEADER = 20;
/** Where a clsact qdisc is, and the two places of its filters. */
const CLSACT = { handle: 0xffff0000, parent: 0xfffffff1 } as const;
const HOOKS = [0xfffffff2, 0xfffffff3] as const;
/** The link has gone, or the qdisc. */
const GONE: ReadonlySet<string> = new Set(['ENODEV', 'ENOENT', 'EINVAL']);

/**
 * Removes the clsact qdisc of a link when no filter is left on either side of it. Returns whether it
 * did; a link that has gone has none. Throws NetlinkError.
 */
export async function dropIdleClsact(ifindex: number): Promise<boolean> {
  using connection = new NetlinkConnection(Family.ROUTE);
  try {
    const qdiscs = await connection.dump('listing qdiscs', Message.GET_QDISC, header(ifindex));
    if (!qdiscs.some(({ payload }) => isClsact(payload, ifindex))) return false;
    for (const parent of HOOKS) {
      const asked = header(ifindex, { parent });
      const filters = await connection.dump('listing filters', Message.GET_FILTER, asked);
      if (filters.length > 0) return false;
    }
    const what = 'removing a clsact qdisc';
    await connection.request(what, Message.DELETE_QDISC, header(ifindex, CLSACT));
    return true;
  } catch (error) {
    if (error instanceof NetlinkError && GONE.has(error.code)) return false;
    throw error;
  }
}

/** struct tcmsg. */
function header(ifindex: number, { handle = 0, parent = 0 } = {}): Buffer {
  const bytes = Buffer.alloc(HEADER);
  bytes.writeInt32LE(ifindex, 4);
  bytes.writeUInt32LE(handle, 8);
  bytes.writeUInt32LE(parent, 12);
  return bytes;
}

/** The kernel lists the qdiscs of every link, whichever was asked for. */
function isClsact(payload: Buffer, ifindex: number): boolean {
  if (payload.length < HEADER || payload.readInt32LE(4) !== ifindex) return false;
  return new Attributes(payload, HEADER).text(KIND) === 'clsact';
}
