/** The descriptor of a netlink socket of this process, which the netlink package does not give out. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const SOCKETS = '/proc/net/netlink';
const DESCRIPTORS = '/proc/self/fd';
const Column = { FAMILY: 1, PORT: 2, INODE: 9 } as const;

/** Inode of the socket that is bound to `port`, which is unique for its family and namespace. */
export function socketInode(list: string, family: number, port: number): number | undefined {
  for (const line of list.split('\n')) {
    const fields = line.trim().split(/\s+/);
    const number = (column: number) => Number(fields[column]);
    if (number(Column.FAMILY) === family && number(Column.PORT) === port) {
      return number(Column.INODE);
    }
  }
  return undefined;
}

/** The descriptor of a socket of this process; undefined when it has none of that address. */
export function descriptorOf(family: number, port: number): number | undefined {
  const inode = socketInode(readFileSync(SOCKETS, 'utf8'), family, port);
  if (inode === undefined) return undefined;
  const found = readdirSync(DESCRIPTORS).find((name) => linkOf(name) === `socket:[${inode}]`);
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
