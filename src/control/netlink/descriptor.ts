/**
 * What the kernel says about a netlink socket of this process: the netlink package gives out neither
 * its descriptor nor its losses.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const SOCKETS = '/proc/net/netlink';
const DESCRIPTORS = '/proc/self/fd';
const Column = { FAMILY: 1, PORT: 2, DROPS: 8, INODE: 9 } as const;

/** A row of the kernel's list. */
interface SocketRow {
  readonly inode: number;
  /** Datagrams that the kernel could not deliver because the socket's buffer was full. */
  readonly drops: number;
}

/** The row of the socket that is bound to `port`, which is unique for its family and namespace. */
export function socketRow(list: string, family: number, port: number): SocketRow | undefined {
  for (const line of list.split('\n')) {
    const fields = line.trim().split(/\s+/);
    const number = (column: number) => Number(fields[column]);
    if (number(Column.FAMILY) === family && number(Column.PORT) === port) {
      return { inode: number(Column.INODE), drops: number(Column.DROPS) };
    }
  }
  return undefined;
}

/** Datagrams that a socket has lost so far; undefined when the kernel's list cannot be read. */
export function droppedDatagrams(family: number, port: number): number | undefined {
  try {
    return socketRow(readFileSync(SOCKETS, 'utf8'), family, port)?.drops;
  } catch {
    return undefined;
  }
}

/** The descriptor of a socket of this process; undefined when it has none of that address. */
export function descriptorOf(family: number, port: number): number | undefined {
  const row = socketRow(readFileSync(SOCKETS, 'utf8'), family, port);
  if (row === undefined) return undefined;
  const found = readdirSync(DESCRIPTORS).find((name) => linkOf(name) === `socket:[${row.inode}]`);
  return found === undefined ? undefined : Number(found);
}

function linkOf(name: string): string {
  try {
    return readlinkSync(`${DESCRIPTORS}/${name}`);
  } catch {
    // The descriptor that the listing itself used is gone again.
    return '';
  }
}
